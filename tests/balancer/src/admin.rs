//! Envoy's own account of itself, asked for on its Unix socket.

use std::{collections::BTreeMap, path::PathBuf};

use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes, header::HOST};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;

use crate::Error;

#[derive(Clone, Debug)]
pub(crate) struct Admin {
    socket: PathBuf,
}

#[derive(Deserialize)]
struct StatsAnswer {
    stats: Vec<StatAnswer>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StatAnswer {
    Number {
        name: String,
        value: u64,
    },
    Text {
        name: String,
        value: String,
    },
    /// Histograms, which nobody asks for.
    Other(serde::de::IgnoredAny),
}

impl StatAnswer {
    fn number(self) -> Option<(String, u64)> {
        match self {
            Self::Number { name, value } => Some((name, value)),
            Self::Text { .. } | Self::Other(_) => None,
        }
    }
}

#[derive(Deserialize)]
struct ClustersAnswer {
    #[serde(default)]
    cluster_statuses: Vec<ClusterAnswer>,
}

#[derive(Deserialize)]
struct ClusterAnswer {
    name: String,
    #[serde(default)]
    host_statuses: Vec<HostAnswer>,
}

#[derive(Deserialize)]
struct HostAnswer {
    health_status: BTreeMap<String, serde_json::Value>,
}

impl Admin {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Whether it serves.
    pub(crate) async fn is_ready(&self) -> bool {
        matches!(self.get("/ready").await, Ok((200, _)))
    }

    pub(crate) async fn numbers(&self) -> Result<BTreeMap<String, u64>, Error> {
        let stats = self.stats("/stats?format=json&type=All&histogram_buckets=none").await?;
        Ok(stats.into_iter().filter_map(StatAnswer::number).collect())
    }

    pub(crate) async fn texts(&self) -> Result<BTreeMap<String, String>, Error> {
        let text = |stat| match stat {
            StatAnswer::Text { name, value } => Some((name, value)),
            StatAnswer::Number { .. } | StatAnswer::Other(_) => None,
        };
        Ok(self.stats("/stats?format=json&type=TextReadouts").await?.into_iter().filter_map(text).collect())
    }

    /// How often each part of the configuration was refused.
    pub(crate) async fn rejected(&self) -> Result<BTreeMap<String, u64>, Error> {
        let stats = self.stats("/stats?format=json&type=Counters&filter=update_rejected").await?;
        Ok(stats.into_iter().filter_map(StatAnswer::number).collect())
    }

    /// How many endpoints of each cluster get requests, and how many it has.
    pub(crate) async fn healthy(&self) -> Result<BTreeMap<String, (usize, usize)>, Error> {
        let (_, body) = self.get("/clusters?format=json").await?;
        let answer: ClustersAnswer = parse(&body)?;
        // Each ailment has a key of its own; the one that is always there says what service discovery thinks.
        let is_healthy = |host: &&HostAnswer| host.health_status.keys().all(|key| key == "eds_health_status");
        let count = |hosts: &[HostAnswer]| (hosts.iter().filter(is_healthy).count(), hosts.len());
        let clusters = answer.cluster_statuses.into_iter();
        Ok(clusters.map(|cluster| (cluster.name, count(&cluster.host_statuses))).collect())
    }

    async fn stats(&self, path: &str) -> Result<Vec<StatAnswer>, Error> {
        let (_, body) = self.get(path).await?;
        Ok(parse::<StatsAnswer>(&body)?.stats)
    }

    async fn get(&self, path: &str) -> Result<(u16, Bytes), Error> {
        let stream = UnixStream::connect(&self.socket).await.map_err(Error::Admin)?;
        let wrong = |error: hyper::Error| Error::Admin(std::io::Error::other(error));
        let (mut requests, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(wrong)?;
        let request = Request::get(path).header(HOST, "envoy").body(Empty::<Bytes>::new());
        let request = request.expect("a path that is written here is valid");
        let answer = async {
            let answer = requests.send_request(request).await.map_err(wrong)?;
            let status = answer.status().as_u16();
            Ok((status, answer.into_body().collect().await.map_err(wrong)?.to_bytes()))
        };
        tokio::pin!(connection);
        tokio::pin!(answer);
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            _ = &mut connection => answer.await,
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Admin(error.into()))
}
