//! What a request asks of Engine.IO, by its method, its query and whether it upgrades. The order of the checks and the codes are those of
//! the Node.js server.

use http::{HeaderMap, Method, header};
use realtime_crds::v1alpha1::Transport;
use socketioxide::socket::Sid;

use crate::{
    options::Settings,
    refusal::{Code, Refusal},
};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A session by polling.
    Handshake {
        /// Version of Engine.IO.
        eio: u8,
    },
    /// What there is for the client.
    Poll {
        /// Version of Engine.IO.
        eio: u8,
        /// The session.
        sid: Sid,
    },
    /// To take what the client sends.
    Post {
        /// The session.
        sid: Sid,
    },
    /// A WebSocket.
    Upgrade {
        /// Version of Engine.IO.
        eio: u8,
        /// A polling session that it takes over; a new session without.
        sid: Option<Sid>,
    },
}

/// Reads what a request asks for.
///
/// # Errors
/// Engine.IO's code, and words for whoever looks at the response.
pub fn read(method: &Method, headers: &HeaderMap, query: Option<&str>, settings: &Settings) -> Result<Ask, Refusal> {
    let query = query.unwrap_or_default();
    let upgrades = upgrades(headers);
    let transport = match value(query, "transport") {
        None if upgrades && value(query, "EIO").is_none() => {
            let detail = "this is a Socket.IO endpoint and the request is a plain WebSocket without the query parameters EIO and transport; \
                          connect with a Socket.IO client instead of `new WebSocket`";
            return Err(Refusal::new(Code::BadRequest, detail));
        }
        word => transport(word, settings)?,
    };
    let eio = match value(query, "EIO") {
        Some("4") => 4,
        Some("3") => 3,
        given => {
            let given = given
                .map_or_else(|| "the query parameter EIO is missing".to_owned(), |word| format!("EIO={}", shown(word)));
            let detail = format!("{given}; this server speaks EIO=4 (Socket.IO clients v3 and v4) and EIO=3 (v2)");
            return Err(Refusal::new(Code::UnsupportedProtocolVersion, detail));
        }
    };
    let sid = value(query, "sid").map(|word| word.parse::<Sid>().map_err(|_| unknown_session())).transpose()?;
    if value(query, "j").is_some() {
        return Err(Refusal::new(Code::BadRequest, "JSONP polling is not served; leave out forceJSONP"));
    }
    match (transport, sid, method) {
        (Transport::Polling, _, _) if upgrades => Err(Refusal::new(
            Code::BadRequest,
            "the request upgrades to WebSocket, and its query says transport=polling",
        )),
        (_, None, method) if method != Method::GET => {
            Err(Refusal::new(Code::BadHandshakeMethod, "a session begins with GET"))
        }
        (Transport::Websocket, sid, &Method::GET) if upgrades => Ok(Ask::Upgrade { eio, sid }),
        (Transport::Websocket, _, _) => {
            let detail = "transport=websocket without the headers `Connection: Upgrade` and `Upgrade: websocket`: a proxy or load balancer \
                          on the way dropped them, or does not pass WebSockets";
            Err(Refusal::new(Code::BadRequest, detail))
        }
        (Transport::Polling, None, _) => Ok(Ask::Handshake { eio }),
        (Transport::Polling, Some(sid), &Method::GET) => Ok(Ask::Poll { eio, sid }),
        (Transport::Polling, Some(sid), &Method::POST) => Ok(Ask::Post { sid }),
        (Transport::Polling, Some(_), _) => Err(Refusal::new(Code::BadRequest, "polling uses GET and POST")),
    }
}

/// The refusal for a session that is not here.
#[must_use]
pub fn unknown_session() -> Refusal {
    let detail = "this session is not on this server: it has ended, or it is on another replica, in which case polling needs session affinity";
    Refusal::new(Code::SessionIdUnknown, detail)
}

fn transport(word: Option<&str>, settings: &Settings) -> Result<Transport, Refusal> {
    let found = settings.transports.iter().find(|transport| word == Some(transport.as_str()));
    found.copied().ok_or_else(|| {
        let allowed = settings.transports.iter().map(|transport| transport.as_str()).collect::<Vec<_>>().join(" and ");
        let detail = match word {
            None => format!("the query parameter transport is missing; allowed here: {allowed}"),
            Some(word) => format!("{} is not allowed here, {allowed} is", shown(word)),
        };
        Refusal::new(Code::TransportUnknown, detail)
    })
}

/// Whether a request asks for a WebSocket: both headers, each of which may be a list.
pub(crate) fn upgrades(headers: &HeaderMap) -> bool {
    let has = |name, token: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case(token))
    };
    has(header::UPGRADE, "websocket") && has(header::CONNECTION, "upgrade")
}

/// The first value, unescaped, as the engine itself reads it.
pub(crate) fn value<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Foreign text in an answer is short and plain.
fn shown(word: &str) -> String {
    word.chars().filter(char::is_ascii_graphic).take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(transports: &[Transport]) -> Settings {
        let second = std::time::Duration::from_secs(1);
        Settings { path: "/s".to_owned(), transports: transports.to_vec(), ping_interval: second, ping_timeout: second }
    }

    fn asked(method: Method, query: &str, upgrade: bool) -> Result<Ask, Code> {
        let mut headers = HeaderMap::new();
        if upgrade {
            headers.insert(header::UPGRADE, "WebSocket".parse().expect("a value"));
            headers.insert(header::CONNECTION, "keep-alive, Upgrade".parse().expect("a value"));
        }
        let settings = settings(&[Transport::Websocket, Transport::Polling]);
        read(&method, &headers, Some(query), &settings).map_err(|refusal| refusal.code)
    }

    #[test]
    fn requests_of_real_clients_are_understood() {
        let sid: Sid = "AAAAAAAAAAAAAAHs".parse().expect("a session id");
        let cases = [
            (Method::GET, "EIO=4&transport=polling&t=abc", false, Ask::Handshake { eio: 4 }),
            (Method::GET, "EIO=3&transport=polling&b64=1", false, Ask::Handshake { eio: 3 }),
            (Method::GET, "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAHs", false, Ask::Poll { eio: 4, sid }),
            (Method::POST, "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAHs", false, Ask::Post { sid }),
            (Method::GET, "EIO=4&transport=websocket", true, Ask::Upgrade { eio: 4, sid: None }),
            (
                Method::GET,
                "EIO=3&transport=websocket&sid=AAAAAAAAAAAAAAHs",
                true,
                Ask::Upgrade { eio: 3, sid: Some(sid) },
            ),
        ];
        for (method, query, upgrade, ask) in cases {
            assert_eq!(asked(method, query, upgrade), Ok(ask), "{query}");
        }
    }

    #[test]
    fn mistakes_get_the_code_of_the_node_server() {
        let cases = [
            (Method::GET, "", false, Code::TransportUnknown),
            (Method::GET, "", true, Code::BadRequest),
            (Method::GET, "EIO=4&transport=grpc", false, Code::TransportUnknown),
            (Method::GET, "EIO=4", false, Code::TransportUnknown),
            (Method::GET, "transport=polling", false, Code::UnsupportedProtocolVersion),
            (Method::GET, "EIO=2&transport=websocket", true, Code::UnsupportedProtocolVersion),
            (Method::GET, "EIO=4&transport=polling&sid=short", false, Code::SessionIdUnknown),
            (Method::GET, "EIO=4&transport=polling&sid=", false, Code::SessionIdUnknown),
            (Method::POST, "EIO=4&transport=polling", false, Code::BadHandshakeMethod),
            (Method::PUT, "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAHs", false, Code::BadRequest),
            (Method::GET, "EIO=4&transport=websocket", false, Code::BadRequest),
            (Method::GET, "EIO=4&transport=polling", true, Code::BadRequest),
        ];
        for (method, query, upgrade, code) in cases {
            assert_eq!(asked(method, query, upgrade), Err(code), "{query}");
        }
    }

    #[test]
    fn a_transport_that_is_switched_off_is_unknown() {
        let query = Some("EIO=4&transport=polling");
        let refusal =
            read(&Method::GET, &HeaderMap::new(), query, &settings(&[Transport::Websocket])).expect_err("refused");
        assert_eq!(refusal.code, Code::TransportUnknown);
    }
}
