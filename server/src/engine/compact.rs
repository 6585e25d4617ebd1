//! Requests copied for the engine, which keeps the head of a handshake as long as the session. Headers and URI as the HTTP library
//! hands them over are slices of its read buffer, so keeping one of them keeps 16 KiB.

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Uri, header, request::Parts};

/// Copies what socket handlers may want to know of a handshake.
#[must_use]
pub fn copy(parts: &Parts, extensions: Extensions) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = uri(&parts.uri);
    *request.headers_mut() = headers(&parts.headers);
    *request.extensions_mut() = extensions;
    request
}

/// A copy of path and query.
#[must_use]
pub fn uri(uri: &Uri) -> Uri {
    let text = uri.path_and_query().map_or("/", |part| part.as_str());
    text.parse().expect("what was a URI is one")
}

fn headers(headers: &HeaderMap) -> HeaderMap {
    let is_kept = |name: &HeaderName| {
        let is_of_connection = *name == header::CONNECTION || *name == header::UPGRADE;
        !is_of_connection && !name.as_str().starts_with("sec-")
    };
    let fresh = |(name, value): (&HeaderName, &HeaderValue)| {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).expect("what was a name is one");
        (name, HeaderValue::from_bytes(value.as_bytes()).expect("what was a value is one"))
    };
    let mut copies = HeaderMap::with_capacity(headers.keys().filter(|name| is_kept(name)).count());
    copies.extend(headers.iter().filter(|(name, _)| is_kept(name)).map(fresh));
    copies
}
