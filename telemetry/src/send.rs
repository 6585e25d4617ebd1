//! How batches of spans leave: by the HTTP client that the programs have anyway.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connect, HttpConnector},
    },
    rt::TokioExecutor,
};
use opentelemetry_http::{HttpClient, HttpError};
use rustls::crypto::ring;
use tokio::{runtime::Handle, time};

use crate::{Error, with_causes};

/// From the name look-up to the last byte.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Sends on the program's own runtime, whichever thread it is asked from.
pub(crate) struct Sender<C> {
    client: Client<C, Full<Bytes>>,
    runtime: Handle,
    /// Whether the last batch did not arrive.
    fails: AtomicBool,
}

impl<C: Connect + Clone + Send + Sync + 'static> Sender<C> {
    pub(crate) fn new(connector: C, runtime: &Handle) -> Self {
        // Names and TLS in a FROM scratch image are the connector's business; one idle connection is enough for batches.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(1).build(connector);
        Self { client, runtime: runtime.clone(), fails: AtomicBool::new(false) }
    }

    /// Says so when it begins to fail, and when it works again: the exporter's own lines leave out why.
    fn tell(&self, failure: Option<String>) {
        let failed_before = self.fails.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(why) if !failed_before => tracing::warn!(why, "traces do not arrive"),
            None if failed_before => tracing::info!("traces arrive again"),
            Some(_) | None => {}
        }
    }
}

impl<C> fmt::Debug for Sender<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

pub(crate) fn with_tls() -> Result<HttpsConnector<HttpConnector>, Error> {
    let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(ring::default_provider());
    Ok(builder.map_err(Error::Roots)?.https_only().enable_http1().build())
}

#[async_trait]
impl<C: Connect + Clone + Send + Sync + 'static> HttpClient for Sender<C> {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let whole = async move {
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER).collect().await?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        // The batches come from a thread of their own, where there is neither a runtime nor its clock.
        let sent: Result<_, HttpError> = self.runtime.spawn(async { time::timeout(PATIENCE, whole).await? }).await?;
        self.tell(match &sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the receiver answers {}", answer.status())),
            Err(error) => Some(with_causes(&**error)),
        });
        sent
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_thread_without_a_runtime_can_send() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/v1/traces", listener.local_addr().expect("bound"));
        let sender = Sender::new(HttpConnector::new(), &Handle::current());
        let asked = thread::spawn(move || {
            let request = Request::post(url).body(Bytes::from_static(b"spans")).expect("a request");
            futures::executor::block_on(sender.send_bytes(request)).map(|answer| (answer.status(), answer.into_body()))
        });
        let (mut connection, _) = listener.accept().await.expect("a connection");
        let mut request = Vec::new();
        while !request.ends_with(b"spans") {
            assert_ne!(connection.read_buf(&mut request).await.expect("a request"), 0);
        }
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.expect("answered");
        let (status, body) = asked.join().expect("no panic").expect("an answer");
        assert_eq!((status.as_u16(), &*body), (200, &b"ok"[..]));
    }
}
