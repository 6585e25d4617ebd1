//! The closed sets that labels come from.

use prometheus_client::encoding::EncodeLabelSet;

use crate::{plan::Kind, status::Outcome};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByOutcome {
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByReason {
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByRequest {
    pub(super) verb: &'static str,
    pub(super) kind: &'static str,
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByResult {
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByRung {
    pub(super) verdict: &'static str,
    pub(super) rung: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByKind {
    pub(super) kind: &'static str,
}

/// A closed set of words.
pub(super) trait Words: Sized + 'static {
    /// All of them.
    const ALL: &'static [Self];
}

macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $of:literal])+ $word:ident = $text:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[doc = $of])+ $word,)+
        }

        impl Words for $name {
            const ALL: &'static [Self] = &[$(Self::$word,)+];
        }

        impl $name {
            /// The word on the label.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text,)+ }
            }
        }
    };
}

words! {
    /// What the apiserver is asked for.
    Verb {
        /// A server-side apply of a child.
        Apply = "apply",
        /// Its deletion.
        Delete = "delete",
        /// An apply of the status.
        Status = "status",
        /// A read.
        Get = "get",
        /// An Event.
        Event = "event",
        /// Another number of pods for a Deployment.
        Scale = "scale",
        /// An apply that leaves a value to somebody else.
        Handover = "handover",
    }
}

words! {
    /// How a request ended.
    Answer {
        /// It was done.
        Success = "success",
        /// 409: something of that name is there, or another one by now.
        Conflict = "conflict",
        /// 400, 422 and their like: the request is none that can be done.
        Invalid = "invalid",
        /// 401, 403: rights, quota or admission.
        Forbidden = "forbidden",
        /// 404, 410.
        NotFound = "not_found",
        /// 429.
        Throttled = "throttled",
        /// 5xx.
        ServerError = "server_error",
        /// No answer in time.
        Timeout = "timeout",
        /// No answer at all, or none that can be read.
        Transport = "transport",
    }
}

impl Answer {
    pub(crate) fn of<T>(answer: &kube::Result<T>) -> Self {
        match answer {
            Ok(_) => Self::Success,
            Err(kube::Error::Api(status)) => Self::of_code(status.code),
            Err(_) => Self::Transport,
        }
    }

    fn of_code(code: u16) -> Self {
        match code {
            401 | 403 => Self::Forbidden,
            404 | 410 => Self::NotFound,
            409 => Self::Conflict,
            429 => Self::Throttled,
            400..=499 => Self::Invalid,
            _ => Self::ServerError,
        }
    }

    /// Whether something is wrong; that an object is there already, or gone already, is how the operator learns of it.
    pub(crate) const fn is_error(self) -> bool {
        !matches!(self, Self::Success | Self::Conflict | Self::NotFound)
    }
}

words! {
    /// How a reconcile ended.
    Ended {
        /// Everything is applied.
        Success = "success",
        /// The spec has problems.
        Invalid = "invalid",
        /// Another service serves this host and path.
        HostPathConflict = "host_path_conflict",
        /// The apiserver refuses an object.
        Refused = "refused",
        /// A request failed, the one that writes the status included.
        ApiError = "api_error",
        /// An object of somebody else is in the way.
        ForeignObject = "foreign_object",
    }
}

impl Ended {
    pub(crate) fn of(outcome: &Outcome, status_is_written: bool) -> Self {
        match outcome {
            _ if !status_is_written => Self::ApiError,
            Outcome::Invalid(_) => Self::Invalid,
            Outcome::Taken { .. } => Self::HostPathConflict,
            Outcome::Observed(observed) if !observed.refused.is_empty() => Self::Refused,
            Outcome::Observed(observed) if !observed.failures.is_empty() => Self::ApiError,
            Outcome::Observed(observed) if !observed.foreign.is_empty() => Self::ForeignObject,
            Outcome::Observed(_) => Self::Success,
        }
    }

    pub(crate) const fn is_error(self) -> bool {
        matches!(self, Self::Refused | Self::ApiError)
    }
}

words! {
    /// What came of asking a server for its status.
    Scraped {
        /// It told.
        Success = "success",
        /// It did not in time.
        Timeout = "timeout",
        /// It could not be reached, or the connection broke.
        Unreachable = "unreachable",
        /// It answered with another status than 200.
        HttpError = "http_error",
        /// It answered something else.
        Invalid = "invalid",
    }
}

/// What a watch is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    /// The services.
    Services,
    /// Children of a kind.
    Children(Kind),
    /// Pods.
    Pods,
    /// The definition of a kind.
    Definition,
}

impl Watched {
    /// The word on the label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Services => "RealtimeService",
            Self::Children(kind) => kind.as_str(),
            Self::Pods => "Pod",
            Self::Definition => "CustomResourceDefinition",
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn every_code_has_its_word() {
        for (code, expected) in [
            (400, "invalid"),
            (401, "forbidden"),
            (403, "forbidden"),
            (404, "not_found"),
            (409, "conflict"),
            (410, "not_found"),
            (413, "invalid"),
            (415, "invalid"),
            (422, "invalid"),
            (429, "throttled"),
            (500, "server_error"),
            (503, "server_error"),
            (504, "server_error"),
        ] {
            let answer: kube::Result<()> = Err(kube::Error::Api(Box::new(Status { code, ..Status::default() })));
            assert_eq!(Answer::of(&answer).as_str(), expected, "{code}");
        }
        assert_eq!(Answer::of::<()>(&Err(kube::Error::Service("broken".into()))).as_str(), "transport");
        assert_eq!(Answer::of(&Ok(())).as_str(), "success");
    }
}
