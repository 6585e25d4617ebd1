//! `spec.auth.jwt`: who gets in, what the others hear, and what changes while connections are open.

mod harness;

use std::{
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

use futures::{SinkExt, StreamExt};
use harness::{APP, PATH, Request, Server, WebSocket, command, eventually, manifest, manifest_with};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

const ORIGINS: &str = r#"{allow: ["https://app.domain-b.com"], credentials: true}"#;
const ISSUER: &str = "https://login.domain-b.com/";
const PATIENCE: Duration = Duration::from_secs(20);
const SECRET: &[u8] = b"a shared secret of the tests, 32 bytes or more";

/// One who signs tokens.
struct Signer {
    id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    fn rsa() -> Self {
        let key = EncodingKey::from_rsa_pem(include_bytes!("keys/rsa.pem")).expect("a key");
        Self { id: "rsa", algorithm: Algorithm::RS256, key }
    }

    fn ec() -> Self {
        let key = EncodingKey::from_ec_pem(include_bytes!("keys/ec.pem")).expect("a key");
        Self { id: "ec", algorithm: Algorithm::ES256, key }
    }

    fn other() -> Self {
        let key = EncodingKey::from_ec_pem(include_bytes!("keys/ec-other.pem")).expect("a key");
        Self { id: "other", algorithm: Algorithm::ES256, key }
    }

    fn ed() -> Self {
        let key = EncodingKey::from_ed_pem(include_bytes!("keys/ed.pem")).expect("a key");
        Self { id: "ed", algorithm: Algorithm::EdDSA, key }
    }

    fn shared() -> Self {
        Self { id: "shared", algorithm: Algorithm::HS256, key: EncodingKey::from_secret(SECRET) }
    }

    fn token(&self, claims: &Value) -> String {
        encode(&Header { kid: Some(self.id.to_owned()), ..Header::new(self.algorithm) }, claims, &self.key)
            .expect("a token")
    }

    fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a JWK");
        jwk.common.key_id = Some(self.id.to_owned());
        serde_json::to_value(jwk).expect("JSON")
    }
}

fn key_set(signers: &[Signer]) -> Value {
    json!({"keys": signers.iter().map(Signer::jwk).collect::<Vec<_>>()})
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs() as i64
}

/// Claims that are good for so many seconds.
fn claims(seconds: i64) -> Value {
    json!({"iss": ISSUER, "aud": "chat", "sub": "ada", "exp": now() + seconds})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims(600);
    claims[name] = value;
    claims
}

fn auth(jwks: &str, more: &str) -> String {
    format!("  auth: {{jwt: {{issuer: '{ISSUER}', audiences: [chat, admin], jwks: {jwks}{more}}}}}\n")
}

const IN_SECRET: &str = "{secretRef: {name: keys, key: jwks.json}}";

/// A server whose keys are in a file, which stands for a mounted Secret.
fn server_with_file(keys: &Value, more: &str) -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("jwks.json"), keys.to_string()).expect("a file");
    server_in(folder, &manifest_with(ORIGINS, &auth(IN_SECRET, more)))
}

fn server_in(folder: TempDir, manifest: &str) -> Server {
    let (file, keys) = (folder.path().join("chat.yaml"), folder.path().join("jwks.json"));
    fs::write(&file, manifest).expect("a file");
    let keys = keys.to_str().expect("a path").to_owned();
    Server::start_in(folder, file, &["--jwks-file", &keys])
}

/// A client that speaks Engine.IO by hand.
struct Client(WebSocket);

impl Client {
    async fn open(server: &Server, query: &str, authorization: Option<&str>) -> Self {
        let mut request = format!("ws://{}{PATH}/?{query}", server.public).into_client_request().expect("a request");
        request.headers_mut().insert("origin", APP.parse().expect("a value"));
        if let Some(value) = authorization {
            request.headers_mut().insert("authorization", value.parse().expect("a value"));
        }
        let stream = TcpStream::connect(server.public).await.expect("connected");
        Self(tokio_tungstenite::client_async(request, stream).await.expect("upgraded").0)
    }

    /// Connects to the main namespace.
    async fn connect(&mut self, payload: Option<Value>) -> Result<(), String> {
        self.send(&format!("40{}", payload.map_or_else(String::new, |payload| payload.to_string()))).await;
        self.connected().await
    }

    async fn connected(&mut self) -> Result<(), String> {
        let answer = self.packet().await;
        let Some(error) = answer.strip_prefix("44") else {
            assert!(answer.starts_with("40"), "{answer}");
            return Ok(());
        };
        let error: Value = serde_json::from_str(error).expect("JSON");
        Err(error["message"].as_str().expect("a message").to_owned())
    }

    async fn send(&mut self, packet: &str) {
        self.0.send(Message::text(packet)).await.expect("sent");
    }

    /// The next Socket.IO packet; pings are answered.
    async fn packet(&mut self) -> String {
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
    async fn event(&mut self) -> (String, Value) {
        let packet = self.packet().await;
        let event: Vec<Value> =
            serde_json::from_str(packet.strip_prefix("42").unwrap_or_else(|| panic!("{packet}"))).expect("JSON");
        (event[0].as_str().expect("a name").to_owned(), event[1].clone())
    }
}

const V4: &str = "EIO=4&transport=websocket";
const V2: &str = "EIO=3&transport=websocket";

async fn try_payload(server: &Server, payload: Option<Value>) -> Result<(), String> {
    Client::open(server, V4, None).await.connect(payload).await
}

async fn try_token(server: &Server, token: &str) -> Result<(), String> {
    try_payload(server, Some(json!({"token": token}))).await
}

/// Answers every request with the same, until told otherwise.
struct KeyServer {
    address: SocketAddr,
    answer: Arc<Mutex<(u16, String)>>,
    requests: Arc<AtomicUsize>,
    is_up: Arc<AtomicBool>,
}

impl KeyServer {
    fn start(status: u16, body: &str) -> Self {
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

    fn of(signers: &[Signer]) -> Self {
        Self::start(200, &key_set(signers).to_string())
    }

    fn now_says(&self, status: u16, body: &str) {
        *self.answer.lock().expect("the answer") = (status, body.to_owned());
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn manifest(&self) -> String {
        manifest_with(ORIGINS, &auth(&format!("{{url: 'http://{}/jwks'}}", self.address), ""))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
    format!("{}.{}.", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
}

#[tokio::test]
async fn tokens_of_every_family_of_keys_get_in() {
    let signers = [Signer::rsa(), Signer::ec(), Signer::ed(), Signer::shared()];
    let server = server_with_file(&key_set(&signers), "");
    for signer in &signers {
        assert_eq!(try_token(&server, &signer.token(&claims(600))).await, Ok(()), "{}", signer.id);
    }
    let several = with("aud", json!(["other", "admin"]));
    assert_eq!(try_token(&server, &signers[1].token(&several)).await, Ok(()), "one of several audiences");
    let without_id = encode(&Header::new(Algorithm::ES256), &claims(600), &signers[1].key).expect("a token");
    assert_eq!(try_token(&server, &without_id).await, Ok(()), "the only key that fits");
    let late = signers[1].token(&claims(-20));
    assert_eq!(try_token(&server, &late).await, Ok(()), "clocks may be half a minute apart");
    assert!(server.metrics().await.contains(r#"tokens_total{verdict="accepted",reason=""} 7"#));
    assert_eq!(server.status().await["auth"]["keys"], 4);
}

#[tokio::test]
async fn every_refusal_has_a_reason_in_words_and_never_the_token() {
    let (ec, rsa) = (Signer::ec(), Signer::rsa());
    let server = server_with_file(&key_set(&[Signer::ec(), Signer::rsa()]), "");
    let confused = EncodingKey::from_secret(include_bytes!("keys/rsa-public.pem"));
    let confused = Signer { id: "rsa", algorithm: Algorithm::HS256, key: confused };
    let impostor = Signer { id: "ec", ..Signer::other() };
    let unending = {
        let mut claims = claims(0);
        claims.as_object_mut().expect("an object").remove("exp");
        claims
    };
    let critical = unsigned(&json!({"alg": "ES256", "kid": "ec", "crit": ["b64"], "b64": false}), &claims(600));
    let cases = [
        (ec.token(&claims(-3600)), "TokenExpired: the token expired 1h"),
        (ec.token(&with("nbf", json!(now() + 7200))), "TokenNotYetValid: the token is valid in "),
        (
            ec.token(&with("iss", json!("https://evil.com/"))),
            "IssuerMismatch: the token names another issuer (iss); \"https://login.domain-b.com/\" is expected",
        ),
        (ec.token(&with("iss", Value::Null)), "IssuerMismatch: the token names no issuer (iss)"),
        (
            ec.token(&with("aud", json!("mail"))),
            "AudienceMismatch: the token is for another audience (aud); \"chat\" or \"admin\" is expected",
        ),
        (ec.token(&with("aud", json!([]))), "AudienceMismatch: the token names no audience (aud)"),
        (impostor.token(&claims(600)), "SignatureInvalid: "),
        (
            ec.token(&claims(600)).replacen('.', ".e30.", 1).rsplitn(2, '.').last().expect("two parts").to_owned()
                + ".AAAA",
            "TokenMalformed: ",
        ),
        (
            Signer::other().token(&claims(600)),
            "KeyUnknown: the token is signed with a key that is not in the key set (kid)",
        ),
        (confused.token(&claims(600)), "AlgorithmNotAllowed: "),
        (Signer { id: "rsa", ..Signer::ec() }.token(&claims(600)), "AlgorithmNotAllowed: "),
        (unsigned(&json!({"alg": "none"}), &claims(600)), "AlgorithmNotAllowed: "),
        (unsigned(&json!({"alg": "none", "kid": "rsa"}), &claims(600)), "AlgorithmNotAllowed: "),
        (unsigned(&json!({"alg": "RS256", "kid": "rsa"}), &claims(600)), "SignatureInvalid: "),
        (rsa.token(&unending), "TokenMalformed: the token says no time at which it expires (exp)"),
        (critical, "TokenMalformed: the token asks for extensions (crit)"),
        ("opaque".to_owned(), "TokenMalformed: a signed JSON Web Token has three parts with dots between them"),
        ("a.b.c".to_owned(), "TokenMalformed: "),
        (format!("{}.e30.AAAA", "A".repeat(20_000)), "TokenMalformed: the token is longer than 16 KiB"),
        (
            String::new(),
            "TokenMissing: the client sent no token; give it as option `auth: {token}`, as header `Authorization: Bearer ...`",
        ),
    ];
    for (token, expected) in &cases {
        let message = try_token(&server, token).await.expect_err(expected);
        assert!(message.starts_with(expected), "{message} is not {expected}");
        assert!(token.is_empty() || !message.contains(token.as_str()));
        assert!(token.len() < 20 || !server.log().contains(token.as_str()), "a token in the log");
    }
    assert!(
        try_payload(&server, Some(json!({"token": 7})))
            .await
            .is_err_and(|message| message.starts_with("TokenMalformed: "))
    );
    assert!(
        try_payload(&server, Some(json!("text"))).await.is_err_and(|message| message.starts_with("TokenMissing: "))
    );
    let metrics = server.metrics().await;
    for (_, expected) in &cases {
        let reason = expected.split(':').next().expect("a reason");
        assert!(metrics.contains(&format!(r#"tokens_total{{verdict="refused",reason="{reason}"}}"#)), "{reason}");
    }
    assert_eq!(try_payload(&server, None).await.map_err(|message| message.starts_with("TokenMissing: ")), Err(true));
}

#[tokio::test]
async fn the_token_is_found_in_payload_header_and_where_it_is_named_query() {
    let token = Signer::ec().token(&claims(600));
    let server = server_with_file(&key_set(&[Signer::ec()]), "");
    let bearer = format!("Bearer {token}");
    let mut client = Client::open(&server, V4, Some(&bearer)).await;
    assert_eq!(client.connect(None).await, Ok(()));
    let mut client = Client::open(&server, V4, Some(&bearer)).await;
    let refused = client.connect(Some(json!({"token": "a.b.c"}))).await.expect_err("the payload comes first");
    assert!(refused.starts_with("TokenMalformed"), "{refused}");
    let mut client = Client::open(&server, &format!("{V4}&token={token}"), None).await;
    let refused = client.connect(None).await.expect_err("the query is off by default");
    assert!(refused.starts_with("TokenMissing"), "{refused}");

    server.apply(&manifest_with(ORIGINS, &auth(IN_SECRET, ", queryParameter: token")));
    eventually("the query counts", async || {
        Client::open(&server, &format!("{V4}&token={token}"), None).await.connect(None).await.is_ok()
    })
    .await;
    let mut client = Client::open(&server, &format!("{V2}&token={token}"), None).await;
    assert_eq!(client.connected().await, Ok(()), "version 2 connects by itself");
    let mut client = Client::open(&server, V2, None).await;
    let refused = client.connected().await.expect_err("no token");
    assert!(refused.contains("or `query: {token}`"), "{refused}");
}

#[tokio::test]
async fn preflights_need_no_token_and_a_page_can_read_why_it_was_refused() {
    let server = server_with_file(&key_set(&[Signer::ec()]), "");
    let preflight = server.send(Request::preflight().origin(APP)).await;
    assert_eq!(preflight.status, 204);
    assert!(
        preflight
            .header("access-control-allow-headers")
            .is_some_and(|names| names.to_lowercase().contains("authorization"))
    );
    let sid = server.handshake(APP).await;
    assert_eq!(server.send(Request::post(&sid, "40").origin(APP)).await.status, 200);
    let mut text = String::new();
    while !text.contains("44{") {
        let poll = server.send(Request::polling(&format!("&sid={sid}")).origin(APP)).await;
        assert_eq!((poll.status, poll.header("access-control-allow-origin")), (200, Some(APP)));
        text = poll.text();
    }
    assert!(text.contains("TokenMissing: "), "{text}");
    let token = Signer::ec().token(&claims(600));
    let answer = server.send(Request::polling("").origin(APP).header("authorization", format!("Bearer {token}"))).await;
    let text = answer.text();
    let sid = text.split_once("\"sid\":\"").expect("a session").1.split_once('"').expect("its id").0;
    assert_eq!(server.send(Request::post(sid, "40").origin(APP)).await.status, 200);
    let mut text = String::new();
    while !text.contains("40{") {
        text = server.send(Request::polling(&format!("&sid={sid}")).origin(APP)).await.text();
    }
}

#[tokio::test]
async fn an_expired_token_ends_its_connection_with_a_reason_and_a_fresh_one_opens_it_again() {
    let server = server_with_file(&key_set(&[Signer::ec()]), "");
    let payload = |seconds| Some(json!({"token": Signer::ec().token(&claims(seconds))}));
    let mut kept = Client::open(&server, V4, None).await;
    assert_eq!(kept.connect(payload(600)).await, Ok(()));
    let mut client = Client::open(&server, V4, None).await;
    assert_eq!(client.connect(payload(-28)).await, Ok(()));
    let (event, message) = client.event().await;
    assert_eq!((event.as_str(), &message["reason"]), ("token_expired", &json!("TokenExpired")));
    assert!(
        message["message"]
            .as_str()
            .is_some_and(|text| text.starts_with("the token expired 3") && text.contains("fresh")),
        "{message}"
    );
    assert_eq!(client.packet().await, "41");
    assert_eq!(client.connect(payload(600)).await, Ok(()), "the same transport serves the fresh token");
    client.send(r#"420["echo",1]"#).await;
    assert_eq!(client.packet().await, "430[1]");
    kept.send(r#"420["echo",1]"#).await;
    assert_eq!(kept.packet().await, "430[1]");
    assert!(server.metrics().await.contains(r#"sessions_closed_total{cause="token_expired"} 1"#));
}

#[tokio::test]
async fn messages_say_who_sent_them() {
    let server = server_with_file(&key_set(&[Signer::ec()]), "");
    let mut client = Client::open(&server, V4, None).await;
    assert_eq!(client.connect(Some(json!({"token": Signer::ec().token(&claims(600))}))).await, Ok(()));
    client.send(r#"42["broadcast",{"data":1}]"#).await;
    let (event, message) = client.event().await;
    assert_eq!((event.as_str(), &message["user"], &message["data"]), ("broadcast", &json!("ada"), &json!(1)));
}

#[tokio::test]
async fn authentication_is_live_both_ways() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("jwks.json"), key_set(&[Signer::ec()]).to_string()).expect("a file");
    let server = server_in(folder, &manifest(ORIGINS));
    assert!(server.status().await["auth"].is_null());
    let mut anonymous = Client::open(&server, V4, None).await;
    assert_eq!(anonymous.connect(None).await, Ok(()));

    server.apply(&manifest_with(ORIGINS, &auth(IN_SECRET, "")));
    let (event, message) = anonymous.event().await;
    assert_eq!((event.as_str(), &message["reason"]), ("token_refused", &json!("TokenMissing")));
    assert_eq!(anonymous.packet().await, "41");
    let token = Signer::ec().token(&claims(600));
    let mut client = Client::open(&server, V4, None).await;
    assert_eq!(client.connect(Some(json!({"token": token}))).await, Ok(()));
    let mut admin = Client::open(&server, V4, None).await;
    assert_eq!(admin.connect(Some(json!({"token": Signer::ec().token(&with("aud", json!("admin")))}))).await, Ok(()));

    server.apply(&manifest_with(ORIGINS, &auth(IN_SECRET, "").replace("[chat, admin]", "[admin]")));
    let (event, message) = client.event().await;
    assert_eq!((event.as_str(), &message["reason"]), ("token_refused", &json!("AudienceMismatch")));
    assert_eq!(client.packet().await, "41");
    admin.send(r#"420["echo",1]"#).await;
    assert_eq!(admin.packet().await, "430[1]", "who is still admitted is not disturbed");

    server.apply(&manifest(ORIGINS));
    eventually("anonymous clients get in", async || try_payload(&server, None).await.is_ok()).await;
    assert!(server.status().await["auth"].is_null());
}

#[tokio::test]
async fn a_key_that_is_new_at_the_url_is_fetched_when_a_token_names_it_at_most_once_in_half_a_minute() {
    let keys = KeyServer::of(&[Signer::ec()]);
    let server = Server::start(&keys.manifest());
    let (old, new) = (Signer::ec().token(&claims(600)), Signer::other().token(&claims(600)));
    assert_eq!(try_token(&server, &old).await, Ok(()));
    assert_eq!(keys.requests(), 1);
    keys.now_says(200, &key_set(&[Signer::other()]).to_string());
    assert_eq!(try_token(&server, &new).await, Ok(()));
    assert_eq!(keys.requests(), 2);
    for token in [&old, &Signer::ed().token(&claims(600)), &Signer::rsa().token(&claims(600))] {
        let refused = try_token(&server, token).await.expect_err("not in the set");
        assert!(refused.starts_with("KeyUnknown"), "{refused}");
    }
    assert_eq!(keys.requests(), 2, "made-up keys cost nothing");
    let status = server.status().await;
    assert_eq!((&status["auth"]["keys"], &status["auth"]["problem"]), (&json!(1), &Value::Null));
    assert!(status["auth"]["source"].as_str().is_some_and(|source| source.ends_with("/jwks")));
    assert!(status["auth"]["lastRefresh"].is_string(), "{status}");
}

#[tokio::test]
async fn a_key_server_that_is_away_leaves_the_last_keys_in_force_and_says_so() {
    let keys = KeyServer::of(&[Signer::ec()]);
    let server = Server::start(&keys.manifest());
    let token = Signer::ec().token(&claims(600));
    assert_eq!(try_token(&server, &token).await, Ok(()));
    keys.is_up.store(false, Ordering::SeqCst);
    assert!(try_token(&server, &Signer::other().token(&claims(600))).await.is_err(), "this asks for newer keys");
    assert_eq!(try_token(&server, &token).await, Ok(()));
    let status = server.status().await;
    assert!(status["auth"]["problem"].is_string(), "{status}");
    assert_eq!(status["auth"]["keys"], 1);
    assert!(server.metrics().await.contains(r#"key_refreshes_total{outcome="failed"} 1"#));
}

#[tokio::test]
async fn without_keys_nobody_gets_in_until_there_are_some() {
    let keys = KeyServer::start(500, "");
    let server = Server::start(&keys.manifest());
    let token = Signer::ec().token(&claims(600));
    let refused = try_token(&server, &token).await.expect_err("no keys");
    assert!(refused.starts_with("KeysUnavailable: "), "{refused}");
    let problem =
        async |part: &str| server.status().await["auth"]["problem"].as_str().is_some_and(|text| text.contains(part));
    assert!(problem("status 500").await);
    keys.now_says(200, &format!("{{\"keys\": [], \"filler\": \"{}\"}}", "x".repeat(300_000)));
    eventually("too much is said", async || problem("longer than 262144 bytes").await).await;
    keys.now_says(302, "http://login.domain-b.com/jwks");
    eventually("the redirect is refused", async || problem("not https").await).await;
    let secret = Jwk::from_encoding_key(&EncodingKey::from_secret(SECRET), Algorithm::HS256).expect("a JWK");
    keys.now_says(200, &json!({"keys": [secret]}).to_string());
    eventually("a shared secret is refused", async || problem("whoever can read the URL could make tokens").await)
        .await;
    assert!(
        try_token(&server, &Signer::shared().token(&claims(600)))
            .await
            .is_err_and(|message| message.starts_with("KeysUnavailable"))
    );
}

#[tokio::test]
async fn a_mounted_secret_that_changes_is_live_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jwks.json");
    fs::write(&path, key_set(&[Signer::ec()]).to_string()).expect("a file");
    let server = server_in(folder, &manifest_with(ORIGINS, &auth(IN_SECRET, "")));
    let (old, new) = (Signer::ec().token(&claims(600)), Signer::other().token(&claims(600)));
    assert!(try_token(&server, &new).await.is_err());
    fs::write(&path, key_set(&[Signer::other()]).to_string()).expect("a file");
    eventually("the new key counts", async || try_token(&server, &new).await.is_ok()).await;
    assert!(try_token(&server, &old).await.is_err_and(|message| message.starts_with("KeyUnknown")));
    fs::write(&path, "{").expect("a file");
    eventually("the problem is said", async || server.status().await["auth"]["problem"].is_string()).await;
    assert_eq!(try_token(&server, &new).await, Ok(()));
}

#[tokio::test]
async fn keys_for_other_purposes_and_weak_ones_are_not_used() {
    let mut encryption = Signer::ec().jwk();
    encryption["use"] = json!("enc");
    let mut mistaken = Signer::other().jwk();
    mistaken["alg"] = json!("RS256");
    let weak = json!({"kty": "oct", "kid": "shared", "k": "c2hvcnQ"});
    let odd = json!({"kty": "LMS", "kid": "odd"});
    let server = server_with_file(&json!({"keys": [encryption, mistaken, weak, odd, Signer::ed().jwk()]}), "");
    assert_eq!(try_token(&server, &Signer::ed().token(&claims(600))).await, Ok(()));
    assert!(
        try_token(&server, &Signer::ec().token(&claims(600)))
            .await
            .is_err_and(|message| message.starts_with("KeyUnknown"))
    );
    let status = server.status().await;
    assert_eq!(status["auth"]["keys"], 1);
    let problem = status["auth"]["problem"].as_str().expect("a problem");
    for part in [
        "keys[1] has an alg that does not fit",
        "keys[2] is a shared secret of 5 bytes",
        "keys[3] has a type (kty) other",
    ] {
        assert!(problem.contains(part), "{part}: {problem}");
    }
}

#[test]
fn a_secret_without_its_file_is_an_error_that_says_which_option_to_give() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("chat.yaml");
    fs::write(&file, manifest_with(ORIGINS, &auth(IN_SECRET, ""))).expect("a file");
    let output = command(&file).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("--jwks-file FILE (or REALTIME_JWKS_FILE)") && text.contains("Secret \"keys\""), "{text}");
    let keys = folder.path().join("jwks.json");
    fs::write(&keys, r#"{"keys": []}"#).expect("a file");
    let output = command(&file).env("REALTIME_JWKS_FILE", &keys).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("there is no key for signatures in the key set"), "{text}");
}

/// `tests/setup` installs them.
#[tokio::test]
async fn the_javascript_clients_of_three_generations_hear_why() {
    let setup =
        std::process::Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/setup")).arg("clients").status();
    assert!(setup.expect("tests/setup runs").success(), "the clients are installed");
    let server = server_with_file(&key_set(&[Signer::ec()]), ", queryParameter: token");
    let run = async |client: &str, transport: &str, seconds: i64| {
        let payload = json!({"token": Signer::ec().token(&claims(seconds))}).to_string();
        let mut node = tokio::process::Command::new("node");
        node.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/clients"))
            .arg("ladder.mjs")
            .stdin(std::process::Stdio::piped());
        node.args(["--client", client, "--transports", transport, "--path", PATH, "--origin", APP, "--auth", &payload]);
        node.args(["--url", &format!("http://{}", server.public)])
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true);
        let mut node = node.spawn().expect("node");
        let input = node.stdin.take();
        tokio::time::sleep(Duration::from_secs(6)).await;
        drop(input);
        let output = node.wait_with_output().await.expect("its output");
        String::from_utf8(output.stdout).expect("text")
    };
    for client in ["4", "3", "2"] {
        for transport in ["websocket", "polling"] {
            let (kept, late, brief) =
                tokio::join!(run(client, transport, 600), run(client, transport, -3600), run(client, transport, -26));
            assert!(
                kept.contains(r#""event":"connect""#) && !kept.contains("io server disconnect"),
                "{client} {transport}: {kept}"
            );
            assert!(late.contains("TokenExpired: the token expired 1h"), "{client} {transport}: {late}");
            let heard = ["token_expired", "connect again with a fresh one", "io server disconnect"];
            assert!(heard.iter().all(|part| brief.contains(part)), "{client} {transport}: {brief}");
        }
    }
}
