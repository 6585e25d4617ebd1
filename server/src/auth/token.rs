//! Where a client puts its token.

use std::borrow::Cow;

use http::{HeaderMap, header, request::Parts};
use serde::Deserialize;
use serde_json::Value;
use socketioxide::extract::TryData;

use super::{
    expectations::Expectations,
    refusal::{Reason, Refusal},
};

/// The `auth` payload of a client: anything, of which `token` counts.
#[derive(Debug, Default, Deserialize)]
pub struct Payload {
    #[serde(default)]
    token: Value,
}

impl Payload {
    /// Of what a client sent, if it sent an object.
    #[must_use]
    pub fn of(data: TryData<Self>) -> Self {
        data.0.unwrap_or_default()
    }
}

/// The first token that there is; a bad one is not passed over for the next.
pub(super) fn find<'r>(
    payload: &'r Payload,
    request: &'r Parts,
    expected: &Expectations,
) -> Result<Cow<'r, str>, Refusal> {
    match &payload.token {
        Value::String(token) if !token.is_empty() => return Ok(token.into()),
        Value::Null | Value::String(_) => {}
        _ => return Err(Refusal::new(Reason::TokenMalformed, "auth.token of the client has to be a string")),
    }
    if let Some(token) = bearer(&request.headers)? {
        return Ok(token.into());
    }
    let parameter = expected.query_parameter.as_deref();
    if let Some(token) = parameter.and_then(|name| in_query(request.uri.query().unwrap_or_default(), name)) {
        return Ok(token.into());
    }
    let query = parameter.map_or_else(String::new, |name| format!(", or `query: {{{name}}}`"));
    let message = format!(
        "the client sent no token; give it as option `auth: {{token}}`, as header `Authorization: Bearer ...`{query}"
    );
    Err(Refusal::new(Reason::TokenMissing, message))
}

/// RFC 6750, section 2.1. Other schemes are somebody else's.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut found = None;
    for value in headers.get_all(header::AUTHORIZATION) {
        let text =
            value.to_str().map_err(|_| Refusal::new(Reason::TokenMalformed, "the Authorization header is not text"))?;
        let Some((scheme, token)) = text.split_once(' ') else { continue };
        if scheme.eq_ignore_ascii_case("bearer") && found.replace(token.trim()).is_some() {
            return Err(Refusal::new(
                Reason::TokenMalformed,
                "there are several Authorization headers with a Bearer token",
            ));
        }
    }
    Ok(found.filter(|token| !token.is_empty()))
}

/// The letters of a token need no escapes.
fn in_query<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value.filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{super::expectations::KeySource, *};

    fn found(payload: Value, headers: &[&str], query: &str, parameter: Option<&str>) -> Result<String, Reason> {
        let expected = Expectations {
            issuer: String::new(),
            audiences: Vec::new(),
            query_parameter: parameter.map(str::to_owned),
            source: KeySource::Url(String::new()),
        };
        let mut request = http::Request::builder().uri(format!("/s/?EIO=4&{query}"));
        for value in headers {
            request = request.header(header::AUTHORIZATION, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let payload = Payload { token: payload };
        find(&payload, &parts, &expected).map(Cow::into_owned).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn payload_then_header_then_query() {
        let (payload, header, query) = (Value::from("p"), ["Bearer h"], "token=q");
        assert_eq!(found(payload, &header, query, Some("token")).as_deref(), Ok("p"));
        assert_eq!(found(Value::Null, &header, query, Some("token")).as_deref(), Ok("h"));
        assert_eq!(found(Value::from(""), &["Basic YTpi"], query, Some("token")).as_deref(), Ok("q"));
        assert_eq!(found(Value::Null, &["bearer  h "], "", None).as_deref(), Ok("h"));
    }

    #[test]
    fn the_query_counts_only_where_the_parameter_is_named() {
        assert_eq!(found(Value::Null, &[], "token=q", None), Err(Reason::TokenMissing));
        assert_eq!(found(Value::Null, &[], "mytoken=q&token=", Some("token")), Err(Reason::TokenMissing));
    }

    #[test]
    fn what_is_ambiguous_or_no_text_is_malformed() {
        assert_eq!(found(Value::from(7), &["Bearer h"], "", None), Err(Reason::TokenMalformed));
        assert_eq!(found(Value::Null, &["Bearer a", "Bearer b"], "", None), Err(Reason::TokenMalformed));
    }
}
