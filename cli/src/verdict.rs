//! Exit statuses that scripts rely on.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// 0: all is well.
    Good,
    /// 1: legal, and unwise; of `diff`: there are differences.
    Warning,
    /// 2: bad or denied; of `diff`: the cluster cannot be asked.
    Bad,
    /// 3: the input is invalid.
    InvalidInput,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Good => Self::SUCCESS,
            Verdict::Warning => Self::from(1),
            Verdict::Bad => Self::from(2),
            Verdict::InvalidInput => Self::from(3),
        }
    }
}
