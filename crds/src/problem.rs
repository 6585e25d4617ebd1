//! What is wrong with a resource, in words that name the field.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong with a resource: the field, what was found there and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Path of the field, e.g. `spec.origins.allow[2]`; empty for the document as a whole.
    pub field: String,
    /// A word of a closed set, e.g. `TrailingSlash`; `Invalid` where the schema or a CEL rule refused.
    pub reason: &'static str,
    /// What was wrong and what is allowed, in one sentence.
    pub message: String,
}

impl Problem {
    /// A problem that the schema, a CEL rule or the parser found.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), reason: "Invalid", message: message.into() }
    }

    /// A problem of the origin policy; its fields are relative to `spec.origins`.
    #[must_use]
    pub fn of_origins(problem: &origin_policy::Problem) -> Self {
        let field = format!("spec.origins.{}", problem.field);
        let value = if problem.value.is_empty() { String::new() } else { format!("{:?}: ", problem.value) };
        let advice = problem.suggestion.as_ref().map(|suggestion| format!("; write {suggestion}")).unwrap_or_default();
        let message = format!("{value}{}{advice}", problem.message);
        Self { field, reason: problem.reason.as_str(), message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.message),
            field => write!(f, "{field}: {}", self.message),
        }
    }
}

/// Joins problems to one sentence for a condition message.
#[must_use]
pub fn sentence(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
