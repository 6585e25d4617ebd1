//! Reads a key set over HTTPS. Little of it: what answers is a stranger until the keys say otherwise.

use std::{net::Ipv4Addr, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use realtime_telemetry::with_causes;
use rustls::crypto::ring;
use tokio::time;

/// Most bytes of a key set.
pub(super) const LONGEST: usize = 256 * 1024;
/// From the name look-up to the last byte.
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_REDIRECTS: usize = 3;

/// Reads one URL, again and again.
#[derive(Debug)]
pub(super) struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    url: Uri,
}

impl Fetcher {
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let url: Uri = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
        check(&url, None)?;
        let builder = HttpsConnectorBuilder::new();
        let builder = match builder.with_provider_and_native_roots(ring::default_provider()) {
            Ok(builder) => builder,
            // An image without certificates.
            Err(_) => HttpsConnectorBuilder::new()
                .with_provider_and_webpki_roots(ring::default_provider())
                .map_err(|error| format!("TLS is not available: {error}"))?,
        };
        let connector = builder.https_or_http().enable_http1().build();
        // Ten minutes between two requests: no connection is worth keeping.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { client, url })
    }

    pub(super) async fn fetch(&self) -> Result<Bytes, String> {
        let fetching = time::timeout(PATIENCE, self.follow());
        fetching.await.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
    }

    async fn follow(&self) -> Result<Bytes, String> {
        let mut url = self.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let request = Request::get(url.clone())
                .header(header::ACCEPT, "application/jwk-set+json, application/json")
                .header(header::USER_AGENT, concat!("realtime-server/", env!("CARGO_PKG_VERSION")))
                .body(Empty::new())
                .map_err(|error| error.to_string())?;
            let response = self.client.request(request).await.map_err(|error| with_causes(&error))?;
            match response.status() {
                StatusCode::OK => {
                    let body = Limited::new(response.into_body(), LONGEST).collect().await;
                    return body.map(http_body_util::Collected::to_bytes).map_err(|error| {
                        match error.is::<LengthLimitError>() {
                            true => format!("the answer is longer than {LONGEST} bytes"),
                            false => with_causes(&*error),
                        }
                    });
                }
                status if status.is_redirection() => {
                    let next = target(&url, response.headers().get(header::LOCATION))?;
                    check(&next, Some(&url))?;
                    url = next;
                }
                status => return Err(format!("the answer has status {status}")),
            }
        }
        Err(format!("it redirects more than {MOST_REDIRECTS} times"))
    }
}

/// Whoever can change the answer can make tokens: TLS all the way, except within this machine.
fn check(url: &Uri, from: Option<&Uri>) -> Result<(), String> {
    let is_tls = url.scheme_str() == Some("https");
    let host = url.host().unwrap_or_default();
    let is_loopback =
        host == "localhost" || host == "[::1]" || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    let came_by_tls = from.is_some_and(|from| from.scheme_str() == Some("https"));
    match (is_tls, url.scheme_str() == Some("http") && is_loopback && !came_by_tls) {
        (true, _) | (_, true) => Ok(()),
        (false, false) if from.is_some() => Err("it redirects to a URL that is not https".to_owned()),
        (false, false) => Err("the URL is not https".to_owned()),
    }
}

fn target(from: &Uri, location: Option<&http::HeaderValue>) -> Result<Uri, String> {
    let bad = || "it redirects, and does not say where to".to_owned();
    let next: Uri = location.and_then(|location| location.to_str().ok()?.parse().ok()).ok_or_else(bad)?;
    if next.scheme().is_some() {
        return Ok(next);
    }
    let mut parts = from.clone().into_parts();
    parts.path_and_query = Some(next.path_and_query().cloned().ok_or_else(bad)?);
    if let Some(authority) = next.authority() {
        parts.authority = Some(authority.clone());
    }
    Uri::from_parts(parts).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().expect("a URL")
    }

    fn redirected(from: &str, to: &'static str) -> Result<String, String> {
        let from = uri(from);
        let next = target(&from, Some(&http::HeaderValue::from_static(to)))?;
        check(&next, Some(&from)).map(|()| next.to_string())
    }

    #[test]
    fn http_is_for_this_machine_alone() {
        for (url, is_good) in [
            ("https://login.domain-b.com/jwks", true),
            ("http://127.0.0.1:1234/jwks", true),
            ("http://localhost/jwks", true),
            ("http://[::1]:80/jwks", true),
            ("http://login.domain-b.com/jwks", false),
            ("http://localhost.domain-b.com/jwks", false),
            ("ftp://login.domain-b.com/jwks", false),
        ] {
            assert_eq!(check(&uri(url), None).is_ok(), is_good, "{url}");
        }
        assert!(Fetcher::new("http://login.domain-b.com/jwks").is_err());
        assert!(
            Fetcher::new("http://127.evil.com/jwks").is_err(),
            "an address is meant, not a name that looks like one"
        );
    }

    #[test]
    fn a_redirect_never_leaves_tls() {
        assert_eq!(redirected("https://a.com/x", "/y?z=1").as_deref(), Ok("https://a.com/y?z=1"));
        assert_eq!(redirected("https://a.com/x", "https://b.com/y").as_deref(), Ok("https://b.com/y"));
        assert!(redirected("https://a.com/x", "http://a.com/y").is_err());
        assert!(redirected("https://a.com/x", "http://127.0.0.1/y").is_err());
        assert!(redirected("http://127.0.0.1/x", "http://a.com/y").is_err());
    }
}
