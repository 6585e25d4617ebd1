//! Signers, key servers and clients for the tests.
#![allow(
    unused_imports,
    missing_docs,
    clippy::unwrap_used,
    reason = "each topic uses some of it; a panic is a failed test"
)]

pub(crate) use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub(crate) use crate::harness::{APP, PATH, Request, Server, WebSocket, command, eventually, manifest, manifest_with};
pub(crate) use futures::{SinkExt, StreamExt};
pub(crate) use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
pub(crate) use serde_json::{Value, json};
pub(crate) use tempfile::TempDir;
pub(crate) use tokio::{net::TcpStream, time::timeout};

pub(crate) use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

pub(crate) const ORIGINS: &str = r#"{allow: ["https://app.domain-b.com"], credentials: true}"#;
pub(crate) const ISSUER: &str = "https://login.domain-b.com/";
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const SECRET: &[u8] = b"a shared secret of the tests, 32 bytes or more";

/// One who signs tokens.
pub(crate) struct Signer {
    pub(crate) id: &'static str,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: EncodingKey,
}

impl Signer {
    pub(crate) fn rsa() -> Self {
        let key = EncodingKey::from_rsa_pem(include_bytes!("../keys/rsa.pem")).expect("a key");
        Self { id: "rsa", algorithm: Algorithm::RS256, key }
    }

    pub(crate) fn ec() -> Self {
        let key = EncodingKey::from_ec_pem(include_bytes!("../keys/ec.pem")).expect("a key");
        Self { id: "ec", algorithm: Algorithm::ES256, key }
    }

    pub(crate) fn other() -> Self {
        let key = EncodingKey::from_ec_pem(include_bytes!("../keys/ec-other.pem")).expect("a key");
        Self { id: "other", algorithm: Algorithm::ES256, key }
    }

    pub(crate) fn ed() -> Self {
        let key = EncodingKey::from_ed_pem(include_bytes!("../keys/ed.pem")).expect("a key");
        Self { id: "ed", algorithm: Algorithm::EdDSA, key }
    }

    pub(crate) fn shared() -> Self {
        Self { id: "shared", algorithm: Algorithm::HS256, key: EncodingKey::from_secret(SECRET) }
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        encode(&Header { kid: Some(self.id.to_owned()), ..Header::new(self.algorithm) }, claims, &self.key)
            .expect("a token")
    }

    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a JWK");
        jwk.common.key_id = Some(self.id.to_owned());
        serde_json::to_value(jwk).expect("JSON")
    }
}

pub(crate) fn key_set(signers: &[Signer]) -> Value {
    json!({"keys": signers.iter().map(Signer::jwk).collect::<Vec<_>>()})
}

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs() as i64
}

/// Claims that are good for so many seconds.
pub(crate) fn claims(seconds: i64) -> Value {
    json!({"iss": ISSUER, "aud": "chat", "sub": "ada", "exp": now() + seconds})
}

pub(crate) fn with(name: &str, value: Value) -> Value {
    let mut claims = claims(600);
    claims[name] = value;
    claims
}

pub(crate) fn auth(jwks: &str, more: &str) -> String {
    format!("  auth: {{jwt: {{issuer: '{ISSUER}', audiences: [chat, admin], jwks: {jwks}{more}}}}}\n")
}

pub(crate) const IN_SECRET: &str = "{secretRef: {name: keys, key: jwks.json}}";

/// A server whose keys are in a file, which stands for a mounted Secret.
pub(crate) fn server_with_file(keys: &Value, more: &str) -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("jwks.json"), keys.to_string()).expect("a file");
    server_in(folder, &manifest_with(ORIGINS, &auth(IN_SECRET, more)))
}

pub(crate) fn server_in(folder: TempDir, manifest: &str) -> Server {
    let (file, keys) = (folder.path().join("chat.yaml"), folder.path().join("jwks.json"));
    fs::write(&file, manifest).expect("a file");
    let keys = keys.to_str().expect("a path").to_owned();
    Server::start_in(folder, file, &["--jwks-file", &keys])
}

/// A client that speaks Engine.IO by hand.
pub(crate) struct Client(pub(crate) WebSocket);

impl Client {
    pub(crate) async fn open(server: &Server, query: &str, authorization: Option<&str>) -> Self {
        let mut request = format!("ws://{}{PATH}/?{query}", server.public).into_client_request().expect("a request");
        request.headers_mut().insert("origin", APP.parse().expect("a value"));
        if let Some(value) = authorization {
            request.headers_mut().insert("authorization", value.parse().expect("a value"));
        }
        let stream = TcpStream::connect(server.public).await.expect("connected");
        Self(tokio_tungstenite::client_async(request, stream).await.expect("upgraded").0)
    }

    /// Connects to the main namespace.
    pub(crate) async fn connect(&mut self, payload: Option<Value>) -> Result<(), String> {
        self.send(&format!("40{}", payload.map_or_else(String::new, |payload| payload.to_string()))).await;
        self.connected().await
    }

    pub(crate) async fn connected(&mut self) -> Result<(), String> {
        let answer = self.packet().await;
        let Some(error) = answer.strip_prefix("44") else {
            assert!(answer.starts_with("40"), "{answer}");
            return Ok(());
        };
        let error: Value = serde_json::from_str(error).expect("JSON");
        Err(error["message"].as_str().expect("a message").to_owned())
    }

    pub(crate) async fn send(&mut self, packet: &str) {
        self.0.send(Message::text(packet)).await.expect("sent");
    }

    /// The next Socket.IO packet; pings are answered.
    pub(crate) async fn packet(&mut self) -> String {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("a packet in time") {
                Some(Ok(Message::Text(text))) if text.starts_with('4') => return text.to_string(),
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => self.send("3").await,
                Some(Ok(Message::Text(_))) => {}
                other => panic!("closed: {other:?}"),
            }
        }
    }

    /// Name and argument of the next event.
    pub(crate) async fn event(&mut self) -> (String, Value) {
        let packet = self.packet().await;
        let event: Vec<Value> =
            serde_json::from_str(packet.strip_prefix("42").unwrap_or_else(|| panic!("{packet}"))).expect("JSON");
        (event[0].as_str().expect("a name").to_owned(), event[1].clone())
    }
}

pub(crate) const V4: &str = "EIO=4&transport=websocket";
pub(crate) const V2: &str = "EIO=3&transport=websocket";

pub(crate) async fn try_payload(server: &Server, payload: Option<Value>) -> Result<(), String> {
    Client::open(server, V4, None).await.connect(payload).await
}

pub(crate) async fn try_token(server: &Server, token: &str) -> Result<(), String> {
    try_payload(server, Some(json!({"token": token}))).await
}

/// Answers every request with the same, until told otherwise.
pub(crate) struct KeyServer {
    pub(crate) address: SocketAddr,
    pub(crate) answer: Arc<Mutex<(u16, String)>>,
    pub(crate) requests: Arc<AtomicUsize>,
    pub(crate) is_up: Arc<AtomicBool>,
}

impl KeyServer {
    pub(crate) fn start(status: u16, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let server = Self {
            address: listener.local_addr().expect("an address"),
            answer: Arc::new(Mutex::new((status, body.to_owned()))),
            requests: Arc::default(),
            is_up: Arc::new(AtomicBool::new(true)),
        };
        let (answer, requests, is_up) =
            (Arc::clone(&server.answer), Arc::clone(&server.requests), Arc::clone(&server.is_up));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                requests.fetch_add(1, Ordering::SeqCst);
                if !is_up.load(Ordering::SeqCst) {
                    continue;
                }
                let mut bytes = [0; 4096];
                let length = stream.read(&mut bytes).unwrap_or(0);
                assert!(String::from_utf8_lossy(&bytes[..length]).starts_with("GET /jwks HTTP/1.1\r\n"));
                let (status, body) = answer.lock().expect("the answer").clone();
                let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
                let head =
                    if status == 302 { format!("{head}location: {body}\r\n\r\n") } else { format!("{head}\r\n") };
                stream.write_all((head + &body).as_bytes()).ok();
            }
        });
        server
    }

    pub(crate) fn of(signers: &[Signer]) -> Self {
        Self::start(200, &key_set(signers).to_string())
    }

    pub(crate) fn now_says(&self, status: u16, body: &str) {
        *self.answer.lock().expect("the answer") = (status, body.to_owned());
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn manifest(&self) -> String {
        manifest_with(ORIGINS, &auth(&format!("{{url: 'http://{}/jwks'}}", self.address), ""))
    }
}

pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
    format!("{}.{}.", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
}
