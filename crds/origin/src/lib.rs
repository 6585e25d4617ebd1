//! Which web origins may connect: one policy, one decision, for polling, preflight and WebSocket upgrade alike.
//!
//! ```
//! use origin_policy::{Config, OriginPolicy, Received};
//!
//! let config = Config { allow: vec!["https://app.example.com".to_owned()], ..Config::default() };
//! let policy = OriginPolicy::new(&config).expect("a valid policy");
//! assert!(policy.decide(Received::from("https://app.example.com")).is_allowed());
//!
//! let denied = policy.explain(Received::from("http://app.example.com"));
//! assert_eq!(denied.message, "nearest allowed is https://app.example.com: the scheme differs (http received)");
//! ```
//!
//! Two grammars are kept apart. *Patterns*, as configured ([`OriginPattern`]), are exact origins or one leading `*.`
//! label. *Origins*, as received ([`Received`]), are compared byte for byte and never mended: a browser writes one
//! spelling of each, so another spelling is another client. A wildcard stands for one or more labels, never for the name
//! after it, and never crosses a public suffix, so that `https://*.amazonaws.com` does not allow anybody's bucket.
//!
//! Nothing doubtful is accepted: a configuration is valid as a whole or yields all its [`Problem`]s, each with what to
//! write instead. `null` and `*` cannot be configured; with credentials neither can plain http beyond loopback.
//!
//! Sources:
//! - [Fetch](https://fetch.spec.whatwg.org/): CORS protocol, serialised origins, header tables.
//! - [RFC 6454](https://www.rfc-editor.org/rfc/rfc6454): the web origin and its header.
//! - [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455#section-10.2): a WebSocket server checks `Origin` itself, since
//!   browsers send no preflight for an upgrade.
//! - [URL Standard](https://url.spec.whatwg.org/#host-serializing): how browsers write hosts.
//! - [Public Suffix List](https://publicsuffix.org/list/), private section included.

mod config;
mod decision;
mod explain;
mod fault;
mod headers;
mod host;
mod matcher;
mod nearest;
mod origin;
mod pattern;
mod policy;
mod problem;
mod public_suffix;
mod repair;
mod scheme;
mod text;
mod wildcard;
mod words;

pub use config::{Config, Missing, Mode};
pub use decision::{AllowedBy, Decision, DenyReason};
pub use explain::{Explanation, Hint};
pub use origin::{MAX_ORIGIN_LEN, Received};
pub use pattern::{OriginPattern, PatternError};
pub use policy::{MAX_AGE_HONOURED, MAX_AGE_LIMIT, OriginPolicy};
pub use problem::{Problem, ProblemReason};
pub use scheme::Scheme;
