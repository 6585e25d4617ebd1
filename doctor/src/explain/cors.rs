//! CORS errors as browsers print them: Chromium, Firefox, Safari.

use super::{Entry, Known};
use crate::Rung;

const LIST: &str = "the server's list of origins against the page's origin, to the letter, without a slash at the end";
const DOCTOR: &str = "kubectl realtime doctor URL --origin ORIGIN shows the answer";
const ERRORS: &str =
    "whether it is an error's answer (401, 404, 502) that has no CORS headers: then the status is the cause";

pub(super) const TABLE: &[Entry] = &[
    Entry {
        known: Known::HeaderNotAllowed,
        rung: Some(Rung::Authorization),
        any: &[
            &["is not allowed by access-control-allow-headers"],
            &["is not allowed according to header 'access-control-allow-headers'"],
            &["missing token", "access-control-allow-headers"],
        ],
        causes: &[
            "the header is not on the server's list",
            "the list is *, which covers no Authorization, and nothing at all with credentials",
        ],
        checks: &["name each header in Access-Control-Allow-Headers", DOCTOR],
    },
    Entry {
        known: Known::MethodNotAllowed,
        rung: Some(Rung::Preflight),
        any: &[&["is not allowed by access-control-allow-methods"], &["did not find method in cors header"]],
        causes: &["the request is no GET or POST, which Socket.IO never sends: another request of the page"],
        checks: &["which request it was"],
    },
    Entry {
        known: Known::AllowListInvalid,
        rung: Some(Rung::Authorization),
        any: &[&["cannot parse access-control-allow"], &["invalid token", "in cors header"]],
        causes: &["there is something else than names and commas in the list"],
        checks: &[DOCTOR],
    },
    Entry {
        known: Known::PreflightRedirected,
        rung: Some(Rung::Preflight),
        any: &[
            &["redirect is not allowed for a preflight"],
            &["preflight response is a redirection"],
            &["preflight", "redirect"],
        ],
        causes: &["http is sent to https, a login page answers, or the slash at the end is corrected"],
        checks: &["the URL in the page: use the final one", "OPTIONS has to be answered before any redirect"],
    },
    Entry {
        known: Known::PreflightNotOk,
        rung: Some(Rung::Preflight),
        any: &[
            &["it does not have http ok status"],
            &["cors preflight response did not succeed"],
            &["preflight response is not successful"],
        ],
        causes: &[
            "auth middleware answers OPTIONS with 401: a preflight never carries a token",
            "the router answers 404 or 405, Engine.IO 400",
        ],
        checks: &["the order of middleware: CORS outside authentication and routing", DOCTOR],
    },
    Entry {
        known: Known::WildcardWithCredentials,
        rung: Some(Rung::Handshake),
        any: &[
            &["must not be the wildcard '*'"],
            &["cannot use wildcard in access-control-allow-origin"],
            &["credential is not supported if the cors header", "'*'"],
        ],
        causes: &["withCredentials is on (in clients of version 2 by default) and the server allows *"],
        checks: &["list the origins by name and allow credentials, or switch withCredentials off"],
    },
    Entry {
        known: Known::CredentialsNotAllowed,
        rung: Some(Rung::Handshake),
        any: &[&["access-control-allow-credentials"]],
        causes: &[
            "withCredentials is on (in clients of version 2 by default) and the server does not allow credentials",
        ],
        checks: &["Access-Control-Allow-Credentials: true on preflight and answer, or withCredentials off"],
    },
    Entry {
        known: Known::SeveralAllowOrigins,
        rung: Some(Rung::Handshake),
        any: &[
            &["contains multiple values"],
            &["multiple cors header 'access-control-allow-origin' not allowed"],
            &["cannot contain more than one origin"],
        ],
        causes: &["proxy and server both add the header", "a list in one header"],
        checks: &["let one layer alone answer CORS"],
    },
    Entry {
        known: Known::AllowOriginInvalid,
        rung: Some(Rung::Handshake),
        any: &[&["contains the invalid value"]],
        causes: &["a setting was taken for the value: a list, a pattern, `true`"],
        checks: &["the value has to be the page's origin or *"],
    },
    Entry {
        known: Known::PreflightNoAllowOrigin,
        rung: Some(Rung::Preflight),
        any: &[&["response to preflight request doesn't pass", "no 'access-control-allow-origin'"]],
        causes: &[
            "something before CORS answers OPTIONS: authentication (401), the router (404, 405), Engine.IO itself (400)",
            "the origin is not on the list",
        ],
        checks: &["the status of the OPTIONS in the browser's network tab", LIST, DOCTOR],
    },
    Entry {
        known: Known::NoAllowOrigin,
        rung: Some(Rung::Handshake),
        any: &[
            &["no 'access-control-allow-origin' header is present"],
            &["cors header 'access-control-allow-origin' missing"],
        ],
        causes: &[
            "CORS is not set up on the server: Socket.IO since version 3 allows no origin unless told to",
            "the origin is not on the list",
            "a proxy answered with an error that has no CORS headers",
        ],
        checks: &[LIST, ERRORS, DOCTOR],
    },
    Entry {
        known: Known::AllowOriginMismatch,
        rung: Some(Rung::Handshake),
        any: &[
            &["that is not equal to the supplied origin"],
            &["cors header 'access-control-allow-origin' does not match"],
            &["is not allowed by access-control-allow-origin"],
        ],
        causes: &[
            "the list has another scheme, port or a slash at the end",
            "one fixed origin is sent whoever asks",
            "a cache gives another page's answer: Vary: Origin is missing",
        ],
        checks: &[LIST, ERRORS, DOCTOR],
    },
    Entry {
        known: Known::CorsDidNotSucceed,
        rung: Some(Rung::Tls),
        any: &[&["cors request did not succeed"], &["due to access control checks"]],
        causes: &["no answer at all: the name, the port, the certificate, or mixed content"],
        checks: &[DOCTOR],
    },
    Entry {
        known: Known::PreflightFailed,
        rung: Some(Rung::Preflight),
        any: &[&["response to preflight request doesn't pass access control check"]],
        causes: &[
            "something before CORS answers OPTIONS: authentication (401), the router (404, 405), Engine.IO itself (400)",
            "the origin is not on the list",
            "OPTIONS is redirected",
        ],
        checks: &["the end of that line", "the status of the OPTIONS in the browser's network tab", DOCTOR],
    },
];
