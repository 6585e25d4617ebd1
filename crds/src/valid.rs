//! A resource that was parsed: past this point no origin is a `String` and no rule is left unchecked.

mod labels;
mod probe;
pub mod template;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use origin_policy::OriginPolicy;

use crate::{
    Problem, RealtimeService, RealtimeServiceSpec,
    v1alpha1::{Exposure, GatewayExposure, GkeExposure, GkeGatewayExposure, IngressExposure, NoExposure},
};

/// The one way in which a service is reached from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// A GKE Ingress.
    Gke(GkeExposure),
    /// An HTTPRoute at Gateways of Google's classes.
    GkeGateway(GkeGatewayExposure),
    /// An HTTPRoute at Gateways of any other class.
    Gateway(GatewayExposure),
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
    pod_template: Option<PodTemplateSpec>,
}

impl ValidService {
    /// Checks what the schema cannot: the origin policy, and what crosses fields.
    ///
    /// # Errors
    /// All problems at once.
    pub fn new(service: &RealtimeService) -> Result<Self, Vec<Problem>> {
        let origins = OriginPolicy::new(&service.spec.origins.config())
            .map_err(|problems| problems.iter().map(Problem::of_origins).collect::<Vec<_>>());
        let way = way(service.spec.exposure.as_ref()).map_err(|problem| vec![problem]);
        let pod_template = template::read(&service.spec.workload);
        let probe = probe::check(service.spec.probe.as_ref(), way.as_ref().ok());
        let labels = labels::check(&service.spec.workload);
        let (origins, way, pod_template) = match (origins, way, pod_template, probe, labels) {
            (Ok(origins), Ok(way), Ok(pod_template), Ok(()), Ok(())) => (origins, way, pod_template),
            (origins, way, pod_template, probe, labels) => {
                let problems = [origins.err(), way.err(), pod_template.err(), probe.err(), labels.err()];
                return Err(problems.into_iter().flatten().flatten().collect());
            }
        };
        let meta = &service.metadata;
        Ok(Self {
            name: meta.name.clone().unwrap_or_default(),
            namespace: meta.namespace.clone().unwrap_or_else(|| "default".to_owned()),
            uid: meta.uid.clone().unwrap_or_default(),
            generation: meta.generation.unwrap_or(0),
            spec: service.spec.clone(),
            origins,
            way,
            pod_template,
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

    /// What is merged into the pod template last.
    #[must_use]
    pub fn pod_template(&self) -> Option<&PodTemplateSpec> {
        self.pod_template.as_ref()
    }

    /// The compiled origin policy.
    #[must_use]
    pub fn origins(&self) -> &OriginPolicy {
        &self.origins
    }
}

fn way(exposure: Option<&Exposure>) -> Result<Way, Problem> {
    let Some(Exposure { gke, gke_gateway, gateway, ingress, none }) = exposure else {
        return Ok(Way::Gke(GkeExposure::default()));
    };
    let ways = [
        gke.clone().map(Way::Gke),
        gke_gateway.clone().map(Way::GkeGateway),
        gateway.clone().map(Way::Gateway),
        ingress.clone().map(Way::Ingress),
        none.as_ref().map(|NoExposure {}| Way::Inside),
    ];
    let mut ways = ways.into_iter().flatten();
    match (ways.next(), ways.next()) {
        (Some(way), None) => Ok(way),
        (_, _) => {
            Err(Problem::invalid("spec.exposure", "takes exactly one of gke, gkeGateway, gateway, ingress and none"))
        }
    }
}
