//! PURE: when a service is asked, and which answers are believed.

use std::time::{Duration, Instant};

use realtime_doctor::Rung;

use super::{Answer, Question};

/// After the first failure in a row; then twice as long each time.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Longest pause after a failure.
const LONGEST: Duration = Duration::from_secs(600);
/// A service that held and does not any more is asked once more before that is told.
const DOUBT: Duration = Duration::from_secs(5);
/// One that becomes ready over and over is not asked more often.
const LEAST: Duration = Duration::from_secs(60);

/// How far a climb goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Up to the rung cut.
    Climb,
    /// With a WebSocket that is held open.
    Hold,
}

/// The course of one service's probes.
#[derive(Debug)]
pub(super) struct Course {
    answer: Option<Answer>,
    /// Whether the last answer that was believed held; of an operator before this one too.
    held: Option<bool>,
    failures: u32,
    is_doubted: bool,
    is_ready: bool,
    is_under_way: bool,
    stage: Stage,
    due: Option<Instant>,
    ended: Option<Instant>,
    /// What began in another round says nothing any more.
    round: u64,
}

impl Course {
    /// `held` is what is known already; then it is asked at a moment of its own, so that after a restart not all are asked at once.
    pub(super) fn begin(held: Option<bool>, every: Option<Duration>, now: Instant) -> Self {
        let due = match held {
            Some(true) => every.map(|every| now + every.mul_f64(rand::random::<f64>())),
            Some(false) | None => Some(now),
        };
        Self {
            answer: None,
            held,
            failures: 0,
            is_doubted: false,
            // Then becoming ready is no change.
            is_ready: held.is_some(),
            is_under_way: false,
            stage: Stage::Climb,
            due,
            ended: None,
            round: 0,
        }
    }

    pub(super) fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    /// Something else is to be asked. What is known stands until there is an answer.
    pub(super) fn again(&mut self, now: Instant) {
        (self.stage, self.failures, self.is_doubted, self.is_under_way) = (Stage::Climb, 0, false, false);
        self.due = Some(now);
        self.round += 1;
    }

    /// The spec is another one: what is known is of no use.
    pub(super) fn anew(&mut self, now: Instant) {
        self.again(now);
        (self.answer, self.held, self.ended) = (None, None, None);
    }

    /// What tells a climb of this round from an older one.
    pub(super) fn round(&self) -> u64 {
        self.round
    }

    /// Whether the service is as it is meant to be: before, no answer would say anything. What becomes so has changed.
    pub(super) fn settled(&mut self, is_ready: bool, now: Instant) {
        if is_ready && !self.is_ready {
            let soonest = self.ended.filter(|_| self.held == Some(true)).map_or(now, |ended| now.max(ended + LEAST));
            self.due = Some(self.due.map_or(soonest, |due| due.min(soonest)));
            self.stage = Stage::Climb;
        }
        self.is_ready = is_ready;
    }

    /// When it is due; none while it is under way, or not ready.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| self.is_ready && !self.is_under_way)
    }

    /// Begins what is due.
    pub(super) fn take(&mut self, now: Instant) -> Option<Stage> {
        self.due().filter(|due| *due <= now)?;
        (self.is_under_way, self.due) = (true, None);
        Some(self.stage)
    }

    /// Takes in the answer of a climb; none where it says nothing. True when there is something new to say.
    pub(super) fn take_in(&mut self, stage: Stage, answer: Option<Answer>, asks: &Question, now: Instant) -> bool {
        (self.is_under_way, self.ended) = (false, Some(now));
        let Some(answer) = answer.filter(|_| self.is_ready) else {
            // What was seen while it changed says nothing of what it is then.
            let pause = if self.is_ready { AFTER_FAILURE } else { Duration::ZERO };
            self.due.get_or_insert(now + pause);
            return false;
        };
        let is_first_doubt = self.held == Some(true) && !answer.holds && !self.is_doubted && stage == Stage::Climb;
        self.is_doubted = is_first_doubt;
        if is_first_doubt {
            self.due = Some(now + DOUBT);
            return false;
        }
        let goes_on = stage == Stage::Climb && answer.holds && asks.hold.is_some();
        self.stage = if goes_on { Stage::Hold } else { Stage::Climb };
        self.failures = if answer.holds { 0 } else { self.failures + 1 };
        let pause = if goes_on { Some(Duration::ZERO) } else { pause(self.failures, asks.every) };
        // What was asked for meanwhile stays due.
        let due = pause.map(|pause| now + pause);
        self.due = self.due.into_iter().chain(due).min();
        let is_of_cut = |known: &Answer| known.is_whole && (known.holds || known.rung == Some(Rung::Cut));
        if goes_on && self.answer.as_ref().is_some_and(is_of_cut) {
            // Only the end of the measurement can say something else.
            return false;
        }
        self.held = Some(answer.holds);
        let is_new = self.answer.as_ref().is_none_or(|known| !known.says_the_same_as(&answer));
        if is_new {
            self.answer = Some(answer);
        }
        is_new
    }
}

fn pause(failures: u32, every: Option<Duration>) -> Option<Duration> {
    let Some(doublings) = failures.checked_sub(1) else { return every };
    let pause = (AFTER_FAILURE * 2u32.pow(doublings.min(8))).min(LONGEST);
    Some(every.map_or(pause, |every| pause.min(every)))
}

#[cfg(test)]
mod tests;
