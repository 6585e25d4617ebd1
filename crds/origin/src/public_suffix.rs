//! Public suffixes (publicsuffix.org, private section included): names under which strangers register names.

/// The public suffix of a host. Names outside the list fall under its default rule: the last label.
fn suffix_len(host: &str) -> usize {
    psl::suffix(host.as_bytes()).map_or(0, |suffix| suffix.as_bytes().len())
}

/// The name that one registrant holds, such as `example.co.uk`.
pub(crate) fn registrable(host: &str) -> Option<&str> {
    psl::domain_str(host)
}

/// Whether strangers can register names right under this one.
pub(crate) fn is_public(base: &str) -> bool {
    // RFC 6761: nobody registers names under localhost.
    if is_localhost(base) {
        return false;
    }
    // Rules such as `*.ck` make a suffix of every child: seen by asking about one.
    suffix_len(base) >= base.len() || suffix_len(&format!("0probe.{base}")) > base.len()
}

/// Whether a wildcard before the last `base_len` bytes of `host` reaches the host without crossing a public suffix.
///
/// `https://*.amazonaws.com` is nobody's mistake, yet `bucket.s3.amazonaws.com` is anybody's page.
pub(crate) fn reaches(host: &str, base_len: usize) -> bool {
    is_localhost(host) || suffix_len(host) < base_len
}

fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sections_of_the_list_count() {
        for public in ["com", "co.uk", "github.io", "web.app", "s3.amazonaws.com", "xn--55qx5d.cn", "ck", "kawasaki.jp"]
        {
            assert!(is_public(public), "{public}");
        }
        for held in ["example.com", "example.co.uk", "me.github.io", "city.kawasaki.jp", "www.ck", "svc.cluster.local"]
        {
            assert!(!is_public(held), "{held}");
        }
    }

    #[test]
    fn unlisted_top_level_names_are_public_but_localhost_is_not() {
        assert!(is_public("internal"));
        assert!(is_public("nosuchtld"));
        assert!(!is_public("localhost"));
    }

    #[test]
    fn a_wildcard_stops_at_a_public_suffix() {
        assert!(reaches("a.b.example.com", "example.com".len()));
        assert!(reaches("console.amazonaws.com", "amazonaws.com".len()));
        assert!(!reaches("evil.s3.amazonaws.com", "amazonaws.com".len()));
        assert!(reaches("app.localhost", "localhost".len()));
    }
}
