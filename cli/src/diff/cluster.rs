//! Reading single objects, with words for what goes wrong.

use std::time::Duration;

use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject},
};

use crate::kubeconfig;

const ANSWER: Duration = Duration::from_secs(30);

/// A way to a cluster.
pub(super) struct Cluster {
    client: Client,
    /// Where resources are that name no namespace.
    pub(super) namespace: String,
}

/// What is there under a name.
pub(super) enum Found {
    Object(Box<DynamicObject>),
    Absent,
    NoKind,
}

/// Why the cluster cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("failed to find a cluster: {0}")]
    NoCluster(String),
    #[error("failed to reach the cluster for {what}: {why}")]
    Unreachable { what: String, why: String },
    #[error("not allowed to get {what}: {why}")]
    Forbidden { what: String, why: String },
    #[error("this cluster has no kind RealtimeService: install the definition first (`realtime-operator crd`)")]
    NoDefinition,
    #[error("failed to get {what}: {why}")]
    Refused { what: String, why: String },
    #[error("failed to understand {what}: {why}")]
    Unreadable { what: String, why: String },
}

impl Failure {
    /// The word in JSON.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::NoCluster(_) => "NoCluster",
            Self::Unreachable { .. } => "Unreachable",
            Self::Forbidden { .. } => "Forbidden",
            Self::NoDefinition => "NoDefinition",
            Self::Refused { .. } => "Refused",
            Self::Unreadable { .. } => "Unreadable",
        }
    }
}

impl Cluster {
    /// By KUBECONFIG, or by the account of the pod around.
    pub(super) async fn connect(namespace: Option<&str>) -> Result<Self, Failure> {
        let (client, namespace) = kubeconfig::connect(namespace, ANSWER).await.map_err(Failure::NoCluster)?;
        Ok(Self { client, namespace })
    }

    pub(super) async fn get(&self, resource: &ApiResource, namespace: &str, name: &str) -> Result<Found, Failure> {
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, resource);
        let what = || format!("{} {namespace}/{name}", resource.kind);
        match api.get(name).await {
            Ok(object) => Ok(Found::Object(Box::new(object))),
            Err(kube::Error::Api(status)) => match status.code {
                // Where the apiserver does not know the path its answer is no Status.
                404 if status.reason == "NotFound" => Ok(Found::Absent),
                404 => Ok(Found::NoKind),
                401 | 403 => Err(Failure::Forbidden { what: what(), why: status.message }),
                _ => Err(Failure::Refused { what: what(), why: status.message }),
            },
            Err(kube::Error::SerdeError(error)) => Err(Failure::Unreadable { what: what(), why: error.to_string() }),
            Err(error) => Err(Failure::Unreachable { what: what(), why: format!("{:#}", anyhow::Error::from(error)) }),
        }
    }
}
