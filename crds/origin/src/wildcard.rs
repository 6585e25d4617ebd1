//! Where a `*` may stand: alone, as the first label of the host.

use crate::problem::ProblemReason;

/// Takes `*.` off the host. A star outside the host is left for the origin grammar to refuse.
pub(crate) fn strip(text: &str) -> Result<Option<String>, ProblemReason> {
    let start = text.find("://").map_or(0, |colon| colon + 3);
    let (head, rest) = text.split_at(start);
    let end = rest.find(['/', '\\', '?', '#', ':']).unwrap_or(rest.len());
    let host = &rest[..end];
    if !host.contains('*') || rest.contains('@') {
        return Ok(None);
    }
    if host == "*" {
        return Err(ProblemReason::WildcardAny);
    }
    match host.strip_prefix("*.") {
        Some(base) if !base.contains('*') => Ok(Some(format!("{head}{base}{}", &rest[end..]))),
        _ if host.split('.').skip(1).any(|label| label == "*") => Err(ProblemReason::WildcardNotLeftmost),
        _ => Err(ProblemReason::PartialWildcard),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leading_label_is_taken_off() {
        assert_eq!(strip("https://*.example.com:8443"), Ok(Some("https://example.com:8443".to_owned())));
        assert_eq!(strip("https://example.com"), Ok(None));
        assert_eq!(strip("https://example.com/*"), Ok(None));
        assert_eq!(strip("https://example.com:*"), Ok(None));
    }

    #[test]
    fn other_stars_are_refused() {
        for (text, reason) in [
            ("*", ProblemReason::WildcardAny),
            ("https://*", ProblemReason::WildcardAny),
            ("https://*:8443", ProblemReason::WildcardAny),
            ("https://foo.*.example.com", ProblemReason::WildcardNotLeftmost),
            ("https://example.*", ProblemReason::WildcardNotLeftmost),
            ("https://*.*.example.com", ProblemReason::WildcardNotLeftmost),
            ("https://*example.com", ProblemReason::PartialWildcard),
            ("https://pr-*.example.com", ProblemReason::PartialWildcard),
            ("https://*.ex*mple.com", ProblemReason::PartialWildcard),
        ] {
            assert_eq!(strip(text), Err(reason), "{text}");
        }
    }
}
