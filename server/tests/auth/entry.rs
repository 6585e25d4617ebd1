//! Who gets in, and what the others hear.

use super::support::*;

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
    let confused = EncodingKey::from_secret(include_bytes!("../keys/rsa-public.pem"));
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
async fn messages_say_who_sent_them() {
    let server = server_with_file(&key_set(&[Signer::ec()]), "");
    let mut client = Client::open(&server, V4, None).await;
    assert_eq!(client.connect(Some(json!({"token": Signer::ec().token(&claims(600))}))).await, Ok(()));
    client.send(r#"42["broadcast",{"data":1}]"#).await;
    let (event, message) = client.event().await;
    assert_eq!((event.as_str(), &message["user"], &message["data"]), ("broadcast", &json!("ada"), &json!(1)));
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
