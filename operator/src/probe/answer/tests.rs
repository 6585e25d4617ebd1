use realtime_doctor::{Reason as R, exchange};

use super::*;
use crate::probe::question::Exposed;

fn question() -> Question {
    Question {
        url: "https://chat.domain-a.com/socket.io".to_owned(),
        origin: "https://app.domain-b.com".to_owned(),
        is_allowed: true,
        headers: vec!["Authorization".to_owned()],
        credentials: false,
        transports: (true, true),
        enforces: true,
        addresses: vec!["203.0.113.7".to_owned()],
        by_address: false,
        exposure: Exposed::Ingress,
        every: None,
        hold: None,
    }
}

fn found(verdict: Verdict, reason: R, message: &str) -> Finding {
    let message = message.to_owned();
    Finding { verdict, reason, message, console: None, cause: None, change: None, yaml: None, notes: Vec::new() }
}

fn step(rung: Rung, finding: Finding) -> Step {
    Step { rung, finding, evidence: Vec::new() }
}

fn report(steps: Vec<Step>) -> Report {
    Report { url: question().url, origin: question().origin, steps }
}

fn said(question: &Question, steps: Vec<Step>) -> Answer {
    Answer::of(question, &report(steps), &Besides::default(), false)
}

fn failed(rung: Rung, reason: R) -> Vec<Step> {
    vec![step(rung, found(Verdict::Fail, reason, "it is so"))]
}

fn exchange(status: u16) -> Exchange {
    let request = exchange::Sent {
        method: "GET".to_owned(),
        url: "https://chat.domain-a.com/socket.io/?EIO=4&transport=websocket".to_owned(),
        target: "/socket.io/?EIO=4&transport=websocket&sid=secret".to_owned(),
        headers: vec![("origin".to_owned(), "https://app.domain-b.com".to_owned())],
        body: String::new(),
    };
    let answer = exchange::Answer {
        status: http::StatusCode::from_u16(status).expect("a status"),
        headers: http::HeaderMap::new(),
        body: Vec::new(),
    };
    Exchange {
        at: std::time::UNIX_EPOCH,
        took: Duration::ZERO,
        request,
        outcome: exchange::Outcome::Answer(answer),
        frames: Vec::new(),
    }
}

#[test]
fn every_rung_has_a_reason_of_its_own() {
    let mut reasons: Vec<_> = Rung::ALL.into_iter().map(|rung| reason(rung).to_string()).collect();
    let words: Vec<_> = Rung::ALL.into_iter().map(|rung| rung.as_str().to_owned()).collect();
    assert_eq!(reasons.iter().map(|reason| reason.to_lowercase()).collect::<Vec<_>>(), words);
    reasons.dedup();
    assert_eq!(reasons.len(), Rung::ALL.len());
}

#[test]
fn a_failure_says_the_rung_the_evidence_the_cause_and_the_line_to_change() {
    let mut finding = found(Verdict::Fail, R::UpgradeOriginRefused, "the upgrade is refused with 403.");
    finding.cause = Some("the server's own origin check".to_owned());
    finding.change = Some("allow the origin there too".to_owned());
    finding.yaml = Some("spec:\n  origins:\n    allow: [\"https://app.domain-b.com\"]".to_owned());
    let unlisted = Question { is_allowed: false, ..question() };
    let answer =
        said(&unlisted, vec![Step { rung: Rung::Upgrade, finding, evidence: vec![exchange(101), exchange(403)] }]);
    assert_eq!((answer.holds, answer.reason, answer.verdict()), (false, Reason::Upgrade, Verdict::Fail));
    assert_eq!(
        answer.message,
        "The rung upgrade breaks (UpgradeOriginRefused), as a page on https://app.domain-b.com: the upgrade is refused with 403. \
         Asked: GET /socket.io/?transport=websocket with Origin: https://app.domain-b.com; answered 403 Forbidden. \
         Likely cause: the server's own origin check. To do: allow the origin there too. \
         In YAML: spec.origins.allow: [\"https://app.domain-b.com\"]"
    );
}

#[test]
fn the_first_rung_that_breaks_decides_and_then_the_first_that_is_doubtful() {
    let doubtful = || step(Rung::Handshake, found(Verdict::Warn, R::PollingNotOffered, "no polling"));
    let broken = step(Rung::Replicas, found(Verdict::Fail, R::SessionUnknown, "lost"));
    assert_eq!(said(&question(), vec![doubtful(), broken]).reason, Reason::Replicas);
    let answer = said(&question(), vec![doubtful()]);
    assert_eq!((answer.holds, answer.reason, answer.verdict()), (true, Reason::Handshake, Verdict::Warn));
    assert!(answer.message.contains("The rung handshake is doubtful (PollingNotOffered)"), "{}", answer.message);
}

#[test]
fn what_is_as_it_should_be_here_is_no_failure() {
    let unasked = failed(Rung::Handshake, R::ValueNeeded);
    let answer = said(&question(), unasked);
    assert_eq!((answer.holds, answer.rung), (true, None));
    assert!(answer.message.contains("asked for a token"), "{}", answer.message);

    let reporting = Question { enforces: false, ..question() };
    let foreign = || failed(Rung::Upgrade, R::ForeignOriginAccepted);
    assert!(!said(&question(), foreign()).holds);
    assert!(said(&reporting, foreign()).message.contains("spec.origins.mode is Report"));

    let inside = Question { exposure: Exposed::Inside, ..question() };
    let mixed = || failed(Rung::Tls, R::MixedContent);
    assert_eq!((said(&inside, mixed()).holds, said(&question(), mixed()).holds), (true, false));
}

#[test]
fn a_certificate_is_asked_for_where_this_way_has_it() {
    let lacks = || {
        let mut finding = found(Verdict::Fail, R::NameMismatch, "for another name");
        finding.yaml = Some("spec:\n  host: a.com\n  exposure:\n    gke: {managedCertificate: true}".to_owned());
        vec![step(Rung::Tls, finding)]
    };
    let of = |exposure| said(&Question { exposure, ..question() }, lacks()).message;
    assert!(of(Exposed::Ingress).ends_with("In YAML: spec.exposure.ingress.tlsSecretName: NAME"));
    assert!(of(Exposed::Gke).ends_with("In YAML: spec.exposure.gke.managedCertificate: true"));
    assert!(!of(Exposed::Gateway).contains("In YAML"), "{}", of(Exposed::Gateway));
}

#[test]
fn what_the_spec_has_already_is_no_advice() {
    let mut finding = found(Verdict::Fail, R::HeaderNotAllowed, "not listed");
    finding.yaml = Some(
        "spec:\n  origins:\n    allow: [\"https://app.domain-b.com\"]\n    allowedHeaders: [Authorization]".to_owned(),
    );
    let message = said(&question(), vec![step(Rung::Authorization, finding)]).message;
    assert!(!message.contains("In YAML") && message.contains("The spec has that already"), "{message}");
}

#[test]
fn options_of_the_doctor_are_no_advice_for_a_probe() {
    let mut finding = found(Verdict::Fail, R::UnknownIssuer, "nobody knows it");
    finding.change =
        Some("serve the full chain; for an authority of your own, --ca FILE, and install it in browsers".to_owned());
    let message = said(&question(), vec![step(Rung::Tls, finding)]).message;
    assert!(message.contains("To do: serve the full chain; for an authority of your own, give it to the operator (--probe-ca) and to browsers."));
    assert!(!message.contains("--ca "), "{message}");
}

#[test]
fn before_dns_is_there_what_is_behind_the_address_is_judged() {
    let nameless = report(failed(Rung::Dns, R::NameNotFound));
    let of = |behind: Vec<Step>| {
        let besides = Besides { by_address: Some(report(behind)), ..Besides::default() };
        Answer::of(&question(), &nameless, &besides, false)
    };
    let well = of(Vec::new());
    assert_eq!((well.holds, well.reason), (false, Reason::Dns));
    assert!(
        well.message.ends_with(
            "To do: make a DNS record for chat.domain-a.com that leads to 203.0.113.7. Behind that address all other rungs hold."
        ),
        "{}",
        well.message
    );
    let ill = of(failed(Rung::Tls, R::UnknownIssuer));
    assert!(ill.message.contains("Behind that address the rung tls breaks too (UnknownIssuer)"), "{}", ill.message);
    assert!(!ill.says_the_same_as(&well), "what is behind the address is news");
    let nowhere = Answer::of(&Question { addresses: Vec::new(), ..question() }, &nameless, &Besides::default(), false);
    assert!(nowhere.message.ends_with("that leads to the load balancer."), "{}", nowhere.message);
}

#[test]
fn a_name_that_leads_to_another_load_balancer_is_said() {
    let leads_to =
        |address: &str| Besides { leads_to: vec![address.parse().expect("an address")], ..Besides::default() };
    let broken = report(failed(Rung::Path, R::PathNotFound));
    let of = |besides: &Besides| Answer::of(&question(), &broken, besides, false).message;
    let elsewhere = of(&leads_to("198.51.100.9"));
    assert!(elsewhere.contains("leads to 198.51.100.9, and the load balancer has 203.0.113.7"), "{elsewhere}");
    assert!(!of(&leads_to("203.0.113.7")).contains("DNS record"));
    let by_name = Question { addresses: vec!["lb.example.com".to_owned()], ..question() };
    let message = Answer::of(&by_name, &broken, &leads_to("198.51.100.9"), false).message;
    assert!(!message.contains("DNS record"), "a load balancer with a name changes its addresses: {message}");
}

#[test]
fn other_words_for_the_same_are_no_news() {
    let took = |text: &str| said(&question(), vec![step(Rung::Cut, found(Verdict::Fail, R::CutAbruptly, text))]);
    assert!(took("cut after 30.01s").says_the_same_as(&took("cut after 30.02s")));
    let with = |status| {
        let finding = found(Verdict::Fail, R::ServerError, "it fails");
        said(&question(), vec![Step { rung: Rung::Path, finding, evidence: vec![exchange(status)] }])
    };
    assert!(!with(500).says_the_same_as(&with(502)));
}

#[test]
fn whether_something_cuts_is_said_as_far_as_it_is_known() {
    let holding = Question { hold: Some(Duration::from_secs(60)), ..question() };
    let good = |reason| report(vec![step(Rung::Cut, found(Verdict::Pass, reason, "well"))]);
    let of = |reason, measures| Answer::of(&holding, &good(reason), &Besides::default(), measures);
    let (measuring, held) = (of(R::NotAsked, true), of(R::Held, false));
    assert!(measuring.message.ends_with("Whether anything cuts a WebSocket is seen in 60s."), "{}", measuring.message);
    assert!(held.message.ends_with("A WebSocket lived for 60s."), "{}", held.message);
    assert_eq!((measuring.is_whole, held.is_whole), (false, true));
    assert!(!measuring.says_the_same_as(&held));
}

#[test]
fn a_message_has_an_end_whatever_a_server_says() {
    let long = said(&question(), vec![step(Rung::Path, found(Verdict::Fail, R::ServerError, &"é".repeat(5000)))]);
    assert!(long.message.len() <= LONGEST);
}
