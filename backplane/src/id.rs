//! Places in the stream.

use std::{fmt, str::FromStr};

/// A place in the stream: milliseconds since the epoch, and a number among those of the same one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Milliseconds since the epoch.
    pub millis: u64,
    /// Number among those of the same millisecond.
    pub number: u64,
}

/// The text is no id of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id of a stream reads like 1712345678901-0")]
pub struct NoId;

impl Id {
    /// The next possible one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.number.checked_add(1) {
            Some(number) => Self { millis: self.millis, number },
            None => Self { millis: self.millis + 1, number: 0 },
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.number)
    }
}

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let (millis, number) = text.split_once('-').ok_or(NoId)?;
        let parse = |digits: &str| {
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| is_number).ok_or(NoId)
        };
        Ok(Self { millis: parse(millis)?, number: parse(number)? })
    }
}
