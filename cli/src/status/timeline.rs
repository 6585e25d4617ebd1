//! PURE: the budget of time as a picture.

use std::time::Duration;

use realtime_crds::v1alpha1::{Duration as Written, Effective};

/// Columns of a line.
const WIDTH: usize = 56;
/// Shortest part, so that its name fits.
const LEAST: usize = 6;

/// A part of a line: how long it takes, how it is drawn.
struct Part {
    lasts: Duration,
    drawn: char,
}

/// The life of a connection and the end of a pod, each as a line with its moments below.
pub(super) fn of(effective: &Effective) -> String {
    let (from, until) = (effective.move_from.get(), effective.move_until.get());
    let cut = seconds(effective.load_balancer_timeout_sec);
    let connection =
        line(&[part(from, '─'), part(until.saturating_sub(from), '▒'), part(cut.saturating_sub(until), '·')], "╳");
    let (detach, drain) = (effective.detach.get(), effective.drain.get());
    let grace = seconds(effective.termination_grace_period_seconds);
    let pod = line(&[part(detach, '─'), part(drain, '▒'), part(grace.saturating_sub(detach + drain), '·')], "╳");
    format!(
        "connection  {connection}\n            opened ─ is moved ▒ between {} and {} ╳ cut by the load balancer at {}\n\
         pod         {pod}\n            SIGTERM ─ serves on for {} ▒ moves its connections over {} ╳ killed at {}\n\
         pings       every {}, answered within {}; the load balancer drains for {}",
        written(from),
        written(until),
        written(cut),
        written(detach),
        written(drain),
        written(grace),
        effective.ping_interval,
        effective.ping_timeout,
        written(seconds(effective.draining_timeout_sec)),
    )
}

fn seconds(number: i64) -> Duration {
    Duration::from_secs(u64::try_from(number).unwrap_or(0))
}

const fn part(lasts: Duration, drawn: char) -> Part {
    Part { lasts, drawn }
}

/// Parts in proportion; none is so short that it cannot be seen.
fn line(parts: &[Part], end: &str) -> String {
    let whole: f64 = parts.iter().map(|part| part.lasts.as_secs_f64()).sum();
    let there: Vec<_> = parts.iter().filter(|part| !part.lasts.is_zero()).collect();
    let free = WIDTH.saturating_sub(LEAST * there.len()) as f64;
    let drawn = there.iter().map(|part| {
        let columns = LEAST + (free * part.lasts.as_secs_f64() / whole) as usize;
        part.drawn.to_string().repeat(columns)
    });
    drawn.collect::<Vec<_>>().join("┤") + end
}

/// As a manifest has it.
fn written(time: Duration) -> Written {
    Written::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_seen_and_the_line_has_its_width() {
        let long = line(&[part(Duration::from_secs(86_400), 'a'), part(Duration::from_secs(1), 'b')], "|");
        assert_eq!(long.chars().filter(|c| *c == 'b').count(), LEAST);
        assert!(long.chars().count() <= WIDTH + 2 && long.ends_with("b|"), "{long}");
    }

    #[test]
    fn what_takes_no_time_is_not_there() {
        assert!(!line(&[part(Duration::from_secs(1), 'a'), part(Duration::ZERO, 'b')], "").contains('b'));
    }
}
