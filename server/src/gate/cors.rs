//! Response headers by which browsers let a page read a response. They are computed once for a policy.

use http::{HeaderMap, HeaderValue, header};
use origin_policy::OriginPolicy;

/// For preflights: everything that the answer depends on.
const VARY_PREFLIGHT: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network",
);
/// Engine.IO polls with GET and POST and has no other methods.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// The response headers of a policy.
#[derive(Clone, Debug)]
pub struct Cors {
    credentials: bool,
    allowed_headers: Option<HeaderValue>,
    exposed_headers: Option<HeaderValue>,
    max_age: HeaderValue,
}

/// Whom a response is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A page that the policy allows.
    Allowed(HeaderValue),
    /// A page that is served in report mode alone.
    Reported(HeaderValue),
    /// A client without an origin, or a page that may read nothing.
    Nobody,
}

impl Cors {
    /// The response headers of a policy.
    #[must_use]
    pub fn new(policy: &OriginPolicy) -> Self {
        let list = |names: &[String]| HeaderValue::from_str(&names.join(", ")).ok().filter(|value| !value.is_empty());
        Self {
            credentials: policy.credentials(),
            allowed_headers: list(policy.allowed_headers()),
            exposed_headers: list(policy.exposed_headers()),
            max_age: HeaderValue::from(policy.max_age().as_secs()),
        }
    }

    /// For any response but a preflight's, whatever its status.
    pub fn decorate(&self, reader: &Reader, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        self.origin(reader, headers);
        if let (Some(exposed), false) = (&self.exposed_headers, *reader == Reader::Nobody) {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
    }

    /// For a preflight that succeeds; `asks_private` when it asks for Private Network Access.
    pub fn permit(&self, reader: &Reader, asks_private: bool, headers: &mut HeaderMap) {
        vary_preflight(headers);
        self.origin(reader, headers);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        if let Some(allowed) = &self.allowed_headers {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed.clone());
        }
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        if asks_private && matches!(reader, Reader::Allowed(_)) {
            headers.insert("access-control-allow-private-network", TRUE);
        }
    }

    fn origin(&self, reader: &Reader, headers: &mut HeaderMap) {
        match reader {
            Reader::Allowed(origin) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                if self.credentials {
                    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
                }
            }
            // Report mode serves any page, and a reflected origin with credentials would hand every
            // visitor's session to it: what is not on the list gets no credentials.
            Reader::Reported(origin) => drop(headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone())),
            Reader::Nobody => {}
        }
    }
}

/// For every answer to a preflight.
pub fn vary_preflight(headers: &mut HeaderMap) {
    headers.insert(header::VARY, VARY_PREFLIGHT);
}
