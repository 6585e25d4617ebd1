//! What a request asks for.

use engineioxide_core::{ProtocolVersion, Sid, TransportType};
use http::{Method, Request, StatusCode};

use crate::config::EngineIoConfig;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ask {
    Open { reads_binary: bool },
    Poll(Sid),
    Post(Sid),
    WebSocket(Option<Sid>),
}

/// Why a request is refused. Codes and words are those of the Node.js server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It names no transport that is served.
    #[error("Transport unknown")]
    TransportUnknown,
    /// There is no such session.
    #[error("Session ID unknown")]
    SessionIdUnknown,
    /// A session begins with GET.
    #[error("Bad handshake method")]
    BadHandshakeMethod,
    /// It does not fit the session, or the protocol.
    #[error("Bad request")]
    BadRequest,
    /// The version is not spoken.
    #[error("Unsupported protocol version")]
    UnsupportedProtocolVersion,
    /// The body is no payload, or the client polled twice at once.
    #[error("no payload")]
    NoPayload,
    /// The body is longer than allowed.
    #[error("payload too large")]
    TooLarge,
}

impl Fault {
    /// Engine.IO's number for it.
    pub(crate) const fn code(self) -> Option<u8> {
        match self {
            Self::TransportUnknown => Some(0),
            Self::SessionIdUnknown => Some(1),
            Self::BadHandshakeMethod => Some(2),
            Self::BadRequest => Some(3),
            Self::UnsupportedProtocolVersion => Some(5),
            Self::NoPayload | Self::TooLarge => None,
        }
    }

    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads the query.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn read<B>(request: &Request<B>, config: &EngineIoConfig) -> Result<(ProtocolVersion, Ask), Fault> {
    let query = request.uri().query().unwrap_or_default();
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let transport = value("transport").and_then(|word| word.parse::<TransportType>().ok());
    let transport = transport.filter(|transport| config.allowed_transport(*transport));
    let transport = transport.ok_or(Fault::TransportUnknown)?;
    let protocol = value("EIO").and_then(|word| word.parse::<ProtocolVersion>().ok());
    let protocol = protocol.ok_or(Fault::UnsupportedProtocolVersion)?;
    // One that cannot be read is nobody's. It must not be taken for a request without one, which opens a session.
    let sid = value("sid").map(|word| word.parse::<Sid>().map_err(|_| Fault::SessionIdUnknown)).transpose()?;
    let ask = match (transport, sid, request.method()) {
        (TransportType::Polling, Some(sid), &Method::GET) => Ask::Poll(sid),
        (TransportType::Polling, Some(sid), &Method::POST) => Ask::Post(sid),
        (TransportType::Websocket, sid, &Method::GET) => Ask::WebSocket(sid),
        (TransportType::Polling, None, &Method::GET) => {
            Ask::Open { reads_binary: !matches!(value("b64"), Some("1" | "true")) }
        }
        (_, None, _) => return Err(Fault::BadHandshakeMethod),
        (_, Some(_), _) => return Err(Fault::BadRequest),
    };
    Ok((protocol, ask))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, query: &str) -> Result<Ask, Fault> {
        let request =
            Request::builder().method(method).uri(format!("/engine.io/?{query}")).body(()).expect("a request");
        read(&request, &EngineIoConfig::default()).map(|(_, ask)| ask)
    }

    #[test]
    fn requests_are_understood() {
        let sid: Sid = "AAAAAAAAAAAAAAHs".parse().expect("a session id");
        let of = |query: &str| format!("EIO=4&transport={query}");
        assert_eq!(asked(Method::GET, &of("polling")), Ok(Ask::Open { reads_binary: true }));
        assert_eq!(asked(Method::GET, &of("polling&b64=1")), Ok(Ask::Open { reads_binary: false }));
        assert_eq!(asked(Method::GET, &of("polling&sid=AAAAAAAAAAAAAAHs")), Ok(Ask::Poll(sid)));
        assert_eq!(asked(Method::POST, &of("polling&sid=AAAAAAAAAAAAAAHs")), Ok(Ask::Post(sid)));
        assert_eq!(asked(Method::GET, &of("websocket")), Ok(Ask::WebSocket(None)));
        assert_eq!(asked(Method::GET, &of("websocket&sid=AAAAAAAAAAAAAAHs")), Ok(Ask::WebSocket(Some(sid))));
    }

    #[test]
    fn mistakes_have_their_fault() {
        let cases = [
            (Method::GET, "", Fault::TransportUnknown),
            (Method::GET, "EIO=4&transport=grpc", Fault::TransportUnknown),
            (Method::GET, "EIO=2&transport=polling", Fault::UnsupportedProtocolVersion),
            (Method::GET, "EIO=4&transport=polling&sid=", Fault::SessionIdUnknown),
            (Method::POST, "EIO=4&transport=polling", Fault::BadHandshakeMethod),
            (Method::PUT, "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAHs", Fault::BadRequest),
        ];
        for (method, query, fault) in cases {
            assert_eq!(asked(method, query), Err(fault), "{query}");
        }
    }
}
