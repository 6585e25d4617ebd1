//! Names, labels and metadata of the children, in one place.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use realtime_crds::{ValidService, manifest::API_VERSION};

/// Field manager, and value of the label `app.kubernetes.io/managed-by`.
pub const MANAGER: &str = "realtime-operator";
/// Label by which the operator finds its children.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label that names the service.
pub const LABEL_INSTANCE: &str = "app.kubernetes.io/instance";
const LABEL_NAME: &str = "app.kubernetes.io/name";
const APP: &str = "realtime-server";

/// Names of the children of one service.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a>(&'a str);

impl<'a> Names<'a> {
    /// The names for a service.
    #[must_use]
    pub fn of(service: &'a ValidService) -> Self {
        Self(service.name())
    }

    /// Deployment, Service, Ingress and BackendConfig: what people look for bears the name that they gave.
    #[must_use]
    pub fn main(self) -> String {
        self.0.to_owned()
    }

    /// ServiceAccount, Role and RoleBinding of the server.
    #[must_use]
    pub fn server(self) -> String {
        format!("{}-server", self.0)
    }

    /// ConfigMap with the policy.
    #[must_use]
    pub fn policy(self) -> String {
        format!("{}-policy", self.0)
    }
}

/// Labels of the pods that never change in the life of a service, since a Deployment's selector cannot.
pub(crate) fn selector_labels(service: &ValidService) -> BTreeMap<String, String> {
    labels_of([(LABEL_NAME, APP), (LABEL_INSTANCE, service.name())])
}

pub(crate) fn labels(service: &ValidService) -> BTreeMap<String, String> {
    let mut labels = selector_labels(service);
    labels.extend(labels_of([(LABEL_MANAGED_BY, MANAGER)]));
    labels
}

pub(crate) fn selector(service: &ValidService) -> LabelSelector {
    LabelSelector { match_labels: Some(selector_labels(service)), ..LabelSelector::default() }
}

/// The selector as `status.selector` and `kubectl get pods -l` take it.
pub(crate) fn selector_text(service: &ValidService) -> String {
    selector_labels(service).iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// Metadata of a child: the operator's labels and the owner, nothing of the owner's own labels and annotations.
// Argo CD and Flux mark what they track by labels and annotations; a child that bore them would be pruned.
pub(crate) fn metadata(service: &ValidService, name: String) -> ObjectMeta {
    let owner = OwnerReference {
        api_version: API_VERSION.to_owned(),
        kind: "RealtimeService".to_owned(),
        name: service.name().to_owned(),
        uid: service.uid().to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    };
    ObjectMeta {
        name: Some(name),
        namespace: Some(service.namespace().to_owned()),
        labels: Some(labels(service)),
        // A file has no uid, and an owner without one is refused.
        owner_references: (!service.uid().is_empty()).then(|| vec![owner]),
        ..ObjectMeta::default()
    }
}

pub(crate) fn labels_of<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
