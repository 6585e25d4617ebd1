use realtime_doctor::Report;

use super::*;
use crate::probe::{answer::Besides, question::Exposed};

const MINUTE: Duration = Duration::from_secs(60);

fn question() -> Question {
    Question {
        url: "https://chat.domain-a.com/socket.io".to_owned(),
        origin: "https://app.domain-b.com".to_owned(),
        is_allowed: true,
        headers: Vec::new(),
        credentials: false,
        transports: (true, true),
        enforces: true,
        addresses: Vec::new(),
        by_address: false,
        exposure: Exposed::Gke,
        every: None,
        hold: None,
    }
}

fn good(asks: &Question, stage: Stage) -> Option<Answer> {
    let report = Report { url: asks.url.clone(), origin: asks.origin.clone(), steps: Vec::new() };
    Some(Answer::of(asks, &report, &Besides::default(), asks.hold.is_some() && stage == Stage::Climb))
}

fn bad(asks: &Question, rung: Rung) -> Option<Answer> {
    Some(Answer::late(asks, rung, MINUTE))
}

/// A course and a clock.
struct Run {
    course: Course,
    asks: Question,
    now: Instant,
}

impl Run {
    fn new(held: Option<bool>, asks: Question) -> Self {
        let now = Instant::now();
        Self { course: Course::begin(held, asks.every, now), asks, now }
    }

    /// One that was asked and holds.
    fn holding(asks: Question) -> Self {
        let mut run = Self::new(None, asks);
        run.ready(true);
        let asks = run.asks.clone();
        assert!(run.asked(Stage::Climb, good(&asks, Stage::Climb)));
        run
    }

    fn ready(&mut self, is_ready: bool) {
        self.course.settled(is_ready, self.now);
    }

    /// How long until it is due.
    fn pause(&self) -> Option<Duration> {
        self.course.due().map(|due| due.saturating_duration_since(self.now))
    }

    /// Waits until it is due, asks, and gets this answer; whether that is news.
    fn asked(&mut self, stage: Stage, answer: Option<Answer>) -> bool {
        self.now += self.pause().expect("it is due some time");
        assert_eq!(self.course.take(self.now), Some(stage));
        assert_eq!(self.course.take(self.now), None, "one climb at a time");
        self.course.take_in(stage, answer, &self.asks, self.now)
    }

    fn fails(&mut self) -> bool {
        let answer = bad(&self.asks, Rung::Upgrade);
        self.asked(Stage::Climb, answer)
    }

    fn known(&self) -> Option<bool> {
        self.course.answer().map(|answer| answer.holds)
    }
}

#[test]
fn nothing_is_asked_before_the_service_is_ready_and_once_when_it_is() {
    let mut run = Run::new(None, question());
    assert_eq!(run.pause(), None);
    run.ready(true);
    assert_eq!(run.pause(), Some(Duration::ZERO));
    let answer = good(&question(), Stage::Climb);
    assert!(run.asked(Stage::Climb, answer));
    run.ready(true);
    assert_eq!((run.pause(), run.known()), (None, Some(true)));
}

#[test]
fn the_first_failure_of_a_service_that_held_is_doubted_once() {
    let mut run = Run::holding(Question { every: Some(10 * MINUTE), ..question() });
    assert!(!run.fails());
    assert_eq!((run.known(), run.pause()), (Some(true), Some(DOUBT)));
    assert!(run.fails(), "the second one is believed");
    assert_eq!(run.known(), Some(false));
}

#[test]
fn a_failure_that_passes_is_told_to_nobody() {
    let mut run = Run::holding(Question { every: Some(10 * MINUTE), ..question() });
    assert!(!run.fails());
    let answer = good(&run.asks, Stage::Climb);
    assert!(!run.asked(Stage::Climb, answer));
    assert_eq!(run.pause(), Some(10 * MINUTE));
    assert!(!run.fails(), "the next one is doubted again");
}

#[test]
fn the_first_answer_of_all_is_believed_whatever_it_is() {
    let mut run = Run::new(None, question());
    run.ready(true);
    assert!(run.fails());
    assert_eq!(run.known(), Some(false));
}

#[test]
fn failures_back_off_and_are_news_once() {
    let mut run = Run::new(None, question());
    run.ready(true);
    let mut pauses = Vec::new();
    for round in 0..7 {
        assert_eq!(run.fails(), round == 0);
        pauses.push(run.pause().expect("it is asked again").as_secs());
    }
    assert_eq!(pauses, [30, 60, 120, 240, 480, 600, 600]);
    let answer = bad(&run.asks, Rung::Path);
    assert!(run.asked(Stage::Climb, answer), "another rung is news");
    let answer = good(&run.asks, Stage::Climb);
    assert!(run.asked(Stage::Climb, answer));
    assert_eq!(run.pause(), None, "a service that holds is left alone");
}

#[test]
fn every_so_often_it_is_asked_again_and_failures_never_less_often() {
    let mut run = Run::holding(Question { every: Some(2 * MINUTE), ..question() });
    assert_eq!(run.pause(), Some(2 * MINUTE));
    let answer = good(&run.asks, Stage::Climb);
    assert!(!run.asked(Stage::Climb, answer), "the same again is no news");
    for _ in 0..9 {
        run.fails();
    }
    assert_eq!(run.pause(), Some(2 * MINUTE));
}

#[test]
fn a_changed_spec_drops_the_old_answer_and_what_is_under_way() {
    let mut run = Run::holding(Question { every: Some(MINUTE), ..question() });
    run.now += MINUTE;
    assert_eq!(run.course.take(run.now), Some(Stage::Climb));
    let round = run.course.round();
    run.course.anew(run.now);
    assert_ne!(run.course.round(), round, "an answer of the old round is for nobody");
    assert_eq!((run.known(), run.pause()), (None, Some(Duration::ZERO)));
    assert!(run.fails(), "of the new spec nothing is known, so nothing is doubted");
}

#[test]
fn another_address_is_asked_at_once_and_the_answer_stands_until_then() {
    let mut run = Run::holding(question());
    run.course.again(run.now);
    assert_eq!((run.known(), run.pause()), (Some(true), Some(Duration::ZERO)));
    assert!(!run.fails(), "it held");
}

#[test]
fn a_rollout_is_followed_by_a_question_and_many_rollouts_by_few() {
    let mut run = Run::holding(question());
    run.ready(false);
    assert_eq!(run.pause(), None);
    run.now += 10 * MINUTE;
    run.ready(true);
    assert_eq!(run.pause(), Some(Duration::ZERO));
    let answer = good(&run.asks, Stage::Climb);
    assert!(!run.asked(Stage::Climb, answer));
    for _ in 0..5 {
        run.now += Duration::from_secs(1);
        run.ready(false);
        run.ready(true);
    }
    assert_eq!(run.pause(), Some(LEAST - Duration::from_secs(5)));
}

#[test]
fn an_answer_that_came_during_a_rollout_counts_for_nothing() {
    let mut run = Run::new(None, question());
    run.ready(true);
    assert_eq!(run.course.take(run.now), Some(Stage::Climb));
    run.ready(false);
    let answer = bad(&run.asks, Rung::Path);
    assert!(!run.course.take_in(Stage::Climb, answer, &run.asks, run.now));
    assert_eq!(run.known(), None);
    run.ready(true);
    assert_eq!(run.pause(), Some(Duration::ZERO));
}

#[test]
fn a_climb_that_broke_off_is_made_again() {
    let mut run = Run::new(None, question());
    run.ready(true);
    assert!(!run.asked(Stage::Climb, None));
    assert_eq!((run.known(), run.pause()), (None, Some(AFTER_FAILURE)));
}

#[test]
fn a_websocket_is_held_after_the_climb_and_only_its_end_is_news_then() {
    let mut run = Run::new(None, Question { every: Some(10 * MINUTE), hold: Some(MINUTE), ..question() });
    run.ready(true);
    let climbed = good(&run.asks, Stage::Climb);
    assert!(run.asked(Stage::Climb, climbed.clone()), "that a page gets through is told before the measurement ends");
    assert!(run.course.answer().is_some_and(|answer| !answer.is_whole));
    let held = good(&run.asks, Stage::Hold);
    assert!(run.asked(Stage::Hold, held.clone()));
    assert!(run.course.answer().is_some_and(|answer| answer.is_whole));
    assert_eq!(run.pause(), Some(10 * MINUTE));
    assert!(!run.asked(Stage::Climb, climbed), "the second climb says less than is known");
    assert!(!run.asked(Stage::Hold, held));
}

#[test]
fn a_cut_is_believed_at_once_and_stands_through_the_next_climb() {
    let mut run = Run::holding(Question { every: Some(10 * MINUTE), hold: Some(MINUTE), ..question() });
    let cut = bad(&run.asks, Rung::Cut);
    assert!(run.asked(Stage::Hold, cut.clone()));
    let climbed = good(&run.asks, Stage::Climb);
    assert!(!run.asked(Stage::Climb, climbed), "a climb says nothing of cuts");
    assert_eq!(run.known(), Some(false));
    assert!(!run.asked(Stage::Hold, cut));
}

#[test]
fn after_a_restart_what_held_is_left_alone_and_what_did_not_is_asked() {
    let mut held = Run::new(Some(true), question());
    held.ready(true);
    assert_eq!(held.pause(), None);
    let mut failed = Run::new(Some(false), question());
    failed.ready(true);
    assert_eq!(failed.pause(), Some(Duration::ZERO));
    // Not all services of a fleet at the same moment.
    let mut often = Run::new(Some(true), Question { every: Some(MINUTE), ..question() });
    often.ready(true);
    assert!(often.pause().is_some_and(|pause| pause <= MINUTE));
}
