//! The OPTIONS request that a browser sends before a request with headers of the page's own.

use http::StatusCode;

use super::{answered_by, objected, origin_refused, status};
use crate::{
    Reason, Target,
    cors::{self, Credentials, Objection},
    engine::{self, Spoken},
    exchange::Answer,
    finding::Finding,
};

/// The answer as such: does it pass the access control check?
pub(crate) fn judge(target: &Target, answer: &Answer) -> Finding {
    let said = status(answer);
    let objection = match cors::preflight(&target.origin, target.credentials, answer.status, &answer.headers) {
        Ok(()) => {
            return Finding::pass(
                Reason::PreflightAllowed,
                format!("OPTIONS is answered {said} and allows {}", target.origin),
            );
        }
        Err(objection) => objection,
    };
    let with_console = |finding: Finding| match objection.console(true) {
        Some(text) => finding.console(text),
        None => finding,
    };
    let by_engine = match engine::read(&answer.body) {
        Spoken::Error(error) => Some(error),
        Spoken::Open(..) | Spoken::Other => None,
    };
    let finding = match (objection.clone(), answer.status) {
        (Objection::Redirected, _) => {
            let to = answer.value(http::header::LOCATION).unwrap_or_default();
            Finding::fail(Reason::PreflightRedirected, format!("OPTIONS is redirected to {to} ({said})"))
                .cause("http is sent to https, a proxy corrects the slash at the end, or a login page answers; a browser follows no redirect of a preflight")
                .change("give the page the final URL, and answer OPTIONS before any redirect")
        }
        (_, StatusCode::FORBIDDEN) if by_engine.as_ref().is_some_and(|error| error.reason.as_deref().is_none_or(|it| it.starts_with("Origin"))) => {
            origin_refused(Reason::OriginRefused, &target.origin, &said)
        }
        (_, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED) => {
            Finding::fail(Reason::PreflightUnauthorized, format!("authentication answers the preflight ({said})"))
                .cause("a middleware, a JWT filter or IAP stands before CORS; a preflight never carries Authorization or cookies, so it can never pass there")
                .change("put CORS outside authentication, or let OPTIONS through it")
                .yaml(allowed(target))
        }
        (_, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) => {
            let cause = match (&by_engine, answered_by(answer)) {
                (Some(_), _) => "Engine.IO itself got the OPTIONS, and it takes GET and POST alone: CORS is not set up in the server",
                (None, Some("nginx" | "Envoy" | "Traefik" | "HAProxy" | "Google's load balancer")) => {
                    "the proxy's rule lets other methods through than OPTIONS"
                }
                (None, _) => "the router knows GET and POST on this path and no OPTIONS, and CORS comes after it",
            };
            Finding::fail(Reason::PreflightNotRouted, format!("nothing answers the preflight ({said})"))
                .cause(cause)
                .change("set CORS up before the router: it has to answer OPTIONS itself, with 204")
                .yaml(allowed(target))
        }
        (Objection::NotOk, _) => Finding::fail(Reason::PreflightNotOk, format!("OPTIONS is answered {said}, and only 2xx passes"))
            .cause("the request reaches the application instead of CORS, or the proxy has no server behind it")
            .change("answer OPTIONS before everything else, with 204")
            .yaml(allowed(target)),
        (objection, _) => objected(&objection, &target.origin, true),
    };
    with_console(finding)
}

/// The lists in the answer: do these headers pass? `carried` is the answer to the request that had them, if there was one.
pub(crate) fn lists(target: &Target, answer: &Answer, carried: Option<&Answer>) -> Finding {
    let names = target.header_names();
    let objection = match cors::lists(target.credentials, &names, &answer.headers) {
        Ok(()) => return passed(target, carried),
        Err(objection) => objection,
    };
    let listed = answer.value("access-control-allow-headers");
    let shown = listed.as_deref().unwrap_or("missing");
    let verdict = |reason, message: String| {
        match objection {
            // Nobody said that the page sends this header.
            Objection::HeaderNotAllowed(_) if target.headers_are_assumed => Finding::warn(reason, message)
                .note("no --header was given, so Authorization was asked for; --no-headers if the page sends none"),
            // What Fetch forbids and browsers do not enforce yet: https://github.com/whatwg/fetch/issues/1919
            Objection::WildcardWithoutAuthorization => Finding::warn(reason, message),
            _ => Finding::fail(reason, message),
        }
    };
    let finding = match &objection {
        Objection::HeaderNotAllowed(name) => {
            verdict(Reason::HeaderNotAllowed, format!("the header {name} is not allowed: Access-Control-Allow-Headers is {shown}"))
                .cause("the list of allowed headers leaves it out")
        }
        Objection::WildcardWithoutAuthorization => verdict(
            Reason::WildcardWithoutAuthorization,
            "Access-Control-Allow-Headers is *, which does not cover Authorization".to_owned(),
        )
        .cause("Fetch lets * stand for any header but Authorization, which has to be named")
        .note("browsers let it pass still (Chromium 156 does), against the standard; Firefox warns that it will stop"),
        Objection::WildcardHeadersWithCredentials(name) => verdict(
            Reason::WildcardHeadersWithCredentials,
            format!("Access-Control-Allow-Headers is *, which with credentials is the name of a header and no wildcard: {name} is not allowed"),
        )
        .cause("withCredentials is on in the page"),
        _ => verdict(Reason::AllowListInvalid, format!("Access-Control-Allow-Headers or -Methods cannot be parsed: {shown}"))
            .cause("there is something else than names and commas in it"),
    };
    let finding = finding
        .change(format!("name the headers: Access-Control-Allow-Headers: {}", names.join(", ")))
        .yaml(allowed(target));
    match objection.console(true) {
        Some(text) => finding.console(text),
        None => finding,
    }
}

fn passed(target: &Target, carried: Option<&Answer>) -> Finding {
    let names = target.header_names().join(", ");
    match carried {
        Some(answer) if answer.status == StatusCode::UNAUTHORIZED || answer.status == StatusCode::FORBIDDEN => {
            Finding::fail(
                Reason::TokenRefused,
                format!("{names} may be sent, and the request that carries it is refused ({})", status(answer)),
            )
            .cause("the token has expired, is for another audience, or the server checks something else")
            .change("try another token; decode it and compare issuer, audience and expiry")
        }
        Some(answer) => Finding::pass(
            Reason::HeadersAllowed,
            format!("{names} may be sent, and is answered {}", answer.status.as_u16()),
        ),
        None => Finding::pass(Reason::HeadersAllowed, format!("{names} may be sent")),
    }
}

fn allowed(target: &Target) -> String {
    let names: Vec<_> =
        target.header_names().iter().map(|name| name.split('-').map(capital).collect::<Vec<_>>().join("-")).collect();
    let credentials = if target.credentials == Credentials::Include { "\n    credentials: true" } else { "" };
    format!(
        "spec:\n  origins:\n    allow: [\"{}\"]\n    allowedHeaders: [{}]{credentials}",
        target.origin,
        names.join(", ")
    )
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    const APP: &str = "https://app.domain-b.com";

    fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Answer { status: StatusCode::from_u16(status).unwrap(), headers: map, body: Vec::new() }
    }

    fn target() -> Target {
        Target::new("https://a.com", APP).unwrap()
    }

    #[test]
    fn who_eats_the_preflight_is_told_by_its_status() {
        let cors = ("access-control-allow-origin", "*");
        for (status, headers, reason) in [
            (204, vec![cors], Reason::PreflightAllowed),
            (401, vec![], Reason::PreflightUnauthorized),
            (401, vec![cors], Reason::PreflightUnauthorized),
            (403, vec![], Reason::PreflightUnauthorized),
            (400, vec![], Reason::PreflightNotRouted),
            (404, vec![cors], Reason::PreflightNotRouted),
            (405, vec![], Reason::PreflightNotRouted),
            (307, vec![("location", "https://a.com/")], Reason::PreflightRedirected),
            (500, vec![cors], Reason::PreflightNotOk),
            (200, vec![], Reason::NoAllowOrigin),
        ] {
            assert_eq!(judge(&target(), &answer(status, &headers)).reason, reason, "{status} {headers:?}");
        }
    }

    #[test]
    fn a_list_that_leaves_an_assumed_header_out_is_a_warning_and_a_given_one_a_failure() {
        use crate::Verdict::{Fail, Warn};
        let answer = answer(204, &[("access-control-allow-headers", "content-type")]);
        assert_eq!(lists(&target(), &answer, None).verdict, Warn);
        let given = target().headers(&["Authorization".into()]).unwrap();
        assert_eq!(lists(&given, &answer, None).verdict, Fail);
    }

    #[test]
    fn a_wildcard_for_authorization_is_a_warning_as_browsers_let_it_pass_still() {
        let answer = answer(204, &[("access-control-allow-headers", "*")]);
        let finding = lists(&target(), &answer, None);
        assert_eq!((finding.reason, finding.verdict), (Reason::WildcardWithoutAuthorization, crate::Verdict::Warn));
        assert!(finding.yaml.unwrap().contains("allowedHeaders: [Authorization]"));
    }
}
