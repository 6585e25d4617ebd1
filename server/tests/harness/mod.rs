//! Starts the real program on a free port and talks to it in raw HTTP, so that any byte can be sent.
#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "each test uses some of it; a panic is a failed test")]

pub mod crowd;
pub mod frames;
#[path = "../../../tests/src/usage.rs"]
mod usage;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

pub const APP: &str = "https://app.domain-b.com";
pub const OTHER: &str = "https://other.domain-c.com";
pub const PATH: &str = "/oursocketio";
const PATIENCE: Duration = Duration::from_secs(10);

/// A manifest with this `origins:` in YAML flow style.
pub fn manifest(origins: &str) -> String {
    manifest_with(origins, "")
}

pub fn manifest_with(origins: &str, more: &str) -> String {
    format!(
        "apiVersion: realtime-operator.dev/v1alpha1\nkind: RealtimeService\nmetadata: {{name: chat}}\n\
         spec:\n  host: chat.domain-a.com\n  path: {PATH}\n  origins: {origins}\n{more}"
    )
}

pub struct Server {
    child: Child,
    pub public: SocketAddr,
    pub admin: SocketAddr,
    pub file: PathBuf,
    folder: TempDir,
}

impl Server {
    pub fn start(manifest: &str) -> Self {
        Self::start_with(manifest, &[])
    }

    pub fn start_with(manifest: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chat.yaml");
        fs::write(&file, manifest).unwrap();
        Self::start_in(folder, file, options)
    }

    pub fn start_in(folder: TempDir, file: PathBuf, options: &[&str]) -> Self {
        Self::spawn(command(&file).args(options), folder, file)
    }

    /// Starts it and waits until it serves.
    pub fn spawn(command: &mut Command, folder: TempDir, file: PathBuf) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log(folder.path())).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!("the server did not start: {}", fs::read_to_string(folder.path().join("log")).unwrap())
        });
        let address = |name: &str| line[name].as_str().unwrap().parse().unwrap();
        Self { public: address("listening"), admin: address("admin"), child, file, folder }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Replaces the manifest as editors do: a new file is renamed over the old one.
    pub fn apply(&self, manifest: &str) {
        let next = self.folder.path().join("next");
        fs::write(&next, manifest).unwrap();
        fs::rename(next, &self.file).unwrap();
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([format!("-{signal}"), self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub fn resident_kib(&self) -> u64 {
        usage::memory(self.child.id()).unwrap() / 1024
    }

    pub async fn status(&self) -> Value {
        serde_json::from_slice(&send(self.admin, b"GET /status HTTP/1.1\r\nhost: a\r\n\r\n").await.body).unwrap()
    }

    pub async fn metrics(&self) -> String {
        send(self.admin, b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n").await.text()
    }

    pub async fn send(&self, request: Request) -> Answer {
        send(self.public, &request.bytes()).await
    }

    /// Opens a polling session and gives its id.
    pub async fn handshake(&self, origin: &str) -> String {
        let answer = self.send(Request::polling("").origin(origin)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        let (_, rest) = text.split_once("\"sid\":\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The program with a file and free ports, and nothing from the environment.
pub fn command(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_realtime-server"));
    command.env_clear().env("REALTIME_DRAIN", "0s").arg("--policy-file").arg(file);
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command
}

fn log(folder: &Path) -> Stdio {
    fs::File::create(folder.join("log")).unwrap().into()
}

#[derive(Clone)]
pub struct Request {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            head: format!("{method} {target} HTTP/1.1\r\nhost: chat.domain-a.com\r\n").into_bytes(),
            body: Vec::new(),
        }
    }

    /// A request by polling, with more of the query.
    pub fn polling(query: &str) -> Self {
        Self::new("GET", &format!("{PATH}/?EIO=4&transport=polling{query}"))
    }

    pub fn post(sid: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", &format!("{PATH}/?EIO=4&transport=polling&sid={sid}")).body(body)
    }

    pub fn preflight() -> Self {
        let request = Self::new("OPTIONS", &format!("{PATH}/?EIO=4&transport=polling"));
        request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization")
    }

    pub fn upgrade(query: &str) -> Self {
        Self::new("GET", &format!("{PATH}/?{query}")).upgrading()
    }

    pub fn upgrading(self) -> Self {
        self.header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    pub fn websocket() -> Self {
        Self::upgrade("EIO=4&transport=websocket")
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.head.extend([name.as_bytes(), b": ", value.as_ref(), b"\r\n"].concat());
        self
    }

    pub fn origin(self, origin: impl AsRef<[u8]>) -> Self {
        self.header("origin", origin)
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("content-type", "text/plain;charset=UTF-8").header("content-length", length)
    }

    pub fn bytes(&self) -> Vec<u8> {
        [self.head.as_slice(), b"\r\n", &self.body].concat()
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of an Engine.IO error: its code, which has to be a number, and the message.
    pub fn error(&self) -> (u64, String) {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"));
        (body["code"].as_u64().unwrap(), body["message"].as_str().unwrap().to_owned())
    }
}

pub async fn send(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses early may close before all is sent.
    stream.write_all(request).await.ok();
    timeout(PATIENCE, read(&mut stream)).await.expect("an answer in time")
}

/// Reads one response.
pub async fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        assert!(
            stream.read_buf(&mut bytes).await.unwrap() > 0,
            "closed in the middle: {:?}",
            String::from_utf8_lossy(&bytes)
        );
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.trim_end().split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = bytes.split_off(head);
    while body.len() < length {
        assert!(stream.read_buf(&mut body).await.unwrap() > 0, "closed in the middle of a body");
    }
    Answer { status, headers, body }
}

pub type WebSocket = tokio_tungstenite::WebSocketStream<TcpStream>;

/// A real WebSocket client.
pub async fn websocket(server: &Server, query: &str, origin: &str) -> WebSocket {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let mut request = format!("ws://{}{PATH}/?{query}", server.public).into_client_request().unwrap();
    request.headers_mut().insert("origin", origin.parse().unwrap());
    let stream = TcpStream::connect(server.public).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await.expect("the upgrade succeeds").0
}

/// Waits for a condition.
pub async fn eventually(what: &str, holds: impl AsyncFnMut() -> bool) -> Duration {
    within(PATIENCE, what, holds).await
}

/// Waits for a condition, so long at the most.
pub async fn within(limit: Duration, what: &str, mut holds: impl AsyncFnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < limit, "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
    start.elapsed()
}
