//! The policy: configured once, refused as a whole or valid for good, and then asked about every request.

use std::time::Duration;

use crate::{
    config::{Config, Missing, Mode},
    decision::{AllowedBy, Decision, DenyReason},
    explain::{self, Explanation},
    headers::{self, List},
    host::HostKind,
    matcher::Matcher,
    nearest::Neighbours,
    origin::{Origin, Received},
    pattern::OriginPattern,
    problem::{Problem, ProblemReason},
    repair,
    scheme::Scheme,
};

/// No browser remembers a preflight for longer (Firefox).
pub const MAX_AGE_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// Chromium forgets after this, whatever the server says.
pub const MAX_AGE_HONOURED: Duration = Duration::from_secs(2 * 60 * 60);

/// Which origins may connect. An invalid one cannot exist.
#[derive(Clone, Debug)]
pub struct OriginPolicy {
    patterns: Vec<OriginPattern>,
    matcher: Matcher,
    neighbours: Neighbours,
    config: Config,
    warnings: Vec<Problem>,
}

impl OriginPolicy {
    /// The policy that a configuration describes.
    ///
    /// # Errors
    /// Every problem of the configuration, in its order.
    pub fn new(config: &Config) -> Result<Self, Vec<Problem>> {
        let mut found = Vec::new();
        let mut policy = Self {
            patterns: Vec::with_capacity(config.allow.len()),
            matcher: Matcher::default(),
            neighbours: Neighbours::default(),
            config: config.clone(),
            warnings: Vec::new(),
        };
        policy.add_patterns(config, &mut found);
        policy.config.allowed_headers = headers::check(List::Allowed, &config.allowed_headers, &mut found);
        policy.config.exposed_headers = headers::check(List::Exposed, &config.exposed_headers, &mut found);
        found.extend(check_max_age(config.max_age));
        if found.iter().all(|problem| problem.reason.is_warning()) {
            policy.warnings = found;
            Ok(policy)
        } else {
            found.retain(|problem| !problem.reason.is_warning());
            Err(found)
        }
    }

    fn add_patterns(&mut self, config: &Config, found: &mut Vec<Problem>) {
        if config.allow.is_empty() {
            let message = "names no origin; list at least one, such as \"https://app.example.com\"";
            found.push(problem("allow".to_owned(), "", ProblemReason::EmptyList, message, None));
        }
        // Where each pattern stood in the list: duplicates are dropped, so places move.
        let mut fields = Vec::with_capacity(config.allow.len());
        for (index, text) in config.allow.iter().enumerate() {
            let field = format!("allow[{index}]");
            match accept(text, config.credentials) {
                Ok(pattern) => match self.matcher.insert(&pattern, self.patterns.len()) {
                    Ok(()) => {
                        self.neighbours.insert(&pattern, self.patterns.len());
                        self.patterns.push(pattern);
                        fields.push(field);
                    }
                    Err(former) => {
                        let message = format!("is listed already, as {}", fields[former]);
                        found.push(problem(field, text, ProblemReason::Duplicate, &message, None));
                    }
                },
                Err((reason, message, suggestion)) => found.push(problem(field, text, reason, &message, suggestion)),
            }
        }
        for (pattern, field) in self.patterns.iter().zip(fields) {
            if let Some(wider) = self.shadow(pattern) {
                let message = format!("is covered by {wider} already");
                found.push(problem(field, pattern.as_str(), ProblemReason::Shadowed, &message, None));
            }
        }
    }

    /// A wildcard that matches whatever this entry matches.
    fn shadow(&self, pattern: &OriginPattern) -> Option<&OriginPattern> {
        if pattern.kind() != HostKind::Name {
            return None;
        }
        // What holds for a wildcard's base holds for all below it: bases are never public suffixes.
        let base = Origin {
            scheme: pattern.scheme().as_str(),
            host: pattern.host(),
            kind: pattern.kind(),
            authority: pattern.authority(),
            port: pattern.port(),
        };
        self.matcher.find_wildcard(&base).map(|place| &self.patterns[place])
    }

    /// What is pointless, though not wrong, about the configuration.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The verdict on a request. It does not allocate, and its cost does not depend on how many origins are listed.
    /// It is the same in both modes: whoever serves the request gives a denial its consequences.
    #[must_use]
    pub fn decide(&self, received: Received<'_>) -> Decision<'_> {
        match received {
            Received::Missing => match self.config.missing {
                Missing::Allow => Decision::Allowed(AllowedBy::MissingOrigin),
                Missing::Deny => Decision::Denied(DenyReason::OriginMissing),
            },
            Received::One(bytes) => match self.matcher.find(bytes) {
                Ok(place) => Decision::Allowed(AllowedBy::Pattern(&self.patterns[place])),
                Err(reason) => Decision::Denied(reason),
            },
            Received::Several(_) => Decision::Denied(DenyReason::OriginMultiple),
        }
    }

    /// Why a denied request is denied, and what would have been allowed; only meaningful once [`decide`](Self::decide)
    /// denied it. Bounded work. It names entries of the list: think whether its reader may know them.
    #[must_use]
    pub fn explain(&self, received: Received<'_>) -> Explanation {
        explain::explain(self, &self.neighbours, received)
    }

    /// The accepted entries of `allow`, in order, each once.
    #[must_use]
    pub fn patterns(&self) -> &[OriginPattern] {
        &self.patterns
    }

    /// Whether browsers may send credentials.
    #[must_use]
    pub const fn credentials(&self) -> bool {
        self.config.credentials
    }

    /// Request headers that pages may set, each once, as written.
    #[must_use]
    pub fn allowed_headers(&self) -> &[String] {
        &self.config.allowed_headers
    }

    /// Response headers that pages may read, each once, as written.
    #[must_use]
    pub fn exposed_headers(&self) -> &[String] {
        &self.config.exposed_headers
    }

    /// How long browsers may remember a preflight.
    #[must_use]
    pub const fn max_age(&self) -> Duration {
        self.config.max_age
    }

    /// What happens to requests without `Origin`.
    #[must_use]
    pub const fn missing(&self) -> Missing {
        self.config.missing
    }

    /// Whether denials have consequences.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.config.mode
    }
}

type Refusal = (ProblemReason, String, Option<String>);

fn accept(text: &str, credentials: bool) -> Result<OriginPattern, Refusal> {
    let insecure = |pattern: &OriginPattern| credentials && pattern.scheme() == Scheme::Http && !pattern.is_loopback();
    match text.parse::<OriginPattern>() {
        Ok(pattern) if insecure(&pattern) => {
            let message = "is plain http with credentials: anybody on the way can act as that page; \
                           use https, or http only for localhost and other loopback hosts";
            Err((ProblemReason::InsecureWithCredentials, message.to_owned(), secured(text)))
        }
        Ok(pattern) => Ok(pattern),
        Err(error) => {
            let suggestion = error.suggestion.and_then(|text| match text.parse() {
                Ok(pattern) if insecure(&pattern) => secured(&text),
                _ => Some(text),
            });
            Err((error.reason, error.message, suggestion))
        }
    }
}

/// The same origin over TLS.
fn secured(text: &str) -> Option<String> {
    let https = text.replacen("http://", "https://", 1);
    if https.parse::<OriginPattern>().is_ok() { Some(https) } else { repair::pattern(&https) }
}

fn check_max_age(max_age: Duration) -> Option<Problem> {
    let (reason, message, suggestion) = if max_age > MAX_AGE_LIMIT {
        (ProblemReason::MaxAgeOutOfRange, "is longer than a day; 0s to 24h are allowed", "2h")
    } else if max_age > MAX_AGE_HONOURED {
        (ProblemReason::MaxAgeCapped, "is cut to 2h by Chromium", "2h")
    } else {
        return None;
    };
    let value = format!("{}s", max_age.as_secs());
    Some(problem("maxAge".to_owned(), &value, reason, message, Some(suggestion.to_owned())))
}

fn problem(field: String, value: &str, reason: ProblemReason, message: &str, suggestion: Option<String>) -> Problem {
    Problem { field, value: value.to_owned(), reason, message: message.to_owned(), suggestion }
}
