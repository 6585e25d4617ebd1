//! What to climb, and as whom.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use url::Url;

use crate::{cors::Credentials, engine::Revision};

/// Headers that Fetch does not let a page set.
const FORBIDDEN: [&str; 10] =
    ["host", "origin", "cookie", "connection", "upgrade", "content-length", "referer", "te", "date", "expect"];

/// What is expected to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Engine.IO and Socket.IO.
    SocketIo,
    /// A WebSocket, and nothing is known of what it speaks.
    WebSocket,
}

/// What it is when a foreign page may open a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// A warning: the server may check who connects in another way.
    Warn,
    /// A failure: the origin policy has to refuse.
    Fail,
}

/// A header that the page sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageHeader {
    /// Its name.
    pub name: HeaderName,
    /// Its value; without one, only the preflight asks for it.
    pub value: Option<HeaderValue>,
}

/// What to climb, and as whom.
#[derive(Clone, Debug)]
pub struct Target {
    /// The server: http or https, with the query that the client adds, without a path.
    pub url: Url,
    /// The path of the endpoint, without a slash at its end.
    pub path: String,
    /// The same to the letter, for a plain WebSocket.
    pub exact_path: String,
    /// The origin of the page.
    pub origin: String,
    /// Whether the page sends credentials.
    pub credentials: Credentials,
    /// Headers that the page sends by polling.
    pub headers: Vec<PageHeader>,
    /// Whether nobody named these headers: then a list that leaves them out is a warning.
    pub headers_are_assumed: bool,
    /// Whether the page uses polling.
    pub polling: bool,
    /// Whether the page uses WebSocket.
    pub websocket: bool,
    /// What is expected to answer.
    pub protocol: Protocol,
    /// The page's revision of Engine.IO; without one, both are tried.
    pub revision: Option<Revision>,
    /// The payload of the Socket.IO CONNECT, as JSON.
    pub auth: Option<String>,
    /// `HOST:PORT` to connect to instead of the URL's.
    pub connect_to: Option<String>,
    /// Authorities to trust besides the machine's, in PEM.
    pub authorities: Vec<u8>,
    /// Whether to go on after a certificate that is not valid.
    pub insecure: bool,
    /// How long a connection or an answer may take.
    pub timeout: Duration,
    /// How long to hold a WebSocket open, to measure when it is cut.
    pub hold: Option<Duration>,
    /// What it is when a foreign page may open a WebSocket.
    pub foreign: Foreign,
}

/// Why there is nothing to climb.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not a URL.
    #[error("{0:?} is not a URL, such as https://chat.domain-a.com: {1}")]
    Url(String, String),
    /// Another scheme.
    #[error("the URL's scheme is {0:?}; it has to be https, http, wss or ws")]
    Scheme(String),
    /// A name or password in the URL.
    #[error("the URL has a user name; browsers refuse that for WebSockets")]
    Userinfo,
    /// Not an origin.
    #[error(
        "{given:?} is not an origin as browsers send it; an origin is scheme://host[:port] in lower case, without a slash or a path{hint}"
    )]
    Origin {
        /// What was given.
        given: String,
        /// What it may have meant.
        hint: String,
    },
    /// Not a header.
    #[error("{0:?} is not NAME or \"NAME: VALUE\"")]
    Header(String),
    /// A header that pages cannot set.
    #[error("pages cannot set the header {0}: browsers do")]
    ForbiddenHeader(HeaderName),
    /// Not a path.
    #[error("{0:?} is not a path, such as /socket.io")]
    Path(String),
    /// Not `HOST:PORT`.
    #[error("{0:?} is not HOST:PORT")]
    ConnectTo(String),
    /// Not JSON.
    #[error("the payload of the CONNECT is not a JSON object: {0}")]
    Auth(String),
    /// Not certificates.
    #[error("the file of authorities holds no certificate in PEM")]
    Authorities,
}

/// Whether there are authorities in this file.
///
/// # Errors
/// When there is none.
pub fn check_authorities(pem: &[u8]) -> Result<(), TargetError> {
    crate::climb::authorities(pem)
}

impl Target {
    /// A page on this origin that connects to this URL. A path in the URL is the path of the endpoint.
    ///
    /// # Errors
    /// When one of them is not what a browser would take.
    pub fn new(url: &str, origin: &str) -> Result<Self, TargetError> {
        let mut parsed = Url::parse(url).map_err(|error| TargetError::Url(url.to_owned(), error.to_string()))?;
        let scheme = match parsed.scheme() {
            "https" | "wss" => "https",
            "http" | "ws" => "http",
            other => return Err(TargetError::Scheme(other.to_owned())),
        };
        if parsed.scheme() != scheme {
            // Between special schemes this always works.
            let _ = parsed.set_scheme(scheme);
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(TargetError::Userinfo);
        }
        let path = match parsed.path().trim_end_matches('/') {
            "" => "/socket.io".to_owned(),
            path => path.to_owned(),
        };
        let exact_path = parsed.path().to_owned();
        parsed.set_path("");
        parsed.set_fragment(None);
        Ok(Self {
            url: parsed,
            path,
            exact_path,
            origin: valid_origin(origin)?,
            credentials: Credentials::Omit,
            headers: vec![PageHeader { name: http::header::AUTHORIZATION, value: None }],
            headers_are_assumed: true,
            polling: true,
            websocket: true,
            protocol: Protocol::SocketIo,
            revision: None,
            auth: None,
            connect_to: None,
            authorities: Vec::new(),
            insecure: false,
            timeout: Duration::from_secs(10),
            hold: None,
            foreign: Foreign::Warn,
        })
    }

    /// With another path.
    ///
    /// # Errors
    /// When it is none.
    pub fn path(mut self, path: &str) -> Result<Self, TargetError> {
        let absolute = format!("/{}", path.trim_start_matches('/'));
        let mut url = self.url.clone();
        url.set_path(&absolute);
        if path.is_empty() || path.contains(['?', '#', ' ']) {
            return Err(TargetError::Path(path.to_owned()));
        }
        self.path = url.path().trim_end_matches('/').to_owned();
        self.exact_path = url.path().to_owned();
        Ok(self)
    }

    /// With the headers of the page, each `NAME` or `NAME: VALUE`; none may be given.
    ///
    /// # Errors
    /// When one is no header, or one that pages cannot set.
    pub fn headers(mut self, headers: &[String]) -> Result<Self, TargetError> {
        self.headers_are_assumed = false;
        self.headers = headers.iter().map(|header| page_header(header)).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// With a payload of the Socket.IO CONNECT.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn auth(mut self, json: &str) -> Result<Self, TargetError> {
        let object: serde_json::Map<_, _> =
            serde_json::from_str(json).map_err(|error| TargetError::Auth(error.to_string()))?;
        self.auth = Some(serde_json::Value::Object(object).to_string());
        Ok(self)
    }

    /// With authorities to trust besides the machine's, in PEM.
    ///
    /// # Errors
    /// When there is none.
    pub fn authorities(mut self, pem: Vec<u8>) -> Result<Self, TargetError> {
        check_authorities(&pem)?;
        self.authorities = pem;
        Ok(self)
    }

    /// With an address to connect to.
    ///
    /// # Errors
    /// When it is not `HOST:PORT`.
    pub fn connect_to(mut self, address: &str) -> Result<Self, TargetError> {
        let is_address = address
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
        if !is_address {
            return Err(TargetError::ConnectTo(address.to_owned()));
        }
        self.connect_to = Some(address.to_owned());
        Ok(self)
    }

    /// The names of the page's headers as a preflight asks for them: sorted, in lower case.
    #[must_use]
    pub fn header_names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.headers.iter().map(|header| header.name.as_str().to_owned()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The URL and path as a person writes them.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut url = crate::exchange::without_secrets(&self.url);
        url.set_path(&self.path);
        url.to_string()
    }

    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }
}

fn valid_origin(origin: &str) -> Result<String, TargetError> {
    // What sandboxed frames send.
    if origin == "null" {
        return Ok(origin.to_owned());
    }
    let parsed = Url::parse(origin).ok().filter(Url::has_host);
    let serialized = parsed.as_ref().map(|url| match url.origin().ascii_serialization() {
        // Packaged apps have schemes of their own.
        opaque if opaque == "null" => {
            let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
            format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
        }
        origin => origin,
    });
    match serialized {
        Some(serialized) if serialized == origin => Ok(serialized),
        other => {
            let hint = other.map_or_else(String::new, |it| format!(": did you mean {it}"));
            Err(TargetError::Origin { given: origin.to_owned(), hint })
        }
    }
}

fn page_header(text: &str) -> Result<PageHeader, TargetError> {
    let invalid = || TargetError::Header(text.split(':').next().unwrap_or_default().to_owned());
    let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
    let name: HeaderName = name.trim().parse().map_err(|_| invalid())?;
    let is_forbidden = FORBIDDEN.contains(&name.as_str())
        || ["sec-", "proxy-", "access-control-"].iter().any(|prefix| name.as_str().starts_with(prefix));
    if is_forbidden {
        return Err(TargetError::ForbiddenHeader(name));
    }
    let value = value.map(|value| value.trim().parse().map_err(|_| invalid())).transpose()?;
    Ok(PageHeader { name, value })
}

#[cfg(test)]
mod tests;
