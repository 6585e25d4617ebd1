//! Text helpers: showing foreign bytes, and comparing spellings.

/// Longest stretch of a foreign value that a message repeats.
const SHOWN: usize = 120;

/// Foreign bytes made safe to show: cut, with quotes, control and invisible characters escaped.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(4 * SHOWN)];
    let text = String::from_utf8_lossy(head);
    let mut safe = String::new();
    for character in text.chars().take(SHOWN) {
        safe.extend(character.escape_debug());
    }
    if bytes.len() > head.len() || text.chars().nth(SHOWN).is_some() {
        safe.push('…');
    }
    safe
}

/// Whether `limit` single-byte edits (at most 2) turn one text into the other.
pub(crate) fn within_edits(a: &[u8], b: &[u8], limit: usize) -> bool {
    match (a, b) {
        ([first_a, rest_a @ ..], [first_b, rest_b @ ..]) if first_a == first_b => within_edits(rest_a, rest_b, limit),
        (rest, []) | ([], rest) => rest.len() <= limit,
        ([_, rest_a @ ..], [_, rest_b @ ..]) => {
            limit > 0
                && a.len().abs_diff(b.len()) <= limit
                && (within_edits(rest_a, rest_b, limit - 1)
                    || within_edits(rest_a, b, limit - 1)
                    || within_edits(a, rest_b, limit - 1))
        }
    }
}

/// How many bytes two texts share at their ends.
pub(crate) fn common_suffix(a: &str, b: &str) -> usize {
    a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count()
}

/// How many bytes two texts share at their beginnings.
pub(crate) fn common_prefix(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_bytes_are_escaped_and_cut() {
        assert_eq!(shown(b"a\"b\x00\x1b"), "a\\\"b\\0\\u{1b}");
        assert_eq!(shown(&[b'x'; 1000]).chars().count(), SHOWN + 1);
        assert!(shown(b"\xff\xfe").contains('\u{fffd}'));
    }

    #[test]
    fn edits_are_counted_up_to_the_limit() {
        assert!(within_edits(b"example.com", b"example.com", 0));
        assert!(within_edits(b"exmaple.com", b"example.com", 2));
        assert!(within_edits(b"examle.com", b"example.com", 1));
        assert!(!within_edits(b"exampel.org", b"example.com", 2));
        assert!(!within_edits(b"a", b"abcd", 2));
    }
}
