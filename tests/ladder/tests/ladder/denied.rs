//! A page on an origin that is not listed gets nothing, whichever client it has and whichever door it tries.

use anyhow::Result;
use realtime_ladder::{
    Browser, Server, Site, Version, http,
    manifest::{PATH, allowing},
};
use reqwest::{Method, StatusCode, header::HeaderMap};

use crate::{APP, OTHER};

/// The header by which a browser lets a page read a response.
const ACAO: &str = "access-control-allow-origin";

async fn has_seen_no_session(server: &Server) -> Result<()> {
    assert_eq!(server.status().await?["connections"], 0);
    assert_eq!(server.metric(r#"handshakes_total{verdict="accepted""#).await?, 0, "no session was ever opened");
    Ok(())
}

#[tokio::test]
async fn an_origin_that_is_not_listed_gets_nothing() -> Result<()> {
    let server = Server::of_file(&allowing(&[APP])).await?;
    let mut clients = Vec::new();
    for version in Version::ALL {
        for transports in ["websocket", "polling"] {
            clients.push((version.on(OTHER).transports(transports).quick().start(&server).await?, transports));
        }
    }
    for (client, transports) in &mut clients {
        let version = client.version;
        let refused = client.refused().await?;
        assert_eq!((refused.transport.as_str(), refused.status), (*transports, 403), "{version}");
        assert!(refused.headers.get(ACAO).is_none(), "{version} by {transports}: {}", refused.headers);
        assert_eq!(refused.body["code"], 4, "{version} by {transports}: {}", refused.body);
        let message = refused.body["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(&format!("Forbidden: origin {OTHER} is not allowed")), "{version}: {message}");
        assert!(!message.contains(APP), "who may connect is not told to strangers: {message}");
        client.next("connect_error").await?;
        assert_eq!(client.count("connect")?, 0, "{version}");
    }
    has_seen_no_session(&server).await
}

#[tokio::test]
async fn a_preflight_of_an_origin_that_is_not_listed_is_refused() -> Result<()> {
    let server = Server::of_file(&allowing(&[APP])).await?;
    let preflight = async |origin: &str| -> Result<(StatusCode, HeaderMap)> {
        let url = format!("{}{PATH}/?EIO=4&transport=polling", server.url());
        let request = http::client().request(Method::OPTIONS, url).header("origin", origin);
        let request = request.header("access-control-request-method", "GET");
        let answer = request.header("access-control-request-headers", "authorization").send().await?;
        Ok((answer.status(), answer.headers().clone()))
    };
    let (status, headers) = preflight(OTHER).await?;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{headers:?}");
    let (status, headers) = preflight(APP).await?;
    assert_eq!((status, headers[ACAO].to_str()?), (StatusCode::NO_CONTENT, APP));
    has_seen_no_session(&server).await
}

#[tokio::test]
async fn a_page_of_an_origin_that_is_not_listed_gets_nothing() -> Result<()> {
    let (listed, unlisted) = (Site::serve().await?, Site::serve().await?);
    let server = Server::of_file(&allowing(&[&listed.origin()])).await?;
    let mut page = Browser::open(&unlisted.chat(&server)).await?;

    let upgrade = page.says("WebSocket connection to").await?;
    assert!(upgrade.contains("Unexpected response code: 403"), "{upgrade}");
    page.wait_for("chat.troubles.some(({ rung }) => rung.includes('rung 4, upgrade'))").await?;
    assert_eq!(page.eval("document.getElementById('state').textContent").await?, "disconnected");

    // The client falls back to polling by itself.
    let polling = page.says("blocked by CORS policy").await?;
    let words = "No 'Access-Control-Allow-Origin' header is present on the requested resource";
    assert!(polling.contains(words), "{polling}");
    println!("Chromium says:\n  {upgrade}\n  {polling}");

    let line = server.denied(&unlisted.origin()).await?;
    assert_eq!(
        (line["reason"].as_str(), line["hint"].as_str()),
        (Some("OriginNotListed"), Some("PortDiffers")),
        "{line}"
    );
    assert_eq!(line["nearest"], listed.origin(), "{line}");
    has_seen_no_session(&server).await?;
    page.close().await
}

#[tokio::test]
async fn status_says_what_is_wrong_with_each_denied_origin() -> Result<()> {
    let server = Server::of_file(&allowing(&[APP, "https://*.preview.domain-b.com"])).await?;
    let cases = [
        (Version::V4, "https://app.domain-b.com/", "OriginMalformed", "TrailingSlash", APP),
        (Version::V3, "http://app.domain-b.com", "OriginNotListed", "WrongScheme", APP),
        (Version::V2, "https://app.domain-b.com:8443", "OriginNotListed", "PortDiffers", APP),
        (
            Version::V4,
            "https://preview.domain-b.com",
            "OriginNotListed",
            "ApexNotMatchedByWildcard",
            "https://*.preview.domain-b.com",
        ),
        (Version::V3, "null", "OriginNull", "OpaqueOrigin", ""),
    ];
    for (version, origin, reason, hint, nearest) in cases {
        let mut client = version.on(origin).start(&server).await?;
        let refused = client.refused().await?;
        assert_eq!(
            (refused.status, &refused.body["reason"], &refused.body["hint"]),
            (403, &reason.into(), &hint.into())
        );
        let line = server.denied(origin).await?;
        let said = [&line["reason"], &line["hint"]].map(|word| word.as_str().unwrap_or_default());
        assert_eq!(said, [reason, hint], "{line}");
        assert_eq!(line["nearest"].as_str().unwrap_or_default(), nearest, "{line}");
        assert!(line["count"].as_u64() >= Some(1), "{line}");
    }
    has_seen_no_session(&server).await
}

#[tokio::test]
async fn an_origin_that_was_denied_costs_the_allowed_ones_nothing() -> Result<()> {
    let server = Server::of_file(&allowing(&[APP])).await?;
    let (mut allowed, connected) = Version::V4.on(APP).connect(&server).await?;
    let mut denied = Version::V4.on(OTHER).fallback().quick().start(&server).await?;
    for _ in 0..5 {
        denied.refused().await?;
    }
    allowed.is_undisturbed(&connected).await?;
    assert_eq!(server.status().await?["connections"], 1);
    Ok(())
}
