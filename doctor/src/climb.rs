//! The climb: one rung after the other, each by requests on connections of their own.

mod held;
mod http;
mod line;
mod session;
mod tls;
mod websocket;

use ::http::{HeaderName, HeaderValue, Method, StatusCode, header};

use crate::{
    Exchange, Reason, Report, Rung, Step, Target, Verdict,
    engine::{self, Open, Revision, Spoken},
    exchange::{Answer, Outcome},
    finding::Finding,
    judge::{self, handshake::Asked, upgrade::Tries},
    target::Protocol,
};
use http::Ask;
use line::{Line, NoLine};
pub(crate) use tls::authorities;

/// An origin that nobody allows; the name can never be registered (RFC 2606).
pub const FOREIGN: &str = "https://realtime-doctor.invalid";

/// Climbs, and says how it went.
pub async fn climb(target: &Target) -> Report {
    climb_telling(target, &mut |_| {}).await
}

/// The same, with each step as soon as it is judged.
pub async fn climb_telling(target: &Target, tell: &mut (dyn FnMut(&Step) + Send + Sync)) -> Report {
    let mut climber = Climber { target, tell, steps: Vec::new() };
    if let Some(line) = climber.connect().await {
        match target.protocol {
            Protocol::SocketIo => climber.socket_io(&line).await,
            Protocol::WebSocket => climber.websocket(&line).await,
        }
    }
    let Climber { mut steps, .. } = climber;
    for rung in Rung::ALL {
        if !steps.iter().any(|step| step.rung == rung) {
            let finding = Finding::skipped(Reason::NotReached, "a rung below breaks");
            let step = Step { rung, finding, evidence: Vec::new() };
            tell(&step);
            steps.push(step);
        }
    }
    Report::new(target, steps)
}

struct Climber<'a> {
    target: &'a Target,
    tell: &'a mut (dyn FnMut(&Step) + Send + Sync),
    steps: Vec<Step>,
}

impl Climber<'_> {
    fn step(&mut self, rung: Rung, finding: Finding, evidence: Vec<Exchange>) -> Verdict {
        let verdict = finding.verdict;
        let step = Step { rung, finding, evidence };
        (self.tell)(&step);
        self.steps.push(step);
        verdict
    }

    fn skip(&mut self, rung: Rung, reason: Reason, message: &str) {
        self.step(rung, Finding::skipped(reason, message), Vec::new());
    }

    /// The rungs dns and tls.
    async fn connect(&mut self) -> Option<Line> {
        let target = self.target;
        let found = line::resolve(target).await;
        if self.step(Rung::Dns, judge::connect::name(target, &found), Vec::new()) == Verdict::Fail {
            return None;
        }
        let mut line = match Line::new(target, found.unwrap_or_default()) {
            Ok(line) => line,
            Err(error) => {
                let finding = Finding::fail(Reason::TlsFailed, format!("TLS cannot be set up: {error}"));
                self.step(Rung::Tls, finding, Vec::new());
                return None;
            }
        };
        let now = std::time::SystemTime::now();
        let finding = match line.open().await {
            Ok(stream) => judge::connect::connected(target, stream.secured.as_ref(), now),
            Err(NoLine::Failure(failure)) => judge::connect::not_connected(target, &failure),
            Err(NoLine::Tls(error)) => {
                let finding = judge::connect::not_secured(target, &error);
                if target.insecure && line.trust_anybody().is_ok() && line.open().await.is_ok() {
                    Finding { verdict: Verdict::Warn, reason: Reason::NotVerified, ..finding }
                        .note("--insecure goes on; browsers do not")
                } else {
                    finding
                }
            }
        };
        // What is mixed content on its way to a page answers all the same.
        let goes_on = finding.verdict != Verdict::Fail || finding.reason == Reason::MixedContent;
        self.step(Rung::Tls, finding, Vec::new());
        goes_on.then_some(line)
    }

    async fn websocket(&mut self, line: &Line) {
        for rung in [Rung::Path, Rung::Handshake, Rung::Preflight, Rung::Authorization] {
            self.skip(rung, Reason::NotAsked, "a plain WebSocket has no such thing");
        }
        let opens = self.upgrade(line, Revision::Four, false).await;
        self.skip(Rung::Replicas, Reason::NotAsked, "a plain WebSocket is one connection");
        if opens {
            self.cut(line, Revision::Four).await;
        }
    }

    async fn socket_io(&mut self, line: &Line) {
        let target = self.target;
        let revision = target.revision.unwrap_or(Revision::Four);
        let first = line.ask(self.handshake(revision, Some(&target.origin))).await;
        let elsewhere = self.elsewhere(line, &first).await;
        let finding = judge::path::judge(target, &first.outcome, elsewhere.as_deref());
        let finding = judge::as_the_page_sees(target, first.answer(), finding);
        let is_served = self.step(Rung::Path, finding, vec![first.clone()]) != Verdict::Fail;
        let (true, Outcome::Answer(answer)) = (is_served, first.outcome.clone()) else { return };

        let third = self.third(line, &answer).await;
        let without_origin = self.without_origin(line, &answer).await;
        let asked = Asked {
            first: &answer,
            third: third.as_ref().and_then(Exchange::answer),
            without_origin: without_origin.as_ref().and_then(Exchange::answer),
        };
        let session = asked.session();
        let finding = if target.polling {
            judge::as_the_page_sees(target, Some(&answer), judge::handshake::judge(target, &asked))
        } else {
            Finding::skipped(Reason::NotAsked, "the page does not use polling")
        };
        let evidence = [Some(first), third.clone(), without_origin.clone()].into_iter().flatten().collect();
        let reason = finding.reason;
        self.step(Rung::Handshake, finding, evidence);
        if let Some((revision, open)) = &session {
            session::end(line, *revision, open).await;
        }
        if [Reason::PlainWebSocket, Reason::NotEngineIo, Reason::ProtocolRefused].contains(&reason) {
            return;
        }
        let revision = session.as_ref().map_or(revision, |(revision, _)| *revision);
        let offers_polling = target.polling && reason != Reason::PollingNotOffered;
        self.preflight(line, revision, offers_polling, &answer).await;
        let opens = self.upgrade(line, revision, session.is_some()).await;
        self.replicas(line, session.as_ref(), offers_polling).await;
        if opens {
            self.cut(line, revision).await;
        } else if target.hold.is_none() || !target.websocket {
            self.skip(Rung::Cut, Reason::NotAsked, "there is no WebSocket to hold open");
        }
    }

    fn handshake<'a>(&self, revision: Revision, origin: Option<&'a str>) -> Ask<'a> {
        Ask::polling(self.target, Method::GET, revision, None).origin(origin).with(self.carried())
    }

    /// What the page sends besides, where the doctor was given values.
    fn carried(&self) -> Vec<(HeaderName, HeaderValue)> {
        let headers = self.target.headers.iter();
        headers.filter_map(|header| Some((header.name.clone(), header.value.clone()?))).collect()
    }

    /// A path on which Engine.IO answers, where nothing does on the one that was asked.
    async fn elsewhere(&self, line: &Line, first: &Exchange) -> Option<String> {
        let answer = first.answer()?;
        let is_lost = answer.status == StatusCode::NOT_FOUND || (answer.status.is_success() && !speaks(answer));
        let path = &self.target.path;
        let inner = path.trim_start_matches('/').split_once('/').map(|(_, rest)| format!("/{rest}"));
        let candidates = [Some("/socket.io".to_owned()), inner].into_iter().flatten();
        for candidate in candidates.filter(|candidate| is_lost && candidate != path) {
            let ask = self.handshake(Revision::Four, Some(&self.target.origin)).path(&candidate);
            if line.ask(ask).await.answer().is_some_and(speaks) {
                return Some(candidate);
            }
        }
        None
    }

    /// The older protocol, where the newer one was not understood.
    async fn third(&self, line: &Line, first: &Answer) -> Option<Exchange> {
        let is_refused = match engine::read(&first.body) {
            Spoken::Error(error) => error.code == 5,
            Spoken::Other => first.status == StatusCode::BAD_REQUEST,
            Spoken::Open(..) => false,
        };
        if self.target.revision.is_some() || !is_refused {
            return None;
        }
        Some(line.ask(self.handshake(Revision::Three, Some(&self.target.origin))).await)
    }

    async fn without_origin(&self, line: &Line, first: &Answer) -> Option<Exchange> {
        let is_forbidden = first.status == StatusCode::FORBIDDEN && !speaks(first);
        if !is_forbidden {
            return None;
        }
        Some(line.ask(self.handshake(self.target.revision.unwrap_or(Revision::Four), None)).await)
    }

    /// The rungs preflight and authorization.
    async fn preflight(&mut self, line: &Line, revision: Revision, offers_polling: bool, carried: &Answer) {
        let target = self.target;
        let names = target.header_names().join(",");
        let why = match (offers_polling, HeaderValue::from_str(&names)) {
            (false, _) => "without polling there is no preflight",
            (true, Ok(names)) if !names.is_empty() => {
                let ask = Ask::polling(target, Method::OPTIONS, revision, None)
                    .origin(Some(&target.origin))
                    .plain(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("GET"))
                    .plain(header::ACCESS_CONTROL_REQUEST_HEADERS, names);
                let exchange = line.ask(ask).await;
                let Some(answer) = exchange.answer() else {
                    let finding = judge::path::judge(target, &exchange.outcome, None);
                    self.step(Rung::Preflight, finding, vec![exchange]);
                    return self.skip(Rung::Authorization, Reason::NotReached, "the preflight breaks");
                };
                let finding = judge::preflight::judge(target, answer);
                let lists = judge::preflight::lists(target, answer, (!self.carried().is_empty()).then_some(carried));
                if self.step(Rung::Preflight, finding, vec![exchange.clone()]) == Verdict::Fail {
                    return self.skip(Rung::Authorization, Reason::NotReached, "the preflight breaks");
                }
                self.step(Rung::Authorization, lists, vec![exchange]);
                return;
            }
            (true, _) => "the page sends no header that needs a preflight",
        };
        let reason = if offers_polling || !target.polling { Reason::NotAsked } else { Reason::NotOffered };
        self.skip(Rung::Preflight, reason, why);
        self.skip(Rung::Authorization, reason, why);
    }

    /// Whether the page's WebSocket opens.
    async fn upgrade(&mut self, line: &Line, revision: Revision, polling_works: bool) -> bool {
        let target = self.target;
        if !target.websocket {
            self.skip(Rung::Upgrade, Reason::NotAsked, "the page does not use WebSocket");
            return false;
        }
        let (page, shown) = websocket::attempt(line, revision, Some(&target.origin)).await;
        let mut evidence = vec![shown];
        let (mut without_origin, mut foreign) = (None, None);
        if page.is_open(target.protocol) {
            let (attempt, shown) = websocket::attempt(line, revision, Some(FOREIGN)).await;
            evidence.push(shown);
            foreign = Some(attempt);
        } else if evidence[0].answer().is_some_and(|answer| answer.status == StatusCode::FORBIDDEN) {
            let (attempt, shown) = websocket::attempt(line, revision, None).await;
            evidence.push(shown);
            without_origin = Some(attempt);
        }
        let tries =
            Tries { page: &page, without_origin: without_origin.as_ref(), foreign: foreign.as_ref(), polling_works };
        self.step(Rung::Upgrade, judge::upgrade::judge(target, &tries), evidence);
        page.is_open(target.protocol)
    }

    async fn replicas(&mut self, line: &Line, session: Option<&(Revision, Open)>, offers_polling: bool) {
        match session {
            Some((revision, _)) if offers_polling => {
                let (trial, evidence) = session::spread(line, *revision, &self.carried()).await;
                self.step(Rung::Replicas, judge::replicas::judge(&trial), evidence);
            }
            Some(_) => self.skip(Rung::Replicas, Reason::NotAsked, "without polling a session is one connection"),
            None if offers_polling => self.skip(Rung::Replicas, Reason::NotReached, "there is no session by polling"),
            None => self.skip(Rung::Replicas, Reason::NotOffered, "without polling a session is one connection"),
        }
    }

    async fn cut(&mut self, line: &Line, revision: Revision) {
        let Some(hold) = self.target.hold else {
            return self.skip(Rung::Cut, Reason::NotAsked, "--hold 10m measures it");
        };
        let (held, evidence) = held::hold(line, revision, hold).await;
        let finding = match held {
            Some(held) => judge::cut::judge(hold, &held),
            None => Finding::fail(Reason::UpgradeFailed, "the WebSocket opened before and does not open now")
                .cause("a replica is ill, or a limit on connections was reached")
                .change("try again"),
        };
        self.step(Rung::Cut, finding, vec![evidence]);
    }
}

fn speaks(answer: &Answer) -> bool {
    engine::read(&answer.body) != Spoken::Other
}
