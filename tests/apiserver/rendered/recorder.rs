//! Stands between the operator and the apiserver, passes every byte on and keeps the requests.
//!
//! The operator speaks plain HTTP to it, and it passes that on to the real `kubectl proxy`, which speaks TLS to the apiserver.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use realtime_tests::{Cluster, wait};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    task::JoinSet,
};

use super::Key;

/// A request as it was sent.
struct Request {
    /// `PATCH /apis/…?… HTTP/1.1`
    line: String,
    body: Vec<u8>,
}

type Requests = Arc<Mutex<Vec<Request>>>;

/// Records for as long as it is there.
pub(super) struct Recorder {
    address: std::net::SocketAddr,
    requests: Requests,
    _tasks: JoinSet<()>,
}

impl Recorder {
    pub(super) async fn start(cluster: Arc<Cluster>, folder: &Path) -> Result<Self> {
        let socket = folder.join("apiserver.socket");
        let flag = format!("--unix-socket={}", socket.display());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // It runs until the task is dropped.
            let said = cluster.kubectl(&["proxy", &flag], "").await;
            eprintln!("kubectl proxy ended: {said:?}");
        });
        let proxy = wait::until(wait::DEADLINE, async || Ok(UnixStream::connect(&socket).await.ok())).await?;
        drop(proxy.context("kubectl proxy does not listen")?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let requests = Requests::default();
        let kept = requests.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (socket, kept) = (socket.clone(), kept.clone());
                connections.spawn(async move {
                    // Either side may end a connection.
                    let _ = pass_on(client, &socket, &kept).await;
                });
            }
        });
        Ok(Self { address, requests, _tasks: tasks })
    }

    pub(super) fn kubeconfig(&self) -> String {
        format!(
            "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}], \
             users: [{{name: u, user: {{}}}}], clusters: [{{name: c, cluster: {{server: 'http://{}'}}}}]}}",
            self.address
        )
    }

    /// The bodies of the operator's applies by kind and name, of children whose name begins so.
    pub(super) fn applied(&self, service: &str) -> Result<BTreeMap<Key, Vec<Vec<u8>>>> {
        let mut applied: BTreeMap<Key, Vec<Vec<u8>>> = BTreeMap::new();
        for Request { line, body } in self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let url = line.split(' ').nth(1).unwrap_or_default();
            let (path, query) = url.split_once('?').unwrap_or((url, ""));
            let by_operator = query.split('&').any(|pair| pair == "fieldManager=realtime-operator");
            let of_service = path.rsplit('/').next().is_some_and(|name| name.starts_with(service));
            if !line.starts_with("PATCH ")
                || !by_operator
                || ["/status", "/scale"].iter().any(|part| path.ends_with(part))
                || !of_service
            {
                continue;
            }
            let object: Value = serde_json::from_slice(body).with_context(|| line.clone())?;
            applied.entry(super::key(&object)).or_default().push(body.clone());
        }
        Ok(applied)
    }
}

async fn pass_on(client: TcpStream, socket: &Path, kept: &Requests) -> Result<()> {
    let server = UnixStream::connect(socket).await?;
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    tokio::select! {
        ended = record(from_client, to_server, kept) => ended,
        ended = tokio::io::copy(&mut from_server, &mut to_client) => Ok(ended.map(|_| ())?),
    }
}

async fn record(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, kept: &Requests) -> Result<()> {
    let mut seen = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        seen.extend_from_slice(&chunk[..count]);
        // Kept before it is passed on, so that whoever sees its effect finds it here.
        while let Some((request, length)) = first(&seen)? {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(request);
            seen.drain(..length);
        }
        to.write_all(&chunk[..count]).await?;
    }
}

/// The first whole request of these bytes, and its length.
fn first(bytes: &[u8]) -> Result<Option<(Request, usize)>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end])?;
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find_map(|(name, value)| name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>()));
    let (body, length) = (end + 4, length.transpose()?.unwrap_or(0));
    let Some(whole) = bytes.get(body..body + length) else { return Ok(None) };
    Ok(Some((Request { line, body: whole.to_vec() }, body + length)))
}
