//! The handshake by polling: is it Engine.IO, of which revision, for this origin, and may the page read it?

use http::{StatusCode, header};

use super::{answered_by, objected, origin_refused, status};
use crate::{
    Reason, Target, cors,
    engine::{self, EngineError, Open, Revision, Spoken},
    exchange::Answer,
    finding::Finding,
};

/// What was asked and answered.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The answer to revision 4, or to the one that the page speaks.
    pub(crate) first: &'a Answer,
    /// The answer to revision 3, after the first one was no handshake of revision 4.
    pub(crate) third: Option<&'a Answer>,
    /// The answer to a request without an origin, after one was forbidden.
    pub(crate) without_origin: Option<&'a Answer>,
}

impl Asked<'_> {
    /// The session, if one began.
    pub(crate) fn session(&self) -> Option<(Revision, Open)> {
        [Some(self.first), self.third].into_iter().flatten().find_map(|answer| match engine::read(&answer.body) {
            Spoken::Open(revision, open) => Some((revision, open)),
            Spoken::Error(_) | Spoken::Other => None,
        })
    }
}

pub(crate) fn judge(target: &Target, asked: &Asked<'_>) -> Finding {
    let third = asked.third.map(|answer| (answer, engine::read(&answer.body)));
    match (engine::read(&asked.first.body), third) {
        (Spoken::Open(revision, open), _) => opened(target, asked.first, revision, &open),
        (_, Some((answer, Spoken::Open(revision, open)))) => opened(target, answer, revision, &open),
        (Spoken::Error(error), _) => refused(target, asked.first, &error),
        (Spoken::Other, _) => other(target, asked),
    }
}

fn opened(target: &Target, answer: &Answer, revision: Revision, open: &Open) -> Finding {
    if let Err(objection) = cors::check(&target.origin, target.credentials, &answer.headers) {
        let finding = objected(&objection, &target.origin, false);
        return finding.note("polling alone is affected: a WebSocket needs no CORS headers, see the rung upgrade");
    }
    let every = format!("ping every {} s, answered within {} s", open.ping_interval / 1000, open.ping_timeout / 1000);
    if revision == Revision::Three && target.revision != Some(Revision::Three) {
        let (verdict, client): (fn(_, String) -> _, _) = match target.revision {
            Some(_) => (Finding::fail, "a client of version 3 or 4 cannot connect"),
            None => (Finding::warn, "clients of version 1 and 2 connect, those of version 3 and 4 do not"),
        };
        return verdict(Reason::EngineIo3Only, format!("the server speaks Engine.IO 3 alone: {client}"))
            .console("xhr poll error or `server error`; with WebSocket alone, timeout or `parse error`")
            .cause("the server is of version 2 or older, or one such as go-socket.io 1.x that never learned more")
            .change("use socket.io-client 2 in the page, or a server that speaks both (Node: allowEIO3: true)")
            .note(every);
    }
    Finding::pass(
        Reason::HandshakeAccepted,
        format!("Engine.IO {}, {every}, readable by {}", revision.number(), target.origin),
    )
}

fn refused(target: &Target, answer: &Answer, error: &EngineError) -> Finding {
    let EngineError { code, message, reason, hint } = error;
    let said = format!("{} {{\"code\":{code}}} {message}", status(answer));
    let of_policy = reason.as_deref().is_none_or(|reason| reason.starts_with("Origin"));
    match code {
        0 => (if target.websocket { Finding::warn } else { Finding::fail })(Reason::PollingNotOffered, format!("the server does not offer polling ({said})"))
            .console("xhr poll error")
            .cause("its list of transports has websocket alone")
            .change("give the client transports: ['websocket'], or offer polling for networks that block WebSockets")
            .yaml("spec:\n  transports: [websocket, polling]"),
        4 if of_policy => {
            let finding = origin_refused(Reason::OriginRefused, &target.origin, &said);
            let finding = finding.console("No 'Access-Control-Allow-Origin' header is present on the requested resource.");
            match hint.as_deref() {
                Some(hint) if hint != "None" => finding.note(format!("the server's hint: {hint}")),
                Some(_) | None => finding,
            }
        }
        4 => unauthorized(target, answer, &said),
        5 => Finding::fail(Reason::ProtocolRefused, format!("the server does not speak this client's protocol version ({said})"))
            .console("xhr poll error; Unexpected response code: 400")
            .cause("the client is of version 1 or 2, and the server of version 3 or 4 takes those on request alone; or the other way round")
            .change("upgrade the client, or set allowEIO3: true on a Node server"),
        _ => Finding::fail(Reason::EngineRefused, format!("Engine.IO refuses the handshake ({said})"))
            .console(format!("Unexpected response code: {}", answer.status.as_u16()))
            .cause("a proxy changes method or query on the way, or the server's own allowRequest refuses")
            .change("compare the request above with what the server's log has"),
    }
}

fn other(target: &Target, asked: &Asked<'_>) -> Finding {
    let answer = asked.first;
    let said = status(answer);
    let is_forbidden = |answer: &Answer| {
        [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::PROXY_AUTHENTICATION_REQUIRED]
            .contains(&answer.status)
    };
    if is_forbidden(answer) {
        if asked.without_origin.is_some_and(|answer| !is_forbidden(answer)) {
            return origin_refused(
                Reason::OriginRefused,
                &target.origin,
                &format!("{said}; without an origin the same request passes"),
            );
        }
        return unauthorized(target, answer, &said);
    }
    let text = answer.text().to_ascii_lowercase();
    let is_websocket = answer.headers.contains_key(header::SEC_WEBSOCKET_VERSION)
        || answer.status == StatusCode::UPGRADE_REQUIRED
        || (answer.status == StatusCode::BAD_REQUEST && text.contains("websocket"));
    if is_websocket {
        return Finding::fail(Reason::PlainWebSocket, format!("a plain WebSocket server answers ({said}), without Engine.IO"))
            .console("xhr poll error; or with WebSocket alone: timeout")
            .cause("the server is written with gorilla/websocket, ws or the like: Socket.IO is a protocol of its own over WebSocket")
            .change("use `new WebSocket(url)` in the page, or a Socket.IO server; --protocol websocket judges it as what it is");
    }
    let finding = Finding::fail(Reason::NotEngineIo, format!("what answers is not Engine.IO ({said})"))
        .console("xhr poll error")
        .change("check the path, and which server or proxy answers it");
    match answered_by(answer) {
        Some(who) => finding.cause(format!("{who} answers itself, or passes the request to another server")),
        None => finding.cause("another server than the Socket.IO one serves this path, or the path of the client has one segment too many or too few"),
    }
}

fn unauthorized(target: &Target, answer: &Answer, said: &str) -> Finding {
    let unread = cors::check(&target.origin, target.credentials, &answer.headers).is_err();
    let note = "the refusal has no CORS headers, so the browser reports it as a CORS error and the page cannot read the status: the origin check belongs outside authentication";
    let unnamed = target.headers.iter().any(|header| header.value.is_none());
    let finding = if unnamed {
        let names = target.header_names().join(", ");
        Finding::warn(
            Reason::ValueNeeded,
            format!("authentication refuses the request ({said}), and no value was given for {names}"),
        )
        .cause("the page sends a token that the doctor does not have")
        .change("run it again with the header's value: --header 'Authorization: Bearer ...'")
    } else {
        Finding::fail(Reason::Unauthorized, format!("authentication refuses the request ({said})"))
            .cause("a proxy (IAP, an auth filter) or a middleware wants credentials that the page does not send")
            .change("let the page send them, by extraHeaders for polling; or take this path out of that authentication and check a token in the Socket.IO CONNECT (`auth`)")
    };
    if unread {
        finding.console("No 'Access-Control-Allow-Origin' header is present on the requested resource.").note(note)
    } else {
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    const APP: &str = "https://app.domain-b.com";
    const OPEN: &str = r#"0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}"#;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Answer { status: StatusCode::from_u16(status).unwrap(), headers: map, body: body.into() }
    }

    fn judged(first: &Answer, third: Option<&Answer>) -> Reason {
        let target = Target::new("https://a.com", APP).unwrap();
        judge(&target, &Asked { first, third, without_origin: None }).reason
    }

    #[test]
    fn a_handshake_that_the_page_may_not_read_is_a_failure() {
        assert_eq!(judged(&answer(200, &[], OPEN), None), Reason::NoAllowOrigin);
        let allowed = answer(200, &[("access-control-allow-origin", APP)], OPEN);
        assert_eq!(judged(&allowed, None), Reason::HandshakeAccepted);
    }

    #[test]
    fn a_server_of_version_2_is_named() {
        let three = format!("{}:{OPEN}2:40", OPEN.len());
        let three = answer(200, &[("access-control-allow-origin", "*")], &three);
        assert_eq!(judged(&three, None), Reason::EngineIo3Only);
        let refused = answer(400, &[], r#"{"code":5,"message":"Unsupported protocol version"}"#);
        assert_eq!(judged(&refused, Some(&three)), Reason::EngineIo3Only);
        assert_eq!(judged(&refused, None), Reason::ProtocolRefused);
    }

    #[test]
    fn each_refusal_of_the_engine_has_its_reason() {
        let said = |status, body: &str| judged(&answer(status, &[], body), None);
        assert_eq!(said(400, r#"{"code":0,"message":"Transport unknown"}"#), Reason::PollingNotOffered);
        assert_eq!(said(400, r#"{"code":3,"message":"Bad request"}"#), Reason::EngineRefused);
        assert_eq!(said(403, r#"{"code":4,"message":"Forbidden"}"#), Reason::OriginRefused);
        let ours = r#"{"code":4,"message":"no","reason":"TokenExpired"}"#;
        assert_eq!(said(403, ours), Reason::ValueNeeded);
    }

    #[test]
    fn a_plain_websocket_server_shows_itself() {
        let gorilla = answer(400, &[("sec-websocket-version", "13")], "Bad Request\n");
        assert_eq!(judged(&gorilla, None), Reason::PlainWebSocket);
        assert_eq!(judged(&answer(426, &[], "Upgrade Required"), None), Reason::PlainWebSocket);
        assert_eq!(judged(&answer(200, &[], "ok"), None), Reason::NotEngineIo);
    }

    #[test]
    fn forbidden_is_the_origins_fault_where_the_same_request_passes_without_one() {
        let target = Target::new("https://a.com", APP).unwrap().headers(&[]).unwrap();
        let (no, yes) = (answer(403, &[], "no"), answer(200, &[], OPEN));
        let judged = |without_origin| judge(&target, &Asked { first: &no, third: None, without_origin }).reason;
        assert_eq!(judged(Some(&yes)), Reason::OriginRefused);
        assert_eq!(judged(Some(&no)), Reason::Unauthorized);
    }
}
