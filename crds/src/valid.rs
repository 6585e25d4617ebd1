//! A resource that was parsed: past this point no origin is a `String` and no rule is left unchecked.

use origin_policy::OriginPolicy;

use crate::{
    Problem, RealtimeService, RealtimeServiceSpec,
    v1alpha1::{Exposure, GkeExposure, IngressExposure, NoExposure},
};

/// The one way in which a service is reached from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A GKE Ingress.
    Gke(GkeExposure),
    /// An Ingress of another class.
    Ingress(IngressExposure),
    /// Inside the cluster only.
    Inside,
}

/// A RealtimeService whose spec holds together. There is no other way to make one than to pass every check.
#[derive(Clone, Debug)]
pub struct ValidService {
    name: String,
    namespace: String,
    uid: String,
    generation: i64,
    spec: RealtimeServiceSpec,
    origins: OriginPolicy,
    way: Way,
}

impl ValidService {
    /// Checks what the schema cannot: the origin policy, and what crosses fields.
    ///
    /// # Errors
    /// All problems at once.
    pub fn new(service: &RealtimeService) -> Result<Self, Vec<Problem>> {
        let origins = OriginPolicy::new(&service.spec.origins.config())
            .map_err(|problems| problems.iter().map(Problem::of_origins).collect::<Vec<_>>())?;
        let way = way(service.spec.exposure.as_ref()).map_err(|problem| vec![problem])?;
        let meta = &service.metadata;
        Ok(Self {
            name: meta.name.clone().unwrap_or_default(),
            namespace: meta.namespace.clone().unwrap_or_else(|| "default".to_owned()),
            uid: meta.uid.clone().unwrap_or_default(),
            generation: meta.generation.unwrap_or(0),
            spec: service.spec.clone(),
            origins,
            way,
        })
    }

    /// `metadata.name`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `metadata.namespace`; "default" in a file that names none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `metadata.uid`; empty in a file.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// `metadata.generation`; 0 in a file.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.generation
    }

    /// The spec as written, with defaults filled in.
    #[must_use]
    pub fn spec(&self) -> &RealtimeServiceSpec {
        &self.spec
    }

    /// How the service is reached from outside.
    #[must_use]
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// The compiled origin policy.
    #[must_use]
    pub fn origins(&self) -> &OriginPolicy {
        &self.origins
    }
}

fn way(exposure: Option<&Exposure>) -> Result<Way, Problem> {
    let Some(Exposure { gke, ingress, none }) = exposure else { return Ok(Way::Gke(GkeExposure::default())) };
    match (gke, ingress, none) {
        (Some(gke), None, None) => Ok(Way::Gke(gke.clone())),
        (None, Some(ingress), None) => Ok(Way::Ingress(ingress.clone())),
        (None, None, Some(NoExposure {})) => Ok(Way::Inside),
        (_, _, _) => Err(Problem::invalid("spec.exposure", "takes exactly one of gke, ingress and none")),
    }
}
