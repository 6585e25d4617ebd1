//! Where keys come from, and what happens without them.

use super::support::*;

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
