//! The paths of an Ingress as a URL map has them.

use super::{Class, SyncError};
use crate::model::PathMatch;

pub(crate) fn matches(path: &str, path_type: &str, class: Class) -> Result<Vec<PathMatch>, SyncError> {
    let refused = |kind: &'static str, why: &'static str| SyncError::BadPath { kind, path: path.to_owned(), why };
    match path_type {
        _ if path.contains(['?', '#']) => Err(refused("any", "characters that no path holds")),
        "Exact" if path.is_empty() => Err(refused("exact", "empty path")),
        "Exact" if path.contains('*') => Err(refused("exact", "invalid wildcard")),
        "Exact" => Ok(vec![PathMatch::Exact(path.to_owned())]),
        "Prefix" if path.contains('*') => Err(refused("prefix", "invalid wildcard")),
        "Prefix" => Ok(vec![segments(path)]),
        // To any other controller than GKE's it means what Prefix means.
        _ if !class.is_gke() => Ok(vec![segments(path)]),
        _ if path.is_empty() => Ok(vec![segments("/")]),
        // GKE: a `*` may only stand at the end, behind a slash; `/a/*` does not match `/a`.
        _ => match path.strip_suffix('*') {
            Some(start) if !start.contains('*') && start.ends_with('/') => Ok(vec![PathMatch::Below(start.to_owned())]),
            None if !path.contains('*') => Ok(vec![PathMatch::Exact(path.to_owned())]),
            Some(_) | None => Err(refused("implementation specific", "invalid wildcard")),
        },
    }
}

fn segments(path: &str) -> PathMatch {
    match path.strip_suffix('/').unwrap_or(path) {
        "" => PathMatch::Below("/".to_owned()),
        path => PathMatch::Segments(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gke(path: &str, path_type: &str) -> Result<Vec<PathMatch>, SyncError> {
        matches(path, path_type, Class::Gce)
    }

    #[test]
    fn a_prefix_is_of_whole_segments() {
        assert_eq!(gke("/socket.io", "Prefix"), Ok(vec![PathMatch::Segments("/socket.io".to_owned())]));
        assert_eq!(gke("/socket.io/", "Prefix"), gke("/socket.io", "Prefix"));
        assert_eq!(gke("/", "Prefix"), Ok(vec![PathMatch::Below("/".to_owned())]));
        assert_eq!(gke("", "Prefix"), gke("/", "Prefix"));
    }

    #[test]
    fn a_wildcard_is_for_implementation_specific_paths_only() {
        assert!(gke("/a/*", "Prefix").is_err());
        assert!(gke("/a/*", "Exact").is_err());
        assert_eq!(gke("/a/*", "ImplementationSpecific"), Ok(vec![PathMatch::Below("/a/".to_owned())]));
        assert!(gke("/a*", "ImplementationSpecific").is_err());
        assert!(gke("/*/a", "ImplementationSpecific").is_err());
        assert!(gke("/a?b", "Prefix").is_err());
    }

    #[test]
    fn an_implementation_specific_path_is_exact_with_gke_and_a_prefix_elsewhere() {
        assert_eq!(gke("/a", "ImplementationSpecific"), Ok(vec![PathMatch::Exact("/a".to_owned())]));
        let elsewhere = matches("/a", "ImplementationSpecific", Class::Portable);
        assert_eq!(elsewhere, Ok(vec![PathMatch::Segments("/a".to_owned())]));
    }
}
