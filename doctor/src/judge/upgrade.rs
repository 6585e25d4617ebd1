//! The WebSocket: browsers send no preflight for it and no headers of the page's own, so the server's own origin check decides.

use http::{StatusCode, header};

use super::{answered_by, origin_refused, status};
use crate::{
    Reason, Target,
    engine::{self, Spoken},
    exchange::{Answer, Failure, Outcome},
    finding::Finding,
    target::{Foreign, Protocol},
};

/// What came over a WebSocket first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// A text frame.
    Text(String),
    /// Nothing within the limit.
    Silence,
    /// A close frame.
    Close(u16, String),
    /// The end of the connection.
    End,
}

/// One try to open a WebSocket.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    /// The answer to the upgrade.
    pub(crate) outcome: Outcome,
    /// What came over it, if it opened.
    pub(crate) first: Option<First>,
    /// Whether Sec-WebSocket-Accept is the one for the key.
    pub(crate) is_accepted: bool,
}

impl Try {
    pub(crate) fn is_open(&self, protocol: Protocol) -> bool {
        let spoke = match (&self.first, protocol) {
            (Some(First::Text(text)), Protocol::SocketIo) => engine::open_packet(text.as_bytes()).is_some(),
            (Some(First::Text(_) | First::Silence), Protocol::WebSocket) => true,
            (Some(_) | None, _) => false,
        };
        spoke && self.is_accepted
    }
}

/// The tries: as the page, and after a refusal without an origin.
#[derive(Clone, Debug)]
pub(crate) struct Tries<'a> {
    pub(crate) page: &'a Try,
    pub(crate) without_origin: Option<&'a Try>,
    pub(crate) foreign: Option<&'a Try>,
    /// Whether Engine.IO answers by polling on the same path.
    pub(crate) polling_works: bool,
}

pub(crate) fn judge(target: &Target, tries: &Tries<'_>) -> Finding {
    match (&tries.page.outcome, &tries.page.first) {
        (Outcome::Answer(_), Some(first)) if tries.page.is_accepted => opened(target, tries, first),
        (Outcome::Answer(answer), Some(_)) => {
            lost(answer, "the answer's Sec-WebSocket-Accept is not the one for the key")
        }
        (Outcome::Answer(answer), None) => refused(target, tries, answer),
        (Outcome::Failed(failure), _) => unanswered(failure),
    }
}

fn opened(target: &Target, tries: &Tries<'_>, first: &First) -> Finding {
    if tries.page.is_open(target.protocol) {
        return foreign(target, tries.foreign);
    }
    match first {
        First::Text(_) | First::Silence => {
            let what =
                if *first == First::Silence { "nothing comes over it" } else { "what comes over it is not Engine.IO" };
            Finding::fail(Reason::NoEngineHandshake, format!("the WebSocket opens, and {what}"))
                .console("timeout")
                .cause("a plain WebSocket server, without Engine.IO, answers upgrades on this path")
                .change("use `new WebSocket(url)` in the page, or a Socket.IO server; --protocol websocket judges it as what it is")
        }
        First::Close(code, reason) => {
            let said = if reason.is_empty() { String::new() } else { format!(", {reason:?}") };
            Finding::fail(Reason::UpgradeFailed, format!("the WebSocket opens and is closed at once with {code}{said}"))
                .console(format!("websocket error, close {code}"))
                .cause("the server refuses after the upgrade: an unknown session, an origin, a token or a limit")
                .change("look at the server's log; kubectl realtime explain-close tells what the code stands for")
        }
        First::End => Finding::fail(Reason::UpgradeFailed, "the WebSocket opens and the connection ends at once")
            .console("websocket error, close 1006")
            .cause("the server fails after the upgrade, or a proxy answers 101 and cannot reach it")
            .change("look at the log of server and proxy"),
    }
}

fn foreign(target: &Target, foreign: Option<&Try>) -> Finding {
    let spoken = if target.protocol == Protocol::SocketIo { " and Engine.IO answers over it" } else { "" };
    match foreign {
        Some(foreign) if foreign.is_open(target.protocol) => {
            let finding = if target.foreign == Foreign::Fail { Finding::fail } else { Finding::warn };
            finding(
                Reason::ForeignOriginAccepted,
                format!("the WebSocket opens{spoken}, for {} and for any other origin too", target.origin),
            )
            .cause("CORS headers do not stop a WebSocket: the server has no origin check of its own (Node: `cors` alone is none)")
            .change("refuse foreign origins in the upgrade (Node: allowRequest; go-socket.io and gorilla: CheckOrigin), most of all where cookies log a user in")
            .yaml(format!("spec:\n  origins:\n    allow: [\"{}\"]\n    mode: Enforce", target.origin))
        }
        Some(_) => {
            Finding::pass(Reason::UpgradeAccepted, format!("the WebSocket opens{spoken}; a foreign origin is refused"))
        }
        None => Finding::pass(Reason::UpgradeAccepted, format!("the WebSocket opens{spoken}")),
    }
}

fn refused(target: &Target, tries: &Tries<'_>, answer: &Answer) -> Finding {
    let said = status(answer);
    let console = format!("Error during WebSocket handshake: Unexpected response code: {}", answer.status.as_u16());
    let engine = match engine::read(&answer.body) {
        Spoken::Error(error) => Some(error),
        Spoken::Open(..) | Spoken::Other => None,
    };
    let passes_without = tries.without_origin.is_some_and(|it| it.is_open(target.protocol));
    let finding = match (answer.status, engine.as_ref().map(|error| error.code)) {
        (StatusCode::FORBIDDEN, _) if !passes_without && answered_by(answer) == Some("Envoy") && answer.body.is_empty() => {
            lost(answer, "Envoy refuses upgrades that its route does not name, with 403, whatever the origin is")
        }
        (StatusCode::FORBIDDEN, _) => {
            let message = engine.as_ref().map_or_else(String::new, |error| format!(" {}", error.message));
            let proof = if passes_without { "; without an origin the same request passes" } else { "" };
            origin_refused(Reason::UpgradeOriginRefused, &target.origin, &format!("{said}{message}{proof}"))
                .cause(origin_check(answer))
                .change("tell that check about the origin: browsers send no preflight for a WebSocket, so CORS headers do not help (go-socket.io and gorilla: CheckOrigin, of both transports; Node: allowRequest)")
        }
        (StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED, _) => {
            Finding::fail(Reason::UpgradeUnauthorized, format!("authentication refuses the upgrade ({said})"))
                .cause("a middleware or proxy asks for a header, and a browser's WebSocket can carry none of the page's own: extraHeaders count for polling alone")
                .change("check the token in the Socket.IO CONNECT (`auth: {token}`), and take upgrades out of that authentication")
                .yaml("spec:\n  auth:\n    jwt: {issuer: https://issuer.example.com/, audiences: [chat]}")
        }
        (_, Some(0)) => (if target.polling { Finding::warn } else { Finding::fail })(Reason::WebSocketNotOffered, format!("the server does not offer WebSocket ({said})"))
            .cause("its list of transports has polling alone")
            .change("offer websocket")
            .yaml("spec:\n  transports: [websocket, polling]"),
        (_, Some(5)) => Finding::fail(Reason::ProtocolRefused, format!("the server does not speak this protocol version ({said})"))
            .cause("client and server are of different generations")
            .change("upgrade the older one (Node: allowEIO3: true serves old clients)"),
        (StatusCode::NOT_FOUND, _) => Finding::fail(Reason::UpgradeFailed, format!("nothing is served for upgrades on {}/ ({said})", target.path))
            .cause("a rule of the proxy sends upgrades to another server than polling, or the path differs")
            .change("use one rule and one path for both"),
        (status, _) if status.is_redirection() => {
            Finding::fail(Reason::UpgradeFailed, format!("the upgrade is redirected ({said}); a WebSocket follows no redirect"))
                .cause("http is sent to https, or a proxy corrects the path")
                .change("give the page the final URL")
        }
        (status, _) if status.is_server_error() => {
            Finding::fail(Reason::UpgradeFailed, format!("the upgrade fails ({said})"))
                .cause("no server behind the proxy takes it, or the server fails")
                .change("look at the log of proxy and server")
        }
        // A server that was asked for WebSocket in the query and sees no Upgrade header.
        (StatusCode::BAD_REQUEST | StatusCode::OK | StatusCode::UPGRADE_REQUIRED, _) if tries.polling_works || mentions_upgrade(answer) => {
            lost(answer, "the server got the request without its Upgrade headers")
        }
        (_, _) => Finding::fail(Reason::UpgradeFailed, format!("the upgrade is answered {said}"))
            .cause("what answers does not serve WebSockets on this path")
            .change("check path and server"),
    };
    finding.console(console)
}

fn mentions_upgrade(answer: &Answer) -> bool {
    answer.status == StatusCode::UPGRADE_REQUIRED
        || answer.headers.contains_key(header::SEC_WEBSOCKET_VERSION)
        || answer.text().to_ascii_lowercase().contains("upgrade")
}

fn origin_check(answer: &Answer) -> &'static str {
    let is_gorilla = answer.headers.contains_key(header::SEC_WEBSOCKET_VERSION);
    if is_gorilla {
        "gorilla/websocket's check (go-socket.io uses it too) lets the server's own origin pass alone, unless CheckOrigin says otherwise"
    } else {
        "the server checks the origin of the upgrade by itself, whatever CORS allows"
    }
}

fn lost(answer: &Answer, why: &str) -> Finding {
    let fix = match answered_by(answer) {
        Some("nginx") => {
            "nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";"
        }
        Some("Envoy") => "Envoy: upgrade_configs: [{upgrade_type: websocket}] on the connection manager or the route",
        Some("Apache") => "Apache: ProxyPass with upgrade=websocket, or mod_proxy_wstunnel",
        Some(_) | None => {
            "let every proxy pass `Upgrade: websocket` and `Connection: Upgrade` on, with HTTP/1.1 (nginx: proxy_http_version 1.1, proxy_set_header Upgrade and Connection)"
        }
    };
    Finding::fail(Reason::UpgradeLost, format!("the upgrade is answered {}: {why}", status(answer)))
        .cause("a proxy on the way does not pass Upgrade and Connection on: they are for one hop, so each proxy has to be told")
        .change(fix)
}

fn unanswered(failure: &Failure) -> Finding {
    Finding::fail(Reason::UpgradeFailed, format!("the upgrade is not answered: {failure}"))
        .console("WebSocket connection failed")
        .cause("a proxy on the way cannot do upgrades and waits or closes; or the server has no handler for them")
        .change("let every proxy pass `Upgrade` and `Connection` on, and look at its log")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn answered(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Try {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let answer = Answer { status: StatusCode::from_u16(status).unwrap(), headers: map, body: body.into() };
        Try { outcome: Outcome::Answer(answer), first: None, is_accepted: false }
    }

    fn open(first: First) -> Try {
        Try { first: Some(first), is_accepted: true, ..answered(101, &[], "") }
    }

    fn judged(page: &Try, without_origin: Option<&Try>, foreign: Option<&Try>) -> Finding {
        let target = Target::new("https://a.com", "https://b.com").unwrap();
        judge(&target, &Tries { page, without_origin, foreign, polling_works: true })
    }

    fn engine() -> First {
        First::Text(r#"0{"sid":"abc"}"#.into())
    }

    #[test]
    fn a_foreign_origin_has_to_be_refused() {
        assert_eq!(judged(&open(engine()), None, Some(&answered(403, &[], ""))).reason, Reason::UpgradeAccepted);
        let accepted = judged(&open(engine()), None, Some(&open(engine())));
        assert_eq!((accepted.reason, accepted.verdict), (Reason::ForeignOriginAccepted, crate::Verdict::Warn));
    }

    #[test]
    fn forbidden_is_the_origin_check_and_from_envoy_the_route() {
        let gorilla = answered(403, &[("sec-websocket-version", "13")], "Forbidden\n");
        let finding = judged(&gorilla, Some(&open(engine())), None);
        assert_eq!(finding.reason, Reason::UpgradeOriginRefused);
        assert!(finding.cause.unwrap().contains("CheckOrigin"));
        let envoy = answered(403, &[("server", "envoy")], "");
        assert_eq!(judged(&envoy, Some(&envoy), None).reason, Reason::UpgradeLost);
        assert_eq!(judged(&envoy, Some(&open(engine())), None).reason, Reason::UpgradeOriginRefused);
    }

    #[test]
    fn lost_headers_are_told_from_other_refusals() {
        let node = answered(400, &[("server", "nginx/1.22.1")], r#"{"code":3,"message":"Bad request"}"#);
        let finding = judged(&node, None, None);
        assert_eq!(finding.reason, Reason::UpgradeLost);
        assert!(finding.change.unwrap().contains("proxy_set_header Upgrade"));
        assert_eq!(judged(&answered(401, &[], ""), None, None).reason, Reason::UpgradeUnauthorized);
        let polling_alone = answered(400, &[], r#"{"code":0,"message":"Transport unknown"}"#);
        assert_eq!(judged(&polling_alone, None, None).reason, Reason::WebSocketNotOffered);
        assert_eq!(judged(&answered(502, &[], ""), None, None).reason, Reason::UpgradeFailed);
    }

    #[test]
    fn a_websocket_without_a_handshake_is_no_socket_io() {
        assert_eq!(judged(&open(First::Silence), None, None).reason, Reason::NoEngineHandshake);
        assert_eq!(judged(&open(First::Close(1008, String::new())), None, None).reason, Reason::UpgradeFailed);
        assert_eq!(judged(&open(First::End), None, None).reason, Reason::UpgradeFailed);
    }
}
