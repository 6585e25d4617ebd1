//! Does the path lead to a server? The request is the handshake's.

use http::{StatusCode, header};

use super::{answered_by, status};
use crate::{
    Reason, Target,
    engine::{self, Spoken},
    exchange::{Answer, Failure, Outcome},
    finding::Finding,
};

/// `elsewhere` is a path on which Engine.IO was found, after nothing was on this one.
pub(crate) fn judge(target: &Target, outcome: &Outcome, elsewhere: Option<&str>) -> Finding {
    match outcome {
        Outcome::Failed(failure) => no_answer(failure),
        Outcome::Answer(answer) => answered(target, answer, elsewhere),
    }
}

fn no_answer(failure: &Failure) -> Finding {
    match failure {
        Failure::NoAnswer(limit) => {
            Finding::fail(Reason::NoAnswer, format!("the connection is accepted, and no answer comes within {limit:?}"))
                .console("net::ERR_TIMED_OUT, later `timeout` or `xhr poll error` in the client")
                .cause("the server hangs or is overloaded; or nothing in it handles this path (Node: a bare http server answers no path but Socket.IO's); or a proxy waits for a server that is gone")
                .change("check path, port and the server's log; give every other path a 404")
        }
        Failure::Closed => Finding::fail(Reason::ConnectionClosed, "the connection is closed without an answer")
            .console("net::ERR_EMPTY_RESPONSE")
            .cause("the server crashes on the request, speaks another protocol, or the proxy has no server behind it")
            .change("check the server's log and the port behind the Service"),
        Failure::NotHttp(error) => Finding::fail(Reason::NotHttp, format!("the answer is not HTTP/1.1: {error}"))
            .console("net::ERR_INVALID_HTTP_RESPONSE")
            .cause("another protocol is served on this port, https or HTTP/2 without TLS for example")
            .change("use the port that speaks HTTP/1.1"),
        other => Finding::fail(Reason::ConnectionClosed, other.to_string())
            .cause("the first connection worked and this one does not: the server or the load balancer is in trouble, or limits connections")
            .change("try again, and look at the server's log"),
    }
}

fn answered(target: &Target, answer: &Answer, elsewhere: Option<&str>) -> Finding {
    let path = &target.path;
    let is_missing = [StatusCode::NOT_FOUND, StatusCode::GONE].contains(&answer.status);
    if !is_missing && engine::read(&answer.body) != Spoken::Other {
        return Finding::pass(Reason::Served, format!("Engine.IO answers on {path}/"));
    }
    let said = status(answer);
    match answer.status {
        _ if is_missing => not_found(target, answer, elsewhere),
        status if status.is_redirection() && answer.headers.contains_key(header::LOCATION) => {
            let to = answer.value(header::LOCATION).unwrap_or_default();
            Finding::fail(Reason::Redirected, format!("{path}/ redirects to {to} ({said})"))
                .console("WebSocket connection failed: Unexpected response code: 302 (or 301, 307, 308)")
                .cause(if to.starts_with("https://") && !target.is_tls() {
                    "http is sent to https; a WebSocket follows no redirect, and a preflight none either"
                } else {
                    "a login page, a proxy that adds or removes the slash at the end, or a host that moved"
                })
                .change("give the page the URL that is redirected to, or take the path out of the redirect")
        }
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            no_backend(answer, &said)
        }
        StatusCode::TOO_MANY_REQUESTS => overloaded(&said),
        status if status.is_server_error() => Finding::fail(Reason::ServerError, format!("the server fails with {said}"))
            .console(format!("Unexpected response code: {}", status.as_u16()))
            .cause("an error in the server's own code, before Socket.IO answers")
            .change("look at the server's log"),
        status if status.is_success() && is_page(answer) => {
            Finding::fail(Reason::WebPage, format!("a web page answers on {path}/ ({said}), not Socket.IO"))
                .console("xhr poll error, or `server error`; Unexpected response code: 200")
                .cause("another application serves this path: a single-page app that answers everything, or a load balancer whose rule for the path is missing or comes too late")
                .change(change(elsewhere))
                .yaml(yaml(target, elsewhere))
        }
        _ => Finding::pass(Reason::Served, format!("{path}/ is answered ({said})")),
    }
}

fn not_found(target: &Target, answer: &Answer, elsewhere: Option<&str>) -> Finding {
    let mut said = status(answer);
    // This project's server says which path it is.
    if let Spoken::Error(error) = engine::read(&answer.body) {
        said = format!("{said}: {}", error.message);
    }
    let cause = match (elsewhere, answered_by(answer)) {
        (Some(found), _) => format!("Socket.IO is served on {found}, and the client asks on {}", target.path),
        (None, Some(proxy @ ("nginx" | "Envoy" | "Google's load balancer" | "Traefik" | "HAProxy"))) => {
            format!("{proxy} has no rule for this host and path")
        }
        (None, _) => {
            "path differs between client, load balancer and server; or Socket.IO is not attached to this server"
                .to_owned()
        }
    };
    Finding::fail(Reason::PathNotFound, format!("nothing is served on {}/ ({said})", target.path))
        .console("WebSocket connection failed: Error during WebSocket handshake: Unexpected response code: 404")
        .cause(cause)
        .change(change(elsewhere))
        .yaml(yaml(target, elsewhere))
}

fn change(elsewhere: Option<&str>) -> String {
    match elsewhere {
        Some(path) => format!("give the client the option path: \"{path}\", or serve the path that it uses"),
        None => "use one path in the client (`path`), the Ingress and the server; with a rewriting proxy, the path after the rewrite".to_owned(),
    }
}

fn yaml(target: &Target, elsewhere: Option<&str>) -> String {
    format!("spec:\n  path: {}", elsewhere.unwrap_or(&target.path))
}

fn no_backend(answer: &Answer, said: &str) -> Finding {
    Finding::fail(Reason::NoHealthyBackend, format!("the proxy has no server to send this to ({said})"))
        .console(format!("Unexpected response code: {}", answer.status.as_u16()))
        .cause("no pod is ready, the health check asks a path that is answered with 404, the firewall keeps the load balancer out, or the Service's targetPort is another")
        .change("kubectl get pods,endpointslices; compare the health check's path and port with what the server answers")
        .yaml("spec:\n  workload:\n    healthPath: /healthz")
}

fn overloaded(said: &str) -> Finding {
    Finding::fail(Reason::Overloaded, format!("the server asks to come back later ({said})"))
        .console("Unexpected response code: 429")
        .cause("a rate limit of the server, the proxy or the firewall in front")
        .change("wait, or raise the limit: after a rollout every client comes back at the same time")
}

fn is_page(answer: &Answer) -> bool {
    let kind = answer.value(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    let start = answer.text().trim_start().to_ascii_lowercase();
    start.starts_with("<!doctype") || start.starts_with("<html") || (kind.contains("html") && start.starts_with('<'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use std::time::Duration;

    fn judged(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Finding {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let answer = Answer { status: StatusCode::from_u16(status).unwrap(), headers: map, body: body.into() };
        let target = Target::new("https://a.com/oursocketio", "https://b.com").unwrap();
        judge(&target, &Outcome::Answer(answer), None)
    }

    #[test]
    fn what_answers_tells_whether_the_path_leads_to_a_server() {
        assert_eq!(judged(400, &[], r#"{"code":3,"message":"Bad request"}"#).reason, Reason::Served);
        assert_eq!(judged(401, &[], "").reason, Reason::Served);
        assert_eq!(judged(404, &[], "Cannot GET /oursocketio/").reason, Reason::PathNotFound);
        assert_eq!(judged(404, &[], r#"{"code":3,"message":"it is /socket.io"}"#).reason, Reason::PathNotFound);
        assert_eq!(judged(302, &[("location", "/login")], "").reason, Reason::Redirected);
        assert_eq!(judged(200, &[("content-type", "text/html")], "<!DOCTYPE html>").reason, Reason::WebPage);
        assert_eq!(judged(502, &[], "").reason, Reason::NoHealthyBackend);
        assert_eq!(judged(429, &[], "").reason, Reason::Overloaded);
        assert_eq!(judged(500, &[], "").reason, Reason::ServerError);
    }

    #[test]
    fn a_proxy_that_answers_404_is_named() {
        let cause = judged(404, &[("server", "nginx/1.22.1")], "<html>").cause.unwrap();
        assert!(cause.contains("nginx has no rule"), "{cause}");
    }

    #[test]
    fn silence_and_a_closed_connection_are_told_apart() {
        let target = Target::new("https://a.com", "https://b.com").unwrap();
        let judged = |failure| judge(&target, &Outcome::Failed(failure), None).reason;
        assert_eq!(judged(Failure::NoAnswer(Duration::from_secs(1))), Reason::NoAnswer);
        assert_eq!(judged(Failure::Closed), Reason::ConnectionClosed);
    }
}
