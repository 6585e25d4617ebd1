//! Statuses with which an upgrade or a poll was answered.

use super::{Entry, Explanation, Known, number_after};
use crate::Rung;

pub(super) fn explain(text: &str) -> Option<Explanation> {
    let alone = text.parse::<u16>().ok();
    let words = [
        "unexpected response code",
        "unexpected server response",
        "unexpected status code",
        "response status",
        "status code",
        "http status",
        "http/1.1",
        "http/2",
        "status",
        "http error",
        "http",
        "responded with",
    ];
    let status = alone.or_else(|| number_after(text, &words)).filter(|status| (200..600).contains(status))?;
    let known = match status {
        200 => Known::Status200,
        301 | 302 | 303 | 307 | 308 => Known::StatusRedirect,
        400 => Known::Status400,
        401 | 407 => Known::Status401,
        403 => Known::Status403,
        404 => Known::Status404,
        405 => Known::Status405,
        413 => Known::Status413,
        426 => Known::Status426,
        429 => Known::Status429,
        500 => Known::Status500,
        502 => Known::Status502,
        503 => Known::Status503,
        504 => Known::Status504,
        _ => return None,
    };
    TABLE.iter().find(|entry| entry.known == known).map(|entry| entry.explained(Some(status)))
}

const DOCTOR: &str =
    "kubectl realtime doctor URL --origin ORIGIN shows the answer's body and says which of these it is";

const TABLE: &[Entry] = &[
    Entry {
        known: Known::Status200,
        rung: Some(Rung::Upgrade),
        any: &[],
        causes: &[
            "another application answers this path, such as a single-page app",
            "a proxy lost the Upgrade headers and the server answered as to a plain request",
        ],
        checks: &["path in client, Ingress and server", "Upgrade and Connection in the proxy", DOCTOR],
    },
    Entry {
        known: Known::StatusRedirect,
        rung: Some(Rung::Path),
        any: &[],
        causes: &[
            "http is sent to https, or one host to another; a WebSocket follows no redirect",
            "a proxy adds or removes the slash at the end",
            "a login page",
        ],
        checks: &["the URL in the client: use the one that is redirected to", "the answer's Location"],
    },
    Entry {
        known: Known::Status400,
        rung: Some(Rung::Handshake),
        any: &[],
        causes: &[
            "the session is unknown: polling reached another replica (body: code 1)",
            "a proxy lost the Upgrade headers (body: code 3, or empty)",
            "the transport is not offered (code 0), or the protocol version is another one (code 5)",
            "a plain WebSocket client on a Socket.IO path, or a Socket.IO client on a plain WebSocket server",
            "Engine.IO got an OPTIONS request, since CORS is not set up",
        ],
        checks: &["the answer's body: a browser does not show it", DOCTOR],
    },
    Entry {
        known: Known::Status401,
        rung: Some(Rung::Upgrade),
        any: &[],
        causes: &[
            "a middleware or proxy wants a header; a browser's WebSocket carries none of the page's own, and a preflight neither",
            "a token that has expired",
        ],
        checks: &[
            "whether it was an upgrade, a poll or an OPTIONS",
            "check the token in the Socket.IO CONNECT (`auth`) instead",
        ],
    },
    Entry {
        known: Known::Status403,
        rung: Some(Rung::Upgrade),
        any: &[],
        causes: &[
            "the WebSocket's own origin check refuses the page: gorilla's and go-socket.io's CheckOrigin, Node's allowRequest; CORS headers do not help there",
            "Envoy or Istio without upgrade_configs for websocket",
            "a firewall (Cloud Armor, WAF), or IAP",
        ],
        checks: &[
            "scheme, host and port of the origin, to the letter",
            "the header Server of the answer: who refuses?",
            DOCTOR,
        ],
    },
    Entry {
        known: Known::Status404,
        rung: Some(Rung::Path),
        any: &[],
        causes: &[
            "path differs between client, Ingress and server",
            "the Ingress has no rule for this host",
            "a proxy rewrites the path",
        ],
        checks: &["`path` of the client, with the slash that it adds: /socket.io/", DOCTOR],
    },
    Entry {
        known: Known::Status405,
        rung: Some(Rung::Preflight),
        any: &[],
        causes: &["the router knows no OPTIONS on this path: CORS has to answer before it", "POST is not let through"],
        checks: &["the method in the server's log", "the order of middleware: CORS first"],
    },
    Entry {
        known: Known::Status413,
        rung: None,
        any: &[],
        causes: &[
            "a message by polling above the limit of the proxy (nginx: client_max_body_size, 1 MB) or of Socket.IO (maxHttpBufferSize, 1 MB)",
        ],
        checks: &["the size of what is sent"],
    },
    Entry {
        known: Known::Status426,
        rung: Some(Rung::Upgrade),
        any: &[],
        causes: &[
            "a WebSocket server got a plain request: a proxy lost the Upgrade headers, or a Socket.IO client polls a plain WebSocket server",
        ],
        checks: &["Upgrade and Connection in the proxy", DOCTOR],
    },
    Entry {
        known: Known::Status429,
        rung: None,
        any: &[],
        causes: &["a rate limit: many clients that come back at once look like an attack"],
        checks: &["the limit, and reconnectionDelay and randomizationFactor of the clients"],
    },
    Entry {
        known: Known::Status500,
        rung: Some(Rung::Path),
        any: &[],
        causes: &["an error in the server's code before or in its allowRequest"],
        checks: &["the server's log"],
    },
    Entry {
        known: Known::Status502,
        rung: Some(Rung::Path),
        any: &[],
        causes: &[
            "no pod is healthy: the health check asks a path that is answered with 404, or another port",
            "the server closed the connection: it crashed, or its keep-alive is shorter than the load balancer's",
            "a firewall between load balancer and pods",
        ],
        checks: &["kubectl get pods,endpointslices", "the load balancer's health checks and its log (statusDetails)"],
    },
    Entry {
        known: Known::Status503,
        rung: Some(Rung::Path),
        any: &[],
        causes: &["the Service has no endpoints", "the server or a circuit breaker refuses more load"],
        checks: &["kubectl get endpointslices", "limits on connections in the proxy"],
    },
    Entry {
        known: Known::Status504,
        rung: Some(Rung::Path),
        any: &[],
        causes: &[
            "the server did not answer within the proxy's timeout: for a poll, that timeout is shorter than pingInterval",
        ],
        checks: &["the proxy's timeout against pingInterval (25 s): it has to be longer", "whether the server hangs"],
    },
];
