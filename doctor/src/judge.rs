//! What observations mean. Everything here is pure.

pub(crate) mod connect;
pub(crate) mod cut;
pub(crate) mod handshake;
pub(crate) mod path;
pub(crate) mod preflight;
pub(crate) mod replicas;
pub(crate) mod upgrade;

use http::header;

use crate::{
    Reason, Target, Verdict,
    cors::{self, Objection},
    exchange::Answer,
    finding::Finding,
};

/// Who answered, where the headers tell.
fn answered_by(answer: &Answer) -> Option<&'static str> {
    let server = answer.value(header::SERVER).unwrap_or_default().to_ascii_lowercase();
    let via = answer.value(header::VIA).unwrap_or_default().to_ascii_lowercase();
    let powered = answer.value("x-powered-by").unwrap_or_default().to_ascii_lowercase();
    let known = [
        (server.contains("nginx") || server.contains("openresty"), "nginx"),
        (server.contains("envoy") || server.contains("istio"), "Envoy"),
        (server.contains("cloudflare"), "Cloudflare"),
        (server.contains("awselb"), "an AWS load balancer"),
        (server.contains("microsoft-azure"), "Azure Application Gateway"),
        (server.contains("apache"), "Apache"),
        (server.contains("caddy"), "Caddy"),
        (via.contains("google") || server.contains("google"), "Google's load balancer"),
        (server.contains("haproxy"), "HAProxy"),
        (server.contains("traefik"), "Traefik"),
        (powered.contains("express"), "Express"),
    ];
    known.into_iter().find_map(|(is_it, name)| is_it.then_some(name))
}

/// Whatever is wrong with an answer, a page by polling first sees that it may not read it.
pub(crate) fn as_the_page_sees(target: &Target, answer: Option<&Answer>, finding: Finding) -> Finding {
    let objection = answer.map(|answer| cors::check(&target.origin, target.credentials, &answer.headers));
    let (Some(Err(objection)), true) = (objection, target.polling && finding.verdict >= Verdict::Warn) else {
        return finding;
    };
    match (objection.console(false), finding.console.clone()) {
        (Some(text), Some(console)) if console.contains(&text) => finding,
        (Some(text), Some(console)) => finding.console(format!("{text} Or: {console}")),
        (Some(text), None) => finding.console(text),
        (None, _) => finding,
    }
}

/// "404, from nginx".
fn status(answer: &Answer) -> String {
    match answered_by(answer) {
        Some(who) => format!("{}, from {who}", answer.status.as_u16()),
        None => answer.status.as_u16().to_string(),
    }
}

/// An origin that the server refuses in words.
fn origin_refused(reason: Reason, origin: &str, said: &str) -> Finding {
    Finding::fail(reason, format!("the server refuses the origin {origin}: {said}"))
        .cause("the origin is not on the server's list; scheme, host and port have to match to the letter, without a slash at the end")
        .change("add this origin to the list")
        .yaml(format!("spec:\n  origins:\n    allow: [\"{origin}\"]"))
}

/// What to do about an answer that a browser does not let the page read.
fn objected(objection: &Objection, origin: &str, is_preflight: bool) -> Finding {
    let what = if is_preflight { "the preflight" } else { "the answer to the handshake" };
    let finding = |message: String| Finding::fail(objection.reason(), message);
    let allow = format!("spec:\n  origins:\n    allow: [\"{origin}\"]");
    let judged = match objection {
        Objection::NoAllowOrigin => finding(format!("{what} has no Access-Control-Allow-Origin"))
            .cause(if is_preflight {
                "CORS is not set up for OPTIONS, or something before it answers; or the origin is not on the list"
            } else {
                "CORS is not set up on the server, or this origin is not on its list; Socket.IO 3 and newer allow no origin unless told to"
            })
            .change(format!("allow the origin {origin} on the server (Node: new Server({{cors: {{origin: [\"{origin}\"]}}}}))"))
            .yaml(allow),
        Objection::AllowOriginMismatch(value) => finding(format!("{what} allows the origin {value}, and the page is on {origin}"))
            .cause(mismatch(value, origin))
            .change(format!("allow {origin} to the letter; answer with the request's own origin where it is on the list, and with Vary: Origin"))
            .yaml(allow),
        Objection::AllowOriginInvalid(value) => {
            finding(format!("Access-Control-Allow-Origin is {value:?} in {what}, which is no origin"))
                .cause("a setting was taken for the value, such as a list, a pattern or a Boolean")
                .change(format!("send {origin} as the value"))
                .yaml(allow)
        }
        Objection::SeveralAllowOrigins(value) => finding(format!("{what} names several origins: {value}"))
            .cause("a list was put in one header, or two layers (a proxy and the server) both add the header")
            .change("let one layer alone answer CORS, with the one origin that asks")
            .yaml(allow),
        Objection::WildcardWithCredentials => finding(format!("{what} allows the origin *, which does not count with credentials"))
            .cause("withCredentials is on in the page (in clients of version 2 it is by default), and the server allows *")
            .change("list the origins by name and allow credentials, or turn withCredentials off in the page")
            .yaml(format!("{allow}\n    credentials: true")),
        Objection::CredentialsNotAllowed(value) => {
            finding(format!("Access-Control-Allow-Credentials is {value:?} in {what}; with credentials it has to be true"))
                .cause("withCredentials is on in the page (in clients of version 2 it is by default), and the server does not allow it")
                .change("allow credentials on the server, or turn withCredentials off in the page")
                .yaml(format!("{allow}\n    credentials: true"))
        }
        Objection::Redirected
        | Objection::NotOk
        | Objection::MethodsInvalid
        | Objection::HeadersInvalid
        | Objection::HeaderNotAllowed(_)
        | Objection::WildcardHeadersWithCredentials(_)
        | Objection::WildcardWithoutAuthorization => finding(format!("{what} does not pass")),
    };
    match objection.console(is_preflight) {
        Some(text) => judged.console(text),
        None => judged,
    }
}

fn mismatch(value: &str, origin: &str) -> &'static str {
    let without_scheme = |text: &str| text.split_once("://").map(|(_, rest)| rest.to_owned());
    if value.trim_end_matches('/') == origin {
        "the list has the origin with a slash at its end; a browser sends none"
    } else if value.eq_ignore_ascii_case(origin) {
        "the list has the origin in upper case; a browser sends lower case"
    } else if without_scheme(value).is_some() && without_scheme(value) == without_scheme(origin) {
        "the list has the same host with another scheme"
    } else {
        "the server sends one fixed origin whoever asks, or a cache gives the answer for another page (Vary: Origin is missing)"
    }
}
