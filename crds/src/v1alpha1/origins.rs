//! `spec.origins`: which web origins may connect.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// Which web origins may connect. An origin is what a browser sends in the Origin header: scheme://host[:port], nothing behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!self.credentials || self.allow.all(o, !o.startsWith('http://') || o.startsWith('http://localhost') || o.startsWith('http://127.') || o.startsWith('http://[::1]'))")
    .message("with credentials every allowed origin must be https, except for loopback (http://localhost:5173): anybody on the network path can speak for an http origin")
    .field_path(".allow"))]
pub struct Origins {
    /// Allowed origins, e.g. "https://app.domain-b.com", "http://localhost:5173", or with one leading wildcard "https://*.preview.domain-b.com", which
    /// stands for one or more labels and never for the domain itself. At least one.
    #[schemars(length(min = 1, max = 10000), inner(length(min = 1, max = 300)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[x_kube(validation = Rule::new("self.all(o, !o.endsWith('/'))")
        .message(Message::Expression("'origin \"' + self.filter(o, o.endsWith('/'))[0] + '\" ends with a slash: browsers never send one, so it would match nothing; write scheme://host[:port]'".into())))]
    #[x_kube(validation = Rule::new("self.all(o, o.contains('://'))")
        .message(Message::Expression("'origin \"' + self.filter(o, !o.contains('://'))[0] + '\" is not an origin: write scheme://host[:port], e.g. https://app.domain-b.com or https://*.domain-b.com'".into())))]
    pub allow: Vec<String>,

    /// Whether browsers may send cookies and HTTP authentication along (Access-Control-Allow-Credentials). Socket.IO needs it only with `withCredentials: true`. Default
    /// false.
    #[serde(default)]
    pub credentials: bool,

    /// Request headers that pages may send, by name: "*" is refused, because it never covers Authorization. Default [Authorization, Content-Type].
    #[serde(default = "default_allowed_headers")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 128)))]
    // As a set, what is filled in by default would stay beside what a server-side apply names.
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[x_kube(validation = Rule::new("self.all(h, self.exists_one(other, other == h))").message("allowedHeaders must not name a header twice"))]
    #[x_kube(validation = Rule::new("!self.exists(h, h == '*')")
        .message("allowedHeaders are listed by name: '*' does not cover Authorization, and with credentials it covers nothing"))]
    pub allowed_headers: Vec<String>,

    /// Response headers that pages may read (Access-Control-Expose-Headers). Default none.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(min = 1, max = 128)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub exposed_headers: Vec<String>,

    /// How long browsers may keep the answer to a preflight, 0s to 24h. Chromium keeps it for 2h at the most. Default "10m".
    #[serde(default = "default_max_age")]
    #[x_kube(validation = Rule::new("duration(self) <= duration('24h')").message("maxAge must be between 0s and 24h"))]
    pub max_age: Duration,

    /// Requests without an Origin header, which native clients and servers send and browsers on other sites never do: Allow or Deny. Default Allow.
    #[serde(default)]
    pub missing: MissingOrigin,

    /// Enforce, or Report: serve everybody, and count and show what Enforce would refuse. Default Enforce.
    #[serde(default)]
    pub mode: OriginMode,
}

/// What happens to requests without an Origin header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MissingOrigin {
    /// They are served.
    #[default]
    Allow,
    /// They are refused.
    Deny,
}

/// Whether the policy is enforced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OriginMode {
    /// Refuse what is not allowed.
    #[default]
    Enforce,
    /// Serve it, and count what would have been refused.
    Report,
}

impl Origins {
    /// The same words as the origin policy's own configuration.
    #[must_use]
    pub fn config(&self) -> origin_policy::Config {
        let Self { allow, credentials, allowed_headers, exposed_headers, max_age, missing, mode } = self;
        origin_policy::Config {
            allow: allow.clone(),
            credentials: *credentials,
            allowed_headers: allowed_headers.clone(),
            exposed_headers: exposed_headers.clone(),
            max_age: max_age.get(),
            missing: match missing {
                MissingOrigin::Allow => origin_policy::Missing::Allow,
                MissingOrigin::Deny => origin_policy::Missing::Deny,
            },
            mode: match mode {
                OriginMode::Enforce => origin_policy::Mode::Enforce,
                OriginMode::Report => origin_policy::Mode::Report,
            },
        }
    }
}

fn default_allowed_headers() -> Vec<String> {
    vec!["Authorization".to_owned(), "Content-Type".to_owned()]
}

fn default_max_age() -> Duration {
    Duration::from_secs(600)
}
