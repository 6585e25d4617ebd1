//! How a WebSocket that was held open ended.

use std::time::Duration;

use crate::{Reason, finding::Finding};

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It did not, within the time asked for.
    Open,
    /// By a close frame; 1005 where it has no code.
    Close(u16, String),
    /// Without one.
    Abrupt(String),
    /// The server's own code refused the CONNECT, with these words.
    Refused(String),
    /// No ping came for longer than the handshake promised.
    NoPing,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) after: Duration,
    pub(crate) end: End,
    /// Since the last frame of either side, when it ended.
    pub(crate) quiet: Duration,
}

/// Timeouts that are somebody's default, in seconds.
const KNOWN: [(u64, &str); 14] = [
    (5, "Envoy's and Istio's request timeout in many samples"),
    (10, "a common proxy or function timeout"),
    (15, "Envoy's default route timeout"),
    (30, "the default backend timeout of Google's load balancers (BackendConfig timeoutSec), and of Heroku's router"),
    (50, "HAProxy's timeout in many samples"),
    (55, "Heroku's idle timeout"),
    (60, "the default of nginx (proxy_read_timeout), AWS ALB (idle) and many Ingress controllers"),
    (100, "Cloudflare's idle timeout"),
    (120, "Apache's former default, and Akamai's"),
    (240, "Azure Load Balancer's and App Service's idle timeout"),
    (300, "Envoy's idle timeout of streams"),
    (350, "AWS NLB's idle timeout"),
    (600, "Google's internal proxies and many NATs"),
    (3600, "Envoy's idle timeout of connections, and ingress-nginx's recommended setting"),
];

pub(crate) fn judge(asked: Duration, held: &Held) -> Finding {
    let Held { after, end, quiet } = held;
    let took = shown(*after);
    match end {
        End::Open => Finding::pass(Reason::Held, format!("a WebSocket lived for the {} that were asked for, with pings", shown(asked))),
        End::Abrupt(error) => {
            let finding = Finding::fail(
                Reason::CutAbruptly,
                format!("the WebSocket was cut after {took} without a close frame ({error})"),
            )
            .console("WebSocket is closed, code 1006; Go: close 1006 (abnormal closure): unexpected EOF; Socket.IO: transport close");
            let finding = match known(*after) {
                Some((seconds, whose)) => finding.cause(format!("{seconds} s is {whose}")),
                None => finding.cause("a timeout of a proxy on the way, or the server or a node on the way went away: if the same time comes out again, it is a timeout"),
            };
            let finding = if *quiet + Duration::from_secs(3) < *after {
                finding.note(format!("the last frame went {} before: {}", shown(*quiet), activity(*quiet, *after)))
            } else {
                finding.note("nothing went over it for all that time, so it may be a limit on idle connections: pings have to come more often")
            };
            finding
                .change("raise that timeout, and let the server move connections away before it (graceful close with a moment of its own for each)")
                .yaml("spec:\n  timeouts:\n    maxConnectionAge: 1h   # the load balancer's timeout follows from it")
        }
        End::Close(code, reason) => {
            let said = if reason.is_empty() { String::new() } else { format!(" {reason:?}") };
            Finding::warn(Reason::ClosedByServer, format!("the server closed the WebSocket after {took} with {code}{said}"))
                .console(format!("close {code}; Socket.IO: transport close or io server disconnect, and the client comes back by itself after the first"))
                .cause("a rollout, a rotation before the load balancer's timeout, a limit, or the server's own code")
                .change("nothing, if the client comes back at once; else see explain-close")
        }
        End::Refused(words) => Finding::warn(Reason::ConnectRefused, format!("the server's own code refuses the Socket.IO CONNECT: {words}"))
            .console("connect_error with the server's words")
            .cause("a middleware (io.use) wants a token in the payload of the CONNECT; Node closes a connection without a namespace after 45 s, so nothing can be measured")
            .change("--auth '{\"token\": \"...\"}' sends one"),
        End::NoPing => Finding::fail(Reason::PingMissing, format!("after {took} no ping had come for {}, which a client takes for a dead connection", shown(*quiet)))
            .console("ping timeout")
            .cause("the server hangs, or a proxy holds frames back")
            .change("look at the server's load (a blocked event loop) and at buffering in proxies"),
    }
}

fn activity(quiet: Duration, after: Duration) -> &'static str {
    if quiet.as_secs_f64() < after.as_secs_f64() * 0.9 {
        "it was not idle, so this is a limit on the age of connections or a failure, and more pings do not help"
    } else {
        "it may be a limit on idle connections"
    }
}

fn known(after: Duration) -> Option<(u64, &'static str)> {
    let after = after.as_secs_f64();
    KNOWN.into_iter().find(|(seconds, _)| {
        let seconds = *seconds as f64;
        after >= seconds - 0.5 && after <= seconds + (seconds * 0.02).clamp(1.0, 5.0)
    })
}

/// To the second; tenths while it is short.
fn shown(duration: Duration) -> String {
    if duration < Duration::from_secs(20) {
        return format!("{:.1} s", duration.as_secs_f64());
    }
    let seconds = duration.as_secs_f64().round() as u64;
    if seconds < 120 {
        format!("{seconds} s")
    } else {
        format!("{seconds} s ({})", humantime::format_duration(Duration::from_secs(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(seconds: f64, quiet: f64, end: End) -> Finding {
        let (after, quiet) = (Duration::from_secs_f64(seconds), Duration::from_secs_f64(quiet));
        judge(Duration::from_secs(600), &Held { after, end, quiet })
    }

    #[test]
    fn a_cut_at_a_well_known_time_names_whose_it_is() {
        let finding = judged(30.04, 5.0, End::Abrupt("end of file".into()));
        assert_eq!(finding.reason, Reason::CutAbruptly);
        assert!(finding.cause.unwrap().contains("BackendConfig timeoutSec"));
        assert!(finding.notes[0].contains("not idle"), "{:?}", finding.notes);
        let odd = judged(41.0, 1.0, End::Abrupt("end of file".into()));
        assert!(odd.cause.unwrap().contains("if the same time comes out again"));
    }

    #[test]
    fn an_orderly_close_is_a_warning_and_none_is_a_pass() {
        assert_eq!(judged(50.0, 1.0, End::Close(1001, String::new())).verdict, crate::Verdict::Warn);
        assert_eq!(judged(600.0, 1.0, End::Open).verdict, crate::Verdict::Pass);
    }

    #[test]
    fn times_are_told_to_the_second() {
        assert_eq!(shown(Duration::from_millis(3_040)), "3.0 s");
        assert_eq!(shown(Duration::from_millis(30_400)), "30 s");
        assert_eq!(shown(Duration::from_secs(600)), "600 s (10m)");
    }
}
