//! `spec.exposure.ingress`: any Ingress controller but Google's.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Any other Ingress controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.className) || !(self.className in ['gce', 'gce-internal'])")
    .message("className gce and gce-internal are ignored by GKE in an Ingress's spec: use exposure.gke with its class")
    .field_path(".className"))]
pub struct IngressExposure {
    /// Name of the IngressClass. Well-known ones (nginx, haproxy, traefik, contour, ...) get their own annotations for timeouts and
    /// affinity. Default: the cluster's default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("className is the name of an IngressClass: a-z, 0-9, - and ."))]
    pub class_name: Option<String>,

    /// Annotations for the Ingress, e.g. timeouts of a controller that is not known here. They win over what the operator would set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = Rule::new("self.all(k, k != 'kubernetes.io/ingress.class')")
        .message("annotations must not hold kubernetes.io/ingress.class: set className, or exposure.gke on GKE"))]
    pub annotations: BTreeMap<String, String>,

    /// Name of a kubernetes.io/tls Secret with the certificate of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("tlsSecretName is the name of a Secret: a-z, 0-9, - and ."))]
    pub tls_secret_name: Option<String>,
}
