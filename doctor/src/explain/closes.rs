//! Close codes: RFC 6455, section 7.4, and the registry of IANA.

use super::{Entry, Explanation, Known, number_after};
use crate::Rung;

pub(super) fn explain(text: &str) -> Option<Explanation> {
    let alone = text.parse::<u16>().ok();
    let words = [
        "websocket: close",
        "close code",
        "closed with code",
        "close status",
        "code",
        "close",
        "closed",
        "received",
        "sent",
    ];
    let named = || is_about_closing(text).then(|| number_after(text, &words)).flatten();
    let abnormal = || is_abnormal(text).then_some(1006);
    let code = alone.or_else(named).filter(|code| (1000..5000).contains(code)).or_else(abnormal)?;
    let known = match code {
        1000 => Known::NormalClosure,
        1001 => Known::GoingAway,
        1002 => Known::ProtocolError,
        1003 => Known::UnsupportedData,
        1005 => Known::NoStatus,
        1006 => Known::AbnormalClosure,
        1007 => Known::InvalidPayload,
        1008 => Known::PolicyViolation,
        1009 => Known::MessageTooBig,
        1010 => Known::MandatoryExtension,
        1011 => Known::InternalError,
        1012 => Known::ServiceRestart,
        1013 => Known::TryAgainLater,
        1014 => Known::BadGateway,
        1015 => Known::TlsHandshake,
        3000..=3999 => Known::LibraryCode,
        4000..=4999 => Known::ApplicationCode,
        _ => Known::ReservedCode,
    };
    TABLE.iter().find(|entry| entry.known == known).map(|entry| entry.explained(Some(code)))
}

fn is_about_closing(text: &str) -> bool {
    ["close", "websocket", "disconnect", "(ok)", "(going away)"].iter().any(|word| text.contains(word))
}

/// The words of Go, Python and browsers for an end without a close frame.
fn is_abnormal(text: &str) -> bool {
    [
        "unexpected eof",
        "abnormal closure",
        "no close frame received",
        "connection closed abnormally",
        "closed before receiving a handshake",
    ]
    .iter()
    .any(|words| text.contains(words))
}

const LOG: &str = "the server's log at that moment";

const TABLE: &[Entry] = &[
    Entry {
        known: Known::NormalClosure,
        rung: None,
        any: &[],
        causes: &[
            "one side was done: socket.disconnect(), a page that was closed, a server that moves its clients elsewhere",
        ],
        checks: &[
            "nothing, if the client comes back when it should; a Socket.IO client does so by itself, unless the server said `io server disconnect`",
        ],
    },
    Entry {
        known: Known::GoingAway,
        rung: Some(Rung::Cut),
        any: &[],
        causes: &[
            "the user left the page",
            "a rollout, scale-in or node drain: the server says goodbye",
            "a proxy that reloads its configuration in good order",
        ],
        checks: &[
            "whether it comes together with a rollout (kubectl rollout history)",
            "whether clients come back with a delay of their own each: 1001 to all at once is a herd",
        ],
    },
    Entry {
        known: Known::ProtocolError,
        rung: Some(Rung::Upgrade),
        any: &[],
        causes: &[
            "a proxy changes frames (compression, a filter)",
            "a client that does not mask its frames, or a library that is wrong",
            "plain WebSocket frames sent to a Socket.IO server",
        ],
        checks: &[
            "the connection without the proxy: doctor --connect-to POD:PORT",
            "permessage-deflate: switch it off on one side and try again",
        ],
    },
    Entry {
        known: Known::UnsupportedData,
        rung: None,
        any: &[],
        causes: &["binary sent to a server that takes text alone, or the other way round"],
        checks: &["what the client sends first"],
    },
    Entry {
        known: Known::ReservedCode,
        rung: None,
        any: &[],
        causes: &["a code that the RFC reserves and gives no meaning to; a library or a proxy made it up"],
        checks: &["the documentation of what sent it"],
    },
    Entry {
        known: Known::NoStatus,
        rung: None,
        any: &[],
        causes: &["close() without a code, which is what socket.close() of most libraries sends"],
        checks: &["nothing: it is an orderly end; who closed is in the log of the other side"],
    },
    Entry {
        known: Known::AbnormalClosure,
        rung: Some(Rung::Cut),
        any: &[],
        causes: &[
            "the load balancer's timeout: Google's backend timeout of 30 s ends every WebSocket, idle or active",
            "a rollout, scale-in, node drain or crash: the pod went without saying so",
            "an idle timeout on the way, if it comes after a quiet time: pings too seldom",
            "the connection never opened: in a browser a refused upgrade is 1006 too, and the console has the status",
            "the network of the user: Wi-Fi to mobile, a laptop that slept",
        ],
        checks: &[
            "how long connections live: kubectl realtime doctor URL --origin ORIGIN --hold 10m measures it to the second; the same time again and again is a timeout",
            "whether all go at once (a rollout or crash) or each at the same age (a timeout)",
            "GKE: timeoutSec of the BackendConfig, and whether its annotation stands on the Service and not on the Ingress",
            "terminationGracePeriodSeconds, connectionDraining",
        ],
    },
    Entry {
        known: Known::InvalidPayload,
        rung: None,
        any: &[],
        causes: &["binary sent as text, or text cut inside a character"],
        checks: &["who sends it, and by what library"],
    },
    Entry {
        known: Known::PolicyViolation,
        rung: Some(Rung::Upgrade),
        any: &[],
        causes: &[
            "a token that is missing, wrong or has expired, checked after the upgrade",
            "an origin, a rate or another rule of the server",
        ],
        checks: &["the reason beside the code", LOG],
    },
    Entry {
        known: Known::MessageTooBig,
        rung: None,
        any: &[],
        causes: &["a message above the server's limit: maxHttpBufferSize of Socket.IO is 1 MB by default"],
        checks: &["the size of what is sent; large things are better sent by HTTP"],
    },
    Entry {
        known: Known::MandatoryExtension,
        rung: Some(Rung::Upgrade),
        any: &[],
        causes: &["the client demands an extension that the server or a proxy does not offer"],
        checks: &["Sec-WebSocket-Extensions in request and answer"],
    },
    Entry {
        known: Known::InternalError,
        rung: None,
        any: &[],
        causes: &[
            "an error in the server's code; with some libraries also a ping that was not answered (`keepalive ping timeout`)",
        ],
        checks: &[LOG],
    },
    Entry {
        known: Known::ServiceRestart,
        rung: Some(Rung::Cut),
        any: &[],
        causes: &["the server or a proxy restarts, and says so"],
        checks: &["rollouts; clients should come back after a moment of their own"],
    },
    Entry {
        known: Known::TryAgainLater,
        rung: None,
        any: &[],
        causes: &["the server has as many connections as it takes"],
        checks: &["connections per pod, and whether there is room for another one"],
    },
    Entry {
        known: Known::BadGateway,
        rung: Some(Rung::Path),
        any: &[],
        causes: &["a gateway got a bad answer from the server behind it"],
        checks: &["the gateway's log, and the server's"],
    },
    Entry {
        known: Known::TlsHandshake,
        rung: Some(Rung::Tls),
        any: &[],
        causes: &["the certificate is not valid or not for this name"],
        checks: &["kubectl realtime doctor URL --origin ORIGIN: the rung tls names it"],
    },
    Entry {
        known: Known::LibraryCode,
        rung: None,
        any: &[],
        causes: &[
            "a library or framework closed, for a reason of its own; 3000 is `unauthorized` in the registry of IANA, 3003 `forbidden`, 3008 `timeout`",
        ],
        checks: &["the documentation of the library, and the reason beside the code"],
    },
    Entry {
        known: Known::ApplicationCode,
        rung: None,
        any: &[],
        causes: &[
            "the application closed, for a reason of its own: often 4000 + an HTTP status, such as 4401 for a bad token",
        ],
        checks: &["the application's code, and the reason beside the code"],
    },
];
