//! What is legal and yet unwise. One list of rules says it on the command line and, through a ValidatingAdmissionPolicy
//! that warns, at `kubectl apply`, in the same words.
//!
//! A rule is a CEL expression over the resource with its defaults. It asks for nothing that the resource does not
//! say, so
//! the answer is the same with and without a cluster.

mod evaluation;
mod policy;
mod rules;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

use crate::RealtimeService;

pub use policy::{POLICY_NAME, admission_policies};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Why something is unwise. Closed: every warning that there is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub enum Warning {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Warning {
            /// All of them, in the order in which they are given.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }
        }
    };
}

kinds! {
    /// The operator does nothing for it.
    Paused,
    /// Nobody is refused.
    ReportOnly,
    /// Cookies are asked for and not read.
    UnusedCredentials,
    /// Any subdomain acts with the user's cookies.
    WildcardWithCredentials,
    /// Any program on the user's machine acts with the user's cookies.
    LoopbackWithCredentials,
    /// Requests that hide their origin come with the user's cookies.
    MissingOriginWithCredentials,
    /// Pages cannot send a token in the header for it.
    AuthorizationNotAllowed,
    /// Access logs hold tokens.
    TokensInLogs,
    /// Pages on https cannot connect.
    NoCertificate,
    /// Identity-Aware Proxy stands before pages on other sites.
    IdentityAwareProxy,
    /// Polling requests of a session reach different pods.
    PollingWithoutAffinity,
    /// Clients connect anew all the time.
    ShortConnectionAge,
    /// Connections are silent for longer than networks bear.
    SlowPings,
    /// All clients of a pod reconnect at once.
    AbruptDrain,
    /// Pods take longer to go than nodes wait.
    LongDrain,
    /// The image can change under its name.
    UnpinnedImage,
    /// A pod may take all memory of its node.
    NoMemoryLimit,
    /// Origins that were taken off the list stay allowed for a while.
    PolicyFromFile,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something unwise in a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warned {
    /// Which rule it breaks.
    pub reason: Warning,
    /// Path of the field, e.g. `spec.origins.mode`.
    pub field: &'static str,
    /// The field, what comes of it and what to do: word for word what `kubectl apply` says.
    pub message: String,
}

impl fmt::Display for Warned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Everything unwise in a resource, in the order of [`Warning::ALL`].
#[must_use]
pub fn warnings(service: &RealtimeService) -> Vec<Warned> {
    let object = serde_json::to_value(service).expect("a resource is JSON");
    evaluation::evaluate(&object).into_iter().filter_map(Result::ok).flatten().collect()
}
