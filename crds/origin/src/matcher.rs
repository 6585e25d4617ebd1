//! Finds the entry that matches, at a cost that the number of entries does not change, without allocating.

use std::collections::HashMap;

use crate::{
    decision::DenyReason,
    fault,
    host::HostKind,
    origin::{self, MAX_ORIGIN_LEN, Origin},
    pattern::OriginPattern,
    public_suffix,
    scheme::Scheme,
};

/// Entries by the bytes that a matching header must contain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matcher {
    /// Whole origins.
    exact: HashMap<Box<[u8]>, usize>,
    /// `base[:port]` of wildcards, for each of the two schemes that have them.
    http: Bases,
    https: Bases,
}

impl Matcher {
    /// Adds an entry; gives the place of an equal one instead, if there is one.
    pub(crate) fn insert(&mut self, pattern: &OriginPattern, place: usize) -> Result<(), usize> {
        let former = match (pattern.is_wildcard(), pattern.scheme()) {
            (true, Scheme::Https) => self.https.insert(pattern, place),
            (true, Scheme::Http) => self.http.insert(pattern, place),
            (true, Scheme::App(_)) | (false, _) => insert(&mut self.exact, pattern.as_str(), place),
        };
        former.map_or(Ok(()), Err)
    }

    /// The place of the entry that allows these bytes.
    pub(crate) fn find(&self, received: &[u8]) -> Result<usize, DenyReason> {
        if received.len() > MAX_ORIGIN_LEN {
            return Err(DenyReason::OriginTooLong);
        }
        // Exact entries are serialised origins, so equal bytes need no parsing.
        if let Some(place) = self.exact.get(received) {
            return Ok(*place);
        }
        let origin = origin::parse(received).map_err(fault::deny_reason)?;
        self.find_wildcard(&origin).ok_or(DenyReason::OriginNotListed)
    }

    /// The place of the most specific wildcard that covers an origin.
    pub(crate) fn find_wildcard(&self, origin: &Origin<'_>) -> Option<usize> {
        match (origin.kind, origin.scheme) {
            (HostKind::Name, "https") => self.https.find(origin),
            (HostKind::Name, "http") => self.http.find(origin),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Bases {
    places: HashMap<Box<[u8]>, usize>,
    /// Labels of the longest base: longer tails of a host need no look.
    deepest: usize,
}

impl Bases {
    fn insert(&mut self, pattern: &OriginPattern, place: usize) -> Option<usize> {
        self.deepest = self.deepest.max(pattern.host().split('.').count());
        insert(&mut self.places, pattern.authority(), place)
    }

    /// Walks the host's tails from the shortest; each one ends where the received bytes end, port included.
    fn find(&self, origin: &Origin<'_>) -> Option<usize> {
        let mut found = None;
        for (dot, _) in origin.host.rmatch_indices('.').take(self.deepest) {
            let start = dot + 1;
            if let Some(place) = self.places.get(&origin.authority.as_bytes()[start..]) {
                found = Some((*place, origin.host.len() - start));
            }
        }
        let (place, base_len) = found?;
        public_suffix::reaches(origin.host, base_len).then_some(place)
    }
}

/// Keeps the first of equal entries and gives its place.
fn insert(places: &mut HashMap<Box<[u8]>, usize>, key: &str, place: usize) -> Option<usize> {
    let first = *places.entry(key.as_bytes().into()).or_insert(place);
    (first != place).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(patterns: &[&str]) -> Matcher {
        let mut matcher = Matcher::default();
        for (place, text) in patterns.iter().enumerate() {
            matcher.insert(&text.parse().expect("a pattern"), place).expect("no duplicate");
        }
        matcher
    }

    #[test]
    fn wildcard_does_not_match_the_apex() {
        let matcher = matcher(&["https://*.example.com"]);
        assert_eq!(matcher.find(b"https://a.example.com"), Ok(0));
        assert_eq!(matcher.find(b"https://a.b.example.com"), Ok(0));
        assert_eq!(matcher.find(b"https://example.com"), Err(DenyReason::OriginNotListed));
        assert_eq!(matcher.find(b"https://badexample.com"), Err(DenyReason::OriginNotListed));
    }

    #[test]
    fn the_most_specific_entry_is_named() {
        let matcher = matcher(&["https://*.example.com", "https://*.b.example.com", "https://a.b.example.com"]);
        assert_eq!(matcher.find(b"https://a.b.example.com"), Ok(2));
        assert_eq!(matcher.find(b"https://c.b.example.com"), Ok(1));
        assert_eq!(matcher.find(b"https://b.example.com"), Ok(0));
    }

    #[test]
    fn scheme_and_port_of_a_wildcard_count() {
        let matcher = matcher(&["https://*.example.com:8443"]);
        assert_eq!(matcher.find(b"https://a.example.com:8443"), Ok(0));
        for other in ["https://a.example.com", "http://a.example.com:8443", "https://a.example.com:844"] {
            assert_eq!(matcher.find(other.as_bytes()), Err(DenyReason::OriginNotListed), "{other}");
        }
    }

    #[test]
    fn a_wildcard_does_not_cross_a_public_suffix() {
        let matcher = matcher(&["https://*.amazonaws.com"]);
        assert_eq!(matcher.find(b"https://console.amazonaws.com"), Ok(0));
        assert_eq!(matcher.find(b"https://evil.s3.amazonaws.com"), Err(DenyReason::OriginNotListed));
    }
}
