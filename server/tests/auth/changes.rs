//! What changes while connections are open.

use super::support::*;

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
    assert!(server.metrics().await.contains(r#"disconnects_total{event="token_expired"} 1"#));
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
