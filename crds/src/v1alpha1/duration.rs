//! Durations as Go and the Gateway API write them: `1h`, `90s`, `1h30m`, `250ms`.

use std::{borrow::Cow, fmt, str::FromStr, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A duration, e.g. "1h", "90s" or "1h30m". The grammar is the one of Gateway API durations (GEP-2257).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(time::Duration);

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration: write numbers with the units h, m, s or ms, e.g. 1h, 90s or 1h30m")]
pub struct DurationError(String);

/// `(number unit)` one to four times; numbers of at most five digits keep the sum far from overflow.
pub(crate) const PATTERN: &str = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";

impl Duration {
    /// A duration of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(time::Duration::from_secs(seconds))
    }

    /// A duration of whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(time::Duration::from_millis(millis))
    }

    /// The same as the standard library's type.
    #[must_use]
    pub const fn get(self) -> time::Duration {
        self.0
    }

    /// Whole seconds, rounded up, so that a layer never ends before what was asked for.
    #[must_use]
    pub const fn as_secs_ceil(self) -> u64 {
        self.0.as_secs() + if self.0.subsec_nanos() > 0 { 1 } else { 0 }
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || DurationError(text.to_owned());
        let mut rest = text;
        let mut sum = time::Duration::ZERO;
        let mut parts = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
            let (number, after) = rest.split_at(digits);
            let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, next) = after.split_at(unit);
            if number.is_empty() || number.len() > 5 {
                return Err(error());
            }
            let number: u64 = number.parse().map_err(|_| error())?;
            sum += match unit {
                "h" => time::Duration::from_secs(number * 3600),
                "m" => time::Duration::from_secs(number * 60),
                "s" => time::Duration::from_secs(number),
                "ms" => time::Duration::from_millis(number),
                _ => return Err(error()),
            };
            parts += 1;
            rest = next;
        }
        if (1..=4).contains(&parts) { Ok(Self(sum)) } else { Err(error()) }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis == 0 {
            return f.write_str("0s");
        }
        let parts =
            [(millis / 3_600_000, "h"), (millis / 60_000 % 60, "m"), (millis / 1000 % 60, "s"), (millis % 1000, "ms")];
        parts.iter().filter(|(number, _)| *number > 0).try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": PATTERN, "maxLength": 32})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_people_are_read_and_written_back() {
        for text in ["1h", "90s", "1h30m", "250ms", "24h", "10m", "1h1m1s1ms"] {
            let duration: Duration = text.parse().expect(text);
            let again: Duration = duration.to_string().parse().expect(text);
            assert_eq!(duration, again, "{text}");
        }
        assert_eq!(Duration::from_secs(90).to_string(), "1m30s");
        assert_eq!(Duration::from_secs(0).to_string(), "0s");
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "1", "h", "1d", "-1s", "1.5h", " 1h", "100000s", "1h1h1h1h1h", "1hh", "1H"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
