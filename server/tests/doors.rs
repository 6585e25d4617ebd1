//! One decision at three doors, and responses that browsers let pages read.

mod harness;

use harness::{APP, OTHER, PATH, Request, Server, manifest};

fn doors() -> [(&'static str, Request); 3] {
    [("polling", Request::polling("")), ("preflight", Request::preflight()), ("upgrade", Request::websocket())]
}

#[tokio::test]
async fn an_allowed_origin_passes_every_door() {
    let server = Server::start(&manifest(r#"{allow: ["https://app.domain-b.com"]}"#));
    for (door, request) in doors() {
        let answer = server.send(request.origin(APP)).await;
        assert!([200, 204, 101].contains(&answer.status), "{door}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(APP), "{door}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{door}");
    }
}

#[tokio::test]
async fn a_foreign_origin_is_refused_at_every_door_before_a_session_exists() {
    let server = Server::start(&manifest(r#"{allow: ["https://app.domain-b.com"], credentials: true}"#));
    for (door, request) in doors() {
        let answer = server.send(request.origin(OTHER)).await;
        assert_eq!(answer.status, 403, "{door}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{door}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{door}");
        assert!(answer.header("vary").is_some_and(|vary| vary.starts_with("Origin")), "{door}");
        let (code, message) = answer.error();
        assert_eq!(code, 4);
        assert!(message.starts_with("Forbidden: origin https://other.domain-c.com is not allowed"), "{message}");
        assert!(!answer.text().contains("app.domain-b.com"), "the list is not for strangers: {message}");
    }
    assert_eq!(server.status().await["connections"], 0);
}

#[tokio::test]
async fn a_mistake_in_the_origin_is_named() {
    let server = Server::start(&manifest(r#"{allow: ["https://app.domain-b.com"]}"#));
    for (origin, words) in [
        ("https://app.domain-b.com/", "slash"),
        ("http://app.domain-b.com", "another scheme"),
        ("https://app.domain-b.com:8443", "another port"),
        ("null", "sandboxed"),
    ] {
        let (_, message) = server.send(Request::polling("").origin(origin)).await.error();
        assert!(message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn every_request_of_a_session_is_checked() {
    let server = Server::start(&manifest(r#"{allow: ["https://app.domain-b.com"]}"#));
    let sid = server.handshake(APP).await;
    let foreign = [
        Request::polling(&format!("&sid={sid}")),
        Request::post(&sid, "40"),
        Request::upgrade(&format!("EIO=4&transport=websocket&sid={sid}")),
    ];
    for request in foreign {
        assert_eq!(server.send(request.origin(OTHER)).await.status, 403);
    }
    assert_eq!(server.send(Request::post(&sid, "40").origin(APP)).await.text(), "ok");
}

#[tokio::test]
async fn a_preflight_is_answered_in_full_and_without_authentication() {
    let origins =
        r#"{allow: ["https://app.domain-b.com"], credentials: true, exposedHeaders: [X-Request-Id], maxAge: 5m}"#;
    let server = Server::start(&manifest(origins));
    let request = Request::preflight().header("access-control-request-private-network", "true");
    let answer = server.send(request.origin(APP)).await;
    assert_eq!(answer.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", APP),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", "Authorization, Content-Type"),
        ("access-control-max-age", "300"),
        ("access-control-allow-private-network", "true"),
        (
            "vary",
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network",
        ),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let answer = server.send(Request::polling("").origin(APP)).await;
    assert_eq!(answer.header("access-control-expose-headers"), Some("X-Request-Id"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
}

#[tokio::test]
async fn options_without_a_preflight_says_what_there_is() {
    let server = Server::start(&manifest(r#"{allow: ["https://app.domain-b.com"]}"#));
    let answer = server.send(Request::new("OPTIONS", PATH)).await;
    assert_eq!((answer.status, answer.header("allow")), (204, Some("GET, POST, OPTIONS")));
}

#[tokio::test]
async fn errors_can_be_read_by_the_page() {
    let server = Server::start(&manifest(r#"{allow: ["https://app.domain-b.com"]}"#));
    let sid = "AAAAAAAAAAAAAAHs";
    let mistakes = [
        Request::new("GET", "/socket.io/?EIO=4&transport=polling"),
        Request::new("GET", PATH),
        Request::new("PUT", &format!("{PATH}/?EIO=4&transport=polling&sid={sid}")),
        Request::polling(&format!("&sid={sid}")),
        Request::post(sid, "40"),
        Request::post(sid, vec![b'a'; 1_000_001]),
        Request::upgrade(&format!("EIO=4&transport=websocket&sid={sid}")),
        Request::new("GET", &format!("{PATH}/?EIO=4&transport=websocket")),
    ];
    for request in mistakes {
        let shown = String::from_utf8_lossy(&request.bytes()).chars().take(80).collect::<String>();
        let answer = server.send(request.origin(APP)).await;
        assert!((400..500).contains(&answer.status), "{shown}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(APP), "{shown}");
        assert_eq!(answer.header("vary"), Some("Origin"), "{shown}");
        assert!(!answer.error().1.is_empty());
    }
}

#[tokio::test]
async fn the_wrong_path_names_the_right_one() {
    let server = Server::start(&manifest(r#"{allow: ["https://app.domain-b.com"]}"#));
    let answer = server.send(Request::new("GET", "/socket.io/?EIO=4&transport=polling").origin(APP)).await;
    assert_eq!(answer.status, 404);
    assert!(answer.error().1.contains(PATH), "{answer:?}");
    let preflight = Request::new("OPTIONS", "/socket.io/").header("access-control-request-method", "GET");
    assert_eq!(server.send(preflight.origin(APP)).await.status, 204, "or the browser would hide the 404");
}

#[tokio::test]
async fn clients_without_an_origin_are_served_unless_the_policy_says_deny() {
    let server = Server::start(&manifest(r#"{allow: ["https://app.domain-b.com"]}"#));
    let answer = server.send(Request::polling("")).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));
    let server = Server::start(&manifest(r#"{allow: ["https://app.domain-b.com"], missing: Deny}"#));
    for (door, request) in doors() {
        assert_eq!(server.send(request).await.status, 403, "{door}");
    }
}

#[tokio::test]
async fn report_mode_serves_everybody_and_counts_who_would_be_refused() {
    let server = Server::start(&manifest(r#"{allow: ["https://app.domain-b.com"], credentials: true, mode: Report}"#));
    for (door, request) in doors() {
        let answer = server.send(request.origin(OTHER)).await;
        assert!([200, 204, 101].contains(&answer.status), "{door}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(OTHER), "{door}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{door}: reflection with credentials");
    }
    let status = server.status().await;
    assert_eq!(status["deniedOrigins"][0]["origin"], OTHER);
    assert_eq!(status["deniedOrigins"][0]["count"], 3);
    let metrics = server.metrics().await;
    assert!(metrics.contains(r#"{door="upgrade",verdict="reported",reason="OriginNotListed"} 1"#), "{metrics}");
}
