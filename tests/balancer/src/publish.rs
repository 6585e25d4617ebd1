//! Gives Envoy its configuration, over HTTP on a Unix socket. Envoy asks for each part with the version that it has, and
//! the answer waits until there is another one. (Files would do, but Envoy watches each of them with an inotify instance of
//! its own, and a user has 128.)

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::UnixListener, sync::watch, task::JoinSet};

use crate::xds::{Key, Kind, Part};

#[derive(Clone, Debug)]
struct Published {
    version: String,
    resources: Arc<Vec<Value>>,
}

type Parts = BTreeMap<Key, Published>;

/// What Envoy is given. Its server ends with it.
#[derive(Debug)]
pub(crate) struct Publisher {
    parts: watch::Sender<Parts>,
    last_version: u64,
    refused: BTreeSet<Key>,
    _server: JoinSet<()>,
}

#[derive(Deserialize)]
struct Question {
    #[serde(default)]
    version_info: String,
    #[serde(default)]
    resource_names: Vec<String>,
}

impl Publisher {
    /// Serves on this socket.
    pub(crate) fn start(socket: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(socket)?;
        let (parts, state) = watch::channel(Parts::new());
        let mut server = JoinSet::new();
        server.spawn(serve(listener, state));
        Ok(Self { parts, last_version: 0, refused: BTreeSet::new(), _server: server })
    }

    /// Publishes a part if it says something new, and returns the version that is there then.
    pub(crate) fn publish(&mut self, part: &Part) -> String {
        let Part { key, stat: _, resources } = part;
        let is_new = self.refused.remove(key);
        if let Some(there) = self.parts.borrow().get(key).filter(|there| *there.resources == *resources && !is_new) {
            return there.version.clone();
        }
        self.last_version += 1;
        let version = self.last_version.to_string();
        let published = Published { version: version.clone(), resources: Arc::new(resources.clone()) };
        self.parts.send_modify(|parts| drop(parts.insert(key.clone(), published)));
        version
    }

    /// The next time it is new, whatever it says: then Envoy tries again.
    pub(crate) fn refused(&mut self, key: &Key) {
        self.refused.insert(key.clone());
    }

    pub(crate) fn resources(&self, key: &Key) -> Arc<Vec<Value>> {
        self.parts.borrow().get(key).map(|there| there.resources.clone()).unwrap_or_default()
    }

    /// Forgets all other parts.
    pub(crate) fn keep(&mut self, kept: &BTreeSet<Key>) {
        self.parts.send_if_modified(|parts| {
            parts.retain(|key, _| kept.contains(key));
            false
        });
    }
}

async fn serve(listener: UnixListener, state: watch::Receiver<Parts>) {
    // The version that each part was answered with last.
    let answered = Arc::new(Mutex::new(BTreeMap::new()));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::error!(%error, "Envoy's connection was not taken");
                continue;
            }
        };
        let (state, answered) = (state.clone(), answered.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, state.clone(), answered.clone()));
            // Envoy closes a connection whose question is no longer of interest.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    mut state: watch::Receiver<Parts>,
    answered: Arc<Mutex<BTreeMap<Key, String>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let status = |status: StatusCode| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        Ok(response)
    };
    let Some(kind) = Kind::of_path(request.uri().path()) else { return status(StatusCode::NOT_FOUND) };
    let Ok(body) = request.into_body().collect().await else { return status(StatusCode::BAD_REQUEST) };
    let Ok(question) = serde_json::from_slice::<Question>(&body.to_bytes()) else {
        return status(StatusCode::BAD_REQUEST);
    };
    let Question { version_info: held, resource_names } = question;
    let key = Key { kind, name: resource_names.into_iter().next().unwrap_or_default() };
    let is_due = |parts: &Parts| {
        parts.get(&key).is_some_and(|there| {
            // Who held a version before, was given this one and asks with the old one has refused it.
            let was_refused = !held.is_empty() && answered.lock().is_ok_and(|it| it.get(&key) == Some(&there.version));
            there.version != held && !was_refused
        })
    };
    let published = match state.wait_for(is_due).await {
        Ok(parts) => parts.get(&key).cloned(),
        Err(_) => None,
    };
    let Some(Published { version, resources }) = published else { return status(StatusCode::SERVICE_UNAVAILABLE) };
    let response = json!({"version_info": version, "type_url": kind.type_url(), "resources": *resources});
    answered.lock().expect("nobody panics with it").insert(key, version);
    Ok(Response::new(Full::from(response.to_string())))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::{Error, binary, envoy::Envoy};

    fn clusters(connect_timeout: &str) -> Part {
        let cluster = json!({
            "@type": Kind::Clusters.type_url(), "name": "a", "type": "STATIC", "connect_timeout": connect_timeout,
        });
        Part { key: Key::all(Kind::Clusters), stat: Some("cluster_manager.cds".to_owned()), resources: vec![cluster] }
    }

    #[tokio::test]
    async fn what_envoy_refuses_is_heard_at_once_and_the_next_version_is_taken() -> Result<(), Error> {
        let folder = tempfile::tempdir().map_err(Error::Files)?;
        let socket = folder.path().join("configuration.sock");
        let mut publisher = Publisher::start(&socket).map_err(Error::Files)?;
        for kind in [Kind::Clusters, Kind::Listeners] {
            publisher.publish(&Part { key: Key::all(kind), stat: None, resources: Vec::new() });
        }
        let (binary, log) = (binary::find(|line| eprintln!("{line}")).await?, folder.path().join("log"));
        let mut envoy = Envoy::start(&binary, folder.path(), &socket, &log, 1).await?;
        let mut publish = async |part: &Part| {
            let versions = BTreeMap::from([("cluster_manager.cds".to_owned(), publisher.publish(part))]);
            let outcome = envoy.in_force(&versions).await;
            if outcome.is_err() {
                publisher.refused(&part.key);
            }
            outcome
        };
        let began = Instant::now();
        for _ in 0..2 {
            let refusal = publish(&clusters("-1s")).await.expect_err("a refusal").to_string();
            assert!(refusal.contains("rejected"), "{refusal}");
        }
        publish(&clusters("1s")).await?;
        publish(&clusters("1s")).await?;
        assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
        Ok(())
    }
}
