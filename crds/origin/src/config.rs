//! The policy as configured, before anything of it is believed.

use std::time::Duration;

use crate::words::words;

words! {
    /// What happens to requests without an `Origin` header: native clients, health checks, command lines.
    #[derive(Default)]
    Missing {
        /// They are served: the same-origin policy protects browsers, and browsers send the header.
        #[default]
        Allow,
        /// They are refused.
        Deny,
    }
}

words! {
    /// Whether a denial has consequences.
    #[derive(Default)]
    Mode {
        /// Denied requests are refused.
        #[default]
        Enforce,
        /// Denied requests are served, counted and shown.
        Report,
    }
}

/// `spec.origins` of a resource, its words unparsed. [`OriginPolicy::new`](crate::OriginPolicy::new) makes a policy of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Origins whose pages may connect: `https://app.example.com`, `https://*.preview.example.com`, `http://localhost:5173`.
    pub allow: Vec<String>,
    /// Whether browsers may send cookies and other ambient credentials.
    pub credentials: bool,
    /// Request headers that pages may set.
    pub allowed_headers: Vec<String>,
    /// Response headers that pages may read.
    pub exposed_headers: Vec<String>,
    /// How long browsers may remember a preflight answer.
    pub max_age: Duration,
    /// What happens to requests without `Origin`.
    pub missing: Missing,
    /// Whether denied requests are refused or only counted.
    pub mode: Mode,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            credentials: false,
            allowed_headers: vec!["Authorization".to_owned(), "Content-Type".to_owned()],
            exposed_headers: Vec::new(),
            max_age: Duration::from_secs(10 * 60),
            missing: Missing::Allow,
            mode: Mode::Enforce,
        }
    }
}
