//! What the schema cannot check of `spec.probe`.

use origin_policy::OriginPattern;

use super::Way;
use crate::{
    Problem,
    v1alpha1::{Probe, ProbeVia},
};

/// That its origin is one. Whether it is allowed is what the probe finds out: to take an origin off the list has to stay possible.
pub(super) fn check(probe: Option<&Probe>, way: Option<&Way>) -> Result<(), Vec<Problem>> {
    let Some(probe) = probe else { return Ok(()) };
    let origin = probe.origin.as_deref().and_then(|origin| match origin.parse::<OriginPattern>() {
        Ok(parsed) if parsed.is_wildcard() => {
            Some(format!("{origin:?} is a wildcard; a page has one origin, e.g. \"https://app.domain-b.com\""))
        }
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    });
    let has_address = way.is_none_or(|way| matches!(way, Way::Gke(_) | Way::Ingress(_)));
    let via = (probe.via == ProbeVia::LoadBalancer && !has_address).then(|| {
        "LoadBalancer takes the address of an Ingress, and this exposure has none; leave it out, or set Name".to_owned()
    });
    let problems: Vec<_> = [("spec.probe.origin", origin), ("spec.probe.via", via)]
        .into_iter()
        .filter_map(|(field, message)| Some(Problem::invalid(field, message?)))
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}
