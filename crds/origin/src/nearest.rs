//! Which entry resembles a denied origin most, found through indexes rather than by comparing with all entries.

use std::collections::HashMap;

use crate::{
    explain::Hint,
    host::HostKind,
    origin::Origin,
    pattern::OriginPattern,
    public_suffix,
    text::{common_prefix, common_suffix, within_edits},
};

/// Entries that one index key leads to at most, and entries that are compared by spelling.
const BOUND: usize = 32;

/// Entries by host, by wildcard base and by registrable name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Neighbours {
    hosts: HashMap<Box<str>, Vec<usize>>,
    bases: HashMap<Box<str>, Vec<usize>>,
    families: HashMap<Box<str>, Vec<usize>>,
}

impl Neighbours {
    pub(crate) fn insert(&mut self, pattern: &OriginPattern, place: usize) {
        let host = pattern.host();
        let index = if pattern.is_wildcard() { &mut self.bases } else { &mut self.hosts };
        push(index, host, place);
        if let (HostKind::Name, Some(family)) = (pattern.kind(), public_suffix::registrable(host)) {
            push(&mut self.families, family, place);
        }
    }

    /// The nearest entry and how the origin differs from it. There is none only where there are no entries.
    pub(crate) fn find<'p>(
        &self,
        patterns: &'p [OriginPattern],
        origin: &Origin<'_>,
    ) -> Option<(Hint, &'p OriginPattern)> {
        let search = Search { neighbours: self, patterns, origin };
        search
            .same_host()
            .or_else(|| search.wildcards())
            .or_else(|| search.parents())
            .or_else(|| search.family())
            .or_else(|| search.look_alikes())
            .or_else(|| search.misspelt())
            .or_else(|| search.any())
    }
}

fn push(index: &mut HashMap<Box<str>, Vec<usize>>, key: &str, place: usize) {
    let places = index.entry(key.into()).or_default();
    if places.len() < BOUND {
        places.push(place);
    }
}

struct Search<'s, 'p> {
    neighbours: &'s Neighbours,
    patterns: &'p [OriginPattern],
    origin: &'s Origin<'s>,
}

type Found<'p> = Option<(Hint, &'p OriginPattern)>;

impl<'p> Search<'_, 'p> {
    /// `http` for `https`, or another port.
    fn same_host(&self) -> Found<'p> {
        let best = self.best(self.neighbours.hosts.get(self.origin.host)?)?;
        Some((self.difference(best), best))
    }

    /// A wildcard right above, or further up with another scheme or port.
    fn wildcards(&self) -> Found<'p> {
        if let Some(best) = self.neighbours.bases.get(self.origin.host).and_then(|places| self.best(places)) {
            return Some((Hint::ApexNotMatchedByWildcard, best));
        }
        let places = self.tails().find_map(|tail| self.neighbours.bases.get(tail))?;
        let best = self.best(places)?;
        let same = best.scheme().as_str() == self.origin.scheme && best.port() == self.origin.port;
        Some((if same { Hint::PublicSuffixNotCrossed } else { self.difference(best) }, best))
    }

    /// An exact entry for a name above.
    fn parents(&self) -> Found<'p> {
        let places = self.tails().find_map(|tail| self.neighbours.hosts.get(tail))?;
        Some((Hint::SubdomainNotListed, self.best(places)?))
    }

    /// Another name of the same registrant.
    fn family(&self) -> Found<'p> {
        if self.origin.kind != HostKind::Name {
            return None;
        }
        let family = public_suffix::registrable(self.origin.host)?;
        let best = self.best(self.neighbours.families.get(family)?)?;
        let above = best.host().strip_suffix(self.origin.host).is_some_and(|head| head.ends_with('.'));
        Some((if above { Hint::ParentNotListed } else { Hint::SubdomainNotListed }, best))
    }

    /// `app.example.com.evil.net` and `evilexample.com`: what prefix and suffix comparisons let through.
    fn look_alikes(&self) -> Found<'p> {
        if self.origin.kind != HostKind::Name {
            return None;
        }
        let host = self.origin.host;
        let known = |name: &str| self.neighbours.hosts.get(name).or_else(|| self.neighbours.bases.get(name));
        let heads = host.match_indices('.').map(|(dot, _)| &host[..dot]).filter(|head| head.contains('.'));
        let ends = (1..host.len()).map(|start| &host[start..]).filter(|end| end.contains('.'));
        let places = heads.chain(ends).find_map(known)?;
        Some((Hint::LookAlike, self.best(places)?))
    }

    fn misspelt(&self) -> Found<'p> {
        let host = self.origin.host.as_bytes();
        let near = |pattern: &&OriginPattern| {
            let other = pattern.host().as_bytes();
            host.len() > 6 && other.len() > 6 && within_edits(host, other, 2)
        };
        self.patterns.iter().take(BOUND).find(near).map(|pattern| (Hint::Misspelt, pattern))
    }

    fn any(&self) -> Found<'p> {
        let first = &self.patterns[..self.patterns.len().min(BOUND)];
        // The last maximum wins, so the list is read backwards.
        first.iter().rev().max_by_key(|pattern| self.likeness(pattern)).map(|pattern| (Hint::None, pattern))
    }

    /// The host without its first label, without its first two, and so on.
    fn tails(&self) -> impl Iterator<Item = &str> {
        let host = self.origin.host;
        let names = self.origin.kind == HostKind::Name;
        host.match_indices('.').filter(move |_| names).map(|(dot, _)| &host[dot + 1..])
    }

    fn best(&self, places: &[usize]) -> Option<&'p OriginPattern> {
        let entries = places.iter().rev().filter_map(|place| self.patterns.get(*place));
        entries.max_by_key(|pattern| self.likeness(pattern))
    }

    fn likeness(&self, pattern: &OriginPattern) -> (bool, usize, bool, bool, usize) {
        let port = pattern.port() == self.origin.port;
        let scheme = pattern.scheme().as_str() == self.origin.scheme;
        let (ours, theirs) = (self.origin.host, pattern.host());
        (port, common_suffix(theirs, ours), scheme, !pattern.is_wildcard(), common_prefix(theirs, ours))
    }

    fn difference(&self, pattern: &OriginPattern) -> Hint {
        if pattern.scheme().as_str() == self.origin.scheme { Hint::PortDiffers } else { Hint::WrongScheme }
    }
}
