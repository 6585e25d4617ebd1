//! Places in the log. They read like the ids of a Redis stream, `milliseconds-number`, so that a log kept there can use its own.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset {
    millis: u64,
    number: u64,
}

/// The text is no offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an offset reads like 1712345678901-0")]
pub struct NoOffset;

impl Offset {
    /// The one that has these numbers.
    #[must_use]
    pub const fn new(millis: u64, number: u64) -> Self {
        Self { millis, number }
    }

    /// Milliseconds since the epoch, and the number among those of the same one.
    #[must_use]
    pub const fn parts(self) -> (u64, u64) {
        (self.millis, self.number)
    }

    /// The first one of a millisecond since the epoch.
    #[must_use]
    pub const fn at(millis: u64) -> Self {
        Self { millis, number: 0 }
    }

    /// The next one at this time; never an earlier one, whatever the clock does.
    #[must_use]
    pub const fn next(self, millis: u64) -> Self {
        if millis > self.millis { Self::at(millis) } else { Self { millis: self.millis, number: self.number + 1 } }
    }

    /// The last one before this.
    #[must_use]
    pub const fn before(self) -> Self {
        match (self.number.checked_sub(1), self.millis.checked_sub(1)) {
            (Some(number), _) => Self { millis: self.millis, number },
            (None, Some(millis)) => Self { millis, number: u64::MAX },
            (None, None) => self,
        }
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.number)
    }
}

impl FromStr for Offset {
    type Err = NoOffset;

    fn from_str(text: &str) -> Result<Self, NoOffset> {
        let number = |digits: &str| {
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { digits.parse().map_err(|_| NoOffset) } else { Err(NoOffset) }
        };
        let (millis, rest) = text.split_once('-').ok_or(NoOffset)?;
        Ok(Self { millis: number(millis)?, number: number(rest)? })
    }
}

impl Serialize for Offset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_grow_whatever_the_clock_does() {
        let first = Offset::default().next(100);
        let second = first.next(100);
        let third = second.next(50);
        assert_eq!([first, second, third].map(|offset| offset.to_string()), ["100-0", "100-1", "100-2"]);
        assert!(first < second && second < third && third < third.next(101));
    }

    #[test]
    fn nothing_fits_between_an_offset_and_the_one_before() {
        for offset in ["100-1", "100-0", "1-0"] {
            let offset: Offset = offset.parse().expect("an offset");
            assert!(offset.before() < offset);
        }
        assert_eq!(Offset::default().before(), Offset::default());
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let offset = Offset::at(1_712_345_678_901).next(0);
        assert_eq!(offset.to_string().parse(), Ok(offset));
        for text in ["", "-", "1", "1-", "-1", "+1-1", "1-+1", "1-1-1", " 1-1", "99999999999999999999-0", "a-b"] {
            assert_eq!(text.parse::<Offset>(), Err(NoOffset), "{text}");
        }
    }
}
