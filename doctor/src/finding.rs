//! What is said about a rung.

use std::fmt;

use serde::Serialize;

use crate::{Exchange, Reason, Rung};

/// Whether a rung holds. The order is from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It was not tried.
    Skipped,
    /// It holds.
    Pass,
    /// It works, and is unwise or fails for some.
    Warn,
    /// It breaks.
    Fail,
}

impl Verdict {
    /// The word that scripts rely on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A verdict with its reason, and what a person can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether the rung holds.
    pub verdict: Verdict,
    /// Why, in a word.
    pub reason: Reason,
    /// What was found, in a sentence.
    pub message: String,
    /// What a browser's console says in this case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// What most likely causes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// The lines of a RealtimeService that set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yaml: Option<String>,
    /// What else is worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Finding {
    fn new(verdict: Verdict, reason: Reason, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { verdict, reason, message, console: None, cause: None, change: None, yaml: None, notes: Vec::new() }
    }

    pub(crate) fn pass(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Verdict::Pass, reason, message)
    }

    pub(crate) fn warn(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Verdict::Warn, reason, message)
    }

    pub(crate) fn fail(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Verdict::Fail, reason, message)
    }

    pub(crate) fn skipped(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Verdict::Skipped, reason, message)
    }

    pub(crate) fn console(self, text: impl Into<String>) -> Self {
        Self { console: Some(text.into()), ..self }
    }

    pub(crate) fn cause(self, text: impl Into<String>) -> Self {
        Self { cause: Some(text.into()), ..self }
    }

    pub(crate) fn change(self, text: impl Into<String>) -> Self {
        Self { change: Some(text.into()), ..self }
    }

    pub(crate) fn yaml(self, text: impl Into<String>) -> Self {
        Self { yaml: Some(text.into()), ..self }
    }

    pub(crate) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }
}

/// A rung with its finding and the evidence.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which.
    pub rung: Rung,
    /// What is said about it.
    pub finding: Finding,
    /// The requests that show it, and their answers.
    pub evidence: Vec<Exchange>,
}
