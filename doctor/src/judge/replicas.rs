//! One session, each request on a connection of its own: do all of them find it?

use http::StatusCode;

use crate::{
    Reason, engine,
    exchange::{Answer, Outcome},
    finding::Finding,
};

/// What came of the requests of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trial {
    pub(crate) kept: usize,
    pub(crate) unknown: usize,
    /// What another failure said.
    pub(crate) failed: Vec<String>,
    /// The name of a cookie that a browser does not send back across sites, and whether the session was kept with it.
    pub(crate) cookie: Option<(String, bool)>,
    /// Whether the session moved to a WebSocket; None where that was not tried.
    pub(crate) moved: Option<bool>,
}

impl Trial {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Answer(answer) if answer.status.is_success() => self.kept += 1,
            Outcome::Answer(answer) if is_unknown(answer) => self.unknown += 1,
            Outcome::Answer(answer) => self.failed.push(format!("answered {}", answer.status.as_u16())),
            Outcome::Failed(failure) => self.failed.push(failure.to_string()),
        }
    }
}

pub(crate) fn is_unknown(answer: &Answer) -> bool {
    engine::is_unknown_session(&answer.body) || (answer.status == StatusCode::BAD_REQUEST && answer.body.is_empty())
}

pub(crate) fn judge(trial: &Trial) -> Finding {
    let Trial { kept, unknown, failed, cookie, moved } = trial;
    let all = kept + unknown + failed.len();
    if *unknown > 0 || (failed.is_empty() && *moved == Some(false)) {
        let message = if *unknown > 0 {
            format!("{unknown} of {all} requests of one session reached a replica that does not know it")
        } else {
            "the session cannot move from polling to a WebSocket: the upgrade reached a replica that does not know it"
                .to_owned()
        };
        let console = "xhr poll error; {\"code\":1,\"message\":\"Session ID unknown\"}; Unexpected response code: 400";
        return match cookie {
            Some((name, true)) => Finding::fail(Reason::AffinityCookieLost, format!("{message}; with the cookie {name} all find it"))
                .console(console)
                .cause("the load balancer's affinity is by a cookie, and a browser sends it across sites only with SameSite=None; Secure and withCredentials")
                .change("use affinity by client address, or websocket alone, or set these attributes and withCredentials in the page")
                .yaml("spec:\n  transports: [websocket]"),
            Some(_) | None => Finding::fail(Reason::SessionUnknown, message)
                .console(console)
                .cause("several replicas behind a load balancer without affinity: polling needs the same replica for each request")
                .change("switch session affinity on (by client address, or a hash of it), or use websocket alone; messages between replicas need a shared adapter such as Redis besides")
                .yaml("spec:\n  transports: [websocket]\n  # or keep polling: the operator sets affinity that works across sites\n  backplane:\n    redis: {urlSecretRef: {name: redis, key: url}}"),
        };
    }
    if let Some(first) = failed.first() {
        return Finding::fail(
            Reason::SessionFailed,
            format!("{} of {all} requests of one session failed: {first}", failed.len()),
        )
        .console("xhr poll error, xhr post error")
        .cause("a proxy refuses POST or cuts requests that wait, or a replica is ill")
        .change("look at the evidence, and at the log of the proxy");
    }
    let moved = if *moved == Some(true) { ", and it moved to a WebSocket" } else { "" };
    Finding::pass(
        Reason::SessionKept,
        format!("{kept} requests of one session on connections of their own all found it{moved}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn trial(answers: &[(u16, &str)]) -> Trial {
        let mut trial = Trial::default();
        for (status, body) in answers {
            let status = StatusCode::from_u16(*status).unwrap();
            trial.add(&Outcome::Answer(Answer { status, headers: HeaderMap::new(), body: (*body).into() }));
        }
        trial
    }

    const UNKNOWN: (u16, &str) = (400, r#"{"code":1,"message":"Session ID unknown"}"#);

    #[test]
    fn one_unknown_session_is_enough() {
        assert_eq!(judge(&trial(&[(200, "ok"), (200, "ok")])).reason, Reason::SessionKept);
        let finding = judge(&trial(&[(200, "ok"), UNKNOWN, (200, "ok")]));
        assert_eq!(finding.reason, Reason::SessionUnknown);
        assert!(finding.message.starts_with("1 of 3"), "{}", finding.message);
        assert_eq!(judge(&trial(&[(200, "ok"), (502, "")])).reason, Reason::SessionFailed);
    }

    #[test]
    fn a_cookie_that_would_have_helped_is_named() {
        let trial = Trial { cookie: Some(("GCLB".into(), true)), ..trial(&[UNKNOWN]) };
        let finding = judge(&trial);
        assert_eq!(finding.reason, Reason::AffinityCookieLost);
        assert!(finding.message.contains("GCLB"));
        let useless = Trial { cookie: Some(("io".into(), false)), ..trial };
        assert_eq!(judge(&useless).reason, Reason::SessionUnknown);
    }

    #[test]
    fn a_session_that_cannot_move_is_a_failure_too() {
        let stuck = Trial { moved: Some(false), ..trial(&[(200, "ok")]) };
        assert_eq!(judge(&stuck).reason, Reason::SessionUnknown);
    }
}
