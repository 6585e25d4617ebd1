//! Whose session it is.

use std::fs;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};

use crate::{
    ORIGINS,
    harness::{APP, OTHER, Server, manifest_with},
    raw::Raw,
    server,
};

const SECRET: &[u8] = b"a shared secret of the tests, 32 bytes or more";
const ISSUER: &str = "https://login.domain-b.com/";

fn server_with_auth() -> Server {
    let mut jwk = Jwk::from_encoding_key(&EncodingKey::from_secret(SECRET), Algorithm::HS256).unwrap();
    jwk.common.key_id = Some("shared".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let (file, keys) = (folder.path().join("chat.yaml"), folder.path().join("jwks.json"));
    fs::write(&keys, json!({"keys": [jwk]}).to_string()).unwrap();
    let auth = format!(
        "  auth: {{jwt: {{issuer: '{ISSUER}', audiences: [chat], jwks: {{secretRef: {{name: keys, key: jwks.json}}}}}}}}\n"
    );
    fs::write(&file, manifest_with(ORIGINS, &auth)).unwrap();
    let keys = keys.to_str().unwrap().to_owned();
    Server::start_in(folder, file, &["--jwks-file", &keys])
}

fn token(subject: Option<&str>) -> String {
    let mut claims = json!({"iss": ISSUER, "aud": "chat", "exp": 4_102_444_800_u64});
    if let Some(subject) = subject {
        claims["sub"] = Value::from(subject);
    }
    let header = Header { kid: Some("shared".to_owned()), ..Header::new(Algorithm::HS256) };
    encode(&header, &claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

async fn refused(raw: &mut Raw, pid: &str) {
    assert_ne!(raw.pid(), Some(pid));
    assert_eq!(raw.named("realtime:gap").await[1]["reason"], "unknown_session");
}

#[tokio::test]
async fn another_users_session_is_refused_and_stays_with_its_owner() {
    let server = server_with_auth();
    let mut ada = Raw::open(&server, Some(APP), json!({"token": token(Some("ada"))})).await;
    let pid = ada.pid().unwrap().to_owned();
    ada.ask("join", json!({"room": "secrets"})).await;
    // While she is connected, and after.
    let stolen = json!({"token": token(Some("eve")), "pid": pid});
    refused(&mut Raw::open(&server, Some(APP), stolen.clone()).await, &pid).await;
    assert_eq!(ada.ask("presence", json!({"room": "secrets"})).await["count"], 1);
    ada.vanish();
    refused(&mut Raw::open(&server, Some(APP), stolen).await, &pid).await;
    let mut back = Raw::open(&server, Some(APP), json!({"token": token(Some("ada")), "pid": pid})).await;
    assert_eq!(back.pid(), Some(pid.as_str()));
    back.ask("publish", json!({"room": "secrets", "data": 1})).await;
    assert_eq!(back.named("message").await[1]["user"], "ada");
    assert!(server.metrics().await.contains("outcome=\"refused\"} 2"));
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused() {
    let server = server(&[]);
    let raw = Raw::open(&server, Some(APP), json!({})).await;
    let pid = raw.pid().unwrap().to_owned();
    raw.vanish();
    refused(&mut Raw::open(&server, Some(OTHER), json!({"pid": pid})).await, &pid).await;
    let back = Raw::open(&server, Some(APP), json!({"pid": pid})).await;
    assert_eq!(back.pid(), Some(pid.as_str()));
}

#[tokio::test]
async fn a_token_without_a_subject_gets_no_session() {
    let server = server_with_auth();
    let raw = Raw::open(&server, Some(APP), json!({"token": token(None)})).await;
    assert_eq!(raw.pid(), None);
}

#[tokio::test]
async fn a_session_is_there_once() {
    let server = server(&[]);
    let mut first = Raw::open(&server, None, json!({})).await;
    let pid = first.pid().unwrap().to_owned();
    first.ask("join", json!({"room": "lobby"})).await;
    let second = Raw::open(&server, None, json!({"pid": pid})).await;
    assert_eq!((second.pid(), &second.hello["sid"]), (Some(pid.as_str()), &first.hello["sid"]));
    let mut third = Raw::open(&server, None, json!({"pid": pid})).await;
    assert_eq!(third.ask("presence", json!({"room": "lobby"})).await["count"], 1);
}

#[tokio::test]
async fn a_name_that_was_in_a_query_is_used_up() {
    let server = server(&[]);
    let raw = Raw::open(&server, None, json!({})).await;
    let pid = raw.pid().unwrap().to_owned();
    raw.vanish();
    let query = format!("pid={pid}&recovery=1&{}", crate::raw::QUERY);
    let mut back = Raw::open_with(&server, &query, None, json!({})).await;
    let session = back.named("realtime:session").await;
    assert_eq!(session[1]["recovered"], true);
    assert_ne!(session[1]["pid"], pid.as_str());
    back.vanish();
    refused(&mut Raw::open(&server, None, json!({"pid": pid})).await, &pid).await;
}
