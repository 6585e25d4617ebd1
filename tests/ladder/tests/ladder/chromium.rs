//! What only a browser does: preflights, credentials, and words on its console.

use anyhow::Result;
use realtime_ladder::{
    Browser, Server, Site, Version,
    manifest::{allowing, with_origins},
};
use serde_json::{Value, json};

/// Connects from an empty page; `socket`, `failures` and `connected` are there for questions.
async fn connect(page: &mut Browser, server: &Server, mut options: Value) -> Result<()> {
    options["path"] = server.path.clone().into();
    let javascript = format!(
        "{{ window.socket = io('{}', {options}); window.failures = []; window.connected = false;
            socket.on('connect', () => window.connected = socket.io.engine.transport.name);
            socket.on('connect_error', (error) => failures.push(error.message)); }}",
        server.url(),
    );
    page.eval(&javascript).await.map(|_| ())
}

#[tokio::test]
async fn a_page_of_every_version_connects_by_every_transport() -> Result<()> {
    let site = Site::serve().await?;
    let server = Server::of_file(&allowing(&[&site.origin()])).await?;
    for version in Version::ALL {
        let mut page = Browser::open(&site.empty(version)).await?;
        for transports in [json!(["websocket"]), json!(["polling"]), json!(["polling", "websocket"])] {
            // Version 2 sends credentials by polling unless it is told not to.
            let options = json!({"transports": transports, "forceNew": true, "withCredentials": false});
            connect(&mut page, &server, options).await?;
            page.wait_for("connected").await?;
            page.wait_for(&format!("socket.io.engine.transport.name === {transports}.at(-1)")).await?;
            let echo = "new Promise((done) => socket.emit('echo', 'hello', done))";
            assert_eq!(page.eval(echo).await?, "hello", "{version} by {transports}");
            let binary = "new Promise((done) => socket.emit('echo', new Uint8Array([0, 128, 255]).buffer, done)).then((it) => [...new Uint8Array(it)])";
            assert_eq!(page.eval(binary).await?, json!([0, 128, 255]), "{version} by {transports}");
            page.eval("{ socket.close() }").await?;
            server.has_connections(0).await?;
        }
        assert_eq!(page.console()?, Vec::<String>::new(), "{version}");
        page.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_preflight_with_authorization_passes_and_one_with_an_unlisted_header_does_not() -> Result<()> {
    let site = Site::serve().await?;
    let server = Server::of_file(&allowing(&[&site.origin()])).await?;
    let by_polling = |header: &str| json!({"transports": ["polling"], "extraHeaders": {header: "Bearer abc"}, "reconnection": false});
    let mut page = Browser::open(&site.empty(Version::V4)).await?;

    connect(&mut page, &server, by_polling("Authorization")).await?;
    page.wait_for("connected").await?;
    let preflights = server.metric(r#"origin_decisions_total{door="preflight",verdict="allowed",reason=""}"#).await?;
    assert!(preflights >= 1, "Chromium asked first: {preflights}");
    page.eval("{ socket.close() }").await?;

    connect(&mut page, &server, by_polling("X-Tenant")).await?;
    let words = "Request header field x-tenant is not allowed by Access-Control-Allow-Headers in preflight response";
    page.says(words).await?;
    page.wait_for("failures.length").await?;
    assert_eq!(page.eval("[connected, failures]").await?, json!([false, ["xhr poll error"]]));
    page.close().await
}

#[tokio::test]
async fn the_preflight_of_a_page_that_is_not_listed_fails_before_anything_else_is_sent() -> Result<()> {
    let (listed, unlisted) = (Site::serve().await?, Site::serve().await?);
    let server = Server::of_file(&allowing(&[&listed.origin()])).await?;
    let mut page = Browser::open(&unlisted.empty(Version::V4)).await?;
    let options =
        json!({"transports": ["polling"], "extraHeaders": {"Authorization": "Bearer abc"}, "reconnection": false});
    connect(&mut page, &server, options).await?;
    page.says("Response to preflight request doesn't pass access control check").await?;
    page.wait_for("failures.length").await?;
    assert_eq!(page.eval("connected").await?, false);
    let denied = async |door: &str| {
        let labels = format!(r#"origin_decisions_total{{door="{door}",verdict="denied",reason="OriginNotListed"}}"#);
        server.metric(&labels).await
    };
    assert_eq!([denied("preflight").await?, denied("polling").await?], [1, 0]);
    page.close().await
}

#[tokio::test]
async fn a_page_with_credentials_needs_a_policy_with_credentials() -> Result<()> {
    let site = Site::serve().await?;
    let without = Server::of_file(&allowing(&[&site.origin()])).await?;
    let with = Server::of_file(&with_origins(json!({"allow": [site.origin()], "credentials": true}))).await?;
    let options = json!({"transports": ["polling"], "withCredentials": true, "reconnection": false});
    let mut page = Browser::open(&site.empty(Version::V4)).await?;

    connect(&mut page, &without, options.clone()).await?;
    let said = page.says("blocked by CORS policy").await?;
    assert!(
        said.contains("The value of the 'Access-Control-Allow-Credentials' header in the response is ''"),
        "{said}"
    );
    page.wait_for("failures.length").await?;
    assert_eq!(page.eval("connected").await?, false);

    connect(&mut page, &with, options).await?;
    page.wait_for("connected").await?;
    assert_eq!(page.eval("new Promise((done) => socket.emit('echo', 1, done))").await?, 1);
    page.close().await
}

#[tokio::test]
async fn version_2_asks_with_credentials_unless_told_not_to() -> Result<()> {
    let site = Site::serve().await?;
    let server = Server::of_file(&allowing(&[&site.origin()])).await?;
    let mut page = Browser::open(&site.empty(Version::V2)).await?;
    connect(&mut page, &server, json!({"transports": ["polling"], "reconnection": false})).await?;
    page.says("must be 'true' when the request's credentials mode is 'include'").await?;
    page.wait_for("failures.length").await?;
    let without = json!({"transports": ["polling"], "reconnection": false, "withCredentials": false, "forceNew": true});
    connect(&mut page, &server, without).await?;
    page.wait_for("connected").await?;
    page.close().await
}

#[tokio::test]
async fn loopback_under_another_name_is_another_origin() -> Result<()> {
    let site = Site::serve().await?;
    let server = Server::of_file(&allowing(&[&site.origin()])).await?;
    let by_name = site.empty(Version::V4);
    let by_number = by_name.replace("localhost", "127.0.0.1");
    for (url, may) in [(by_name, true), (by_number, false)] {
        let mut page = Browser::open(&url).await?;
        connect(&mut page, &server, json!({"transports": ["websocket"], "reconnection": false})).await?;
        page.wait_for("connected || failures.length").await?;
        assert_eq!(page.eval("connected !== false").await?, may, "{url}");
        if !may {
            let said = page.says("WebSocket connection to").await?;
            assert!(said.contains("Error during WebSocket handshake: Unexpected response code: 403"), "{said}");
        }
        page.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_sandboxed_frame_has_no_origin_and_gets_nothing() -> Result<()> {
    let site = Site::serve().await?;
    let server = Server::of_file(&allowing(&[&site.origin()])).await?;
    let mut page = Browser::open(&site.empty(Version::V4)).await?;
    let inner = format!(
        "<script src=\"{}/client/4.js\"></script><script>io(\"{}\", {{path: \"{}\", transports: [\"polling\"], reconnection: false}})
         .on(\"connect_error\", () => parent.postMessage(\"refused\", \"*\")).on(\"connect\", () => parent.postMessage(\"connected\", \"*\"))</script>",
        site.origin(),
        server.url(),
        server.path,
    );
    let frame = format!(
        "{{ addEventListener('message', (event) => window.outcome = event.data);
            const frame = document.createElement('iframe'); frame.sandbox = 'allow-scripts'; frame.srcdoc = {};
            document.documentElement.append(frame); }}",
        json!(inner),
    );
    page.eval(&frame).await?;
    page.wait_for("window.outcome").await?;
    assert_eq!(page.eval("outcome").await?, "refused");
    assert_eq!(server.denied("null").await?["hint"], "OpaqueOrigin");
    page.close().await
}
