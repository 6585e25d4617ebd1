//! What is there when the operator starts, so that it has to use a right.

use anyhow::{Context, Result, ensure};
use kube::{
    ResourceExt,
    api::{DynamicObject, PostParams},
};
use realtime_crds::{ValidService, manifest};
use realtime_operator::plan::{Settings, plan};
use realtime_tests::{Child, Stage, audit::Audit};
use serde_json::{Value, json};

use super::{Grant, crowd};

/// With every child that Google's Ingress needs.
const BY_INGRESS: &str = "exposure: {gke: {managedCertificate: true, redirectToHttps: true}}";
/// With every child that Google's Gateway needs.
const BY_GATEWAY: &str = "exposure: {gkeGateway: {parentRefs: [{name: edge}]}}";
/// With no way in.
const INSIDE: &str = "exposure: {none: {}}";

/// What the operator finds.
#[derive(Clone, Copy, Debug)]
pub enum Scenario {
    /// A service of which nothing is there.
    New(&'static str),
    /// A service one of whose children's names somebody else has taken.
    Taken(Child),
    /// A service with a child of an older plan.
    Left(Child),
    /// Another operator that leads.
    Led,
    /// A service whose connections decide on the number of pods.
    Counted,
    /// Two pods, and what it costs to take them away is not what they report.
    Crowded,
}

fn way(child: Option<Child>) -> &'static str {
    match child.map(|child| child.kind) {
        Some("HTTPRoute" | "GCPBackendPolicy" | "HealthCheckPolicy") => BY_GATEWAY,
        _ => BY_INGRESS,
    }
}

fn service(way: &str) -> String {
    scaled(way, "cpu: 60")
}

/// By this measure.
fn scaled(way: &str, by: &str) -> String {
    format!(
        "apiVersion: realtime-operator.dev/v1alpha1\nkind: RealtimeService\nmetadata: {{name: chat}}\nspec:\n  \
         host: chat.domain-a.com\n  origins: {{allow: [\"https://app.domain-b.com\"]}}\n  {way}\n  workload:\n    \
         resources: {{requests: {{cpu: 250m}}}}\n    autoscaling: {{minReplicas: 2, maxReplicas: 9, {by}}}\n"
    )
}

/// A child of this kind as the plan has it, without what makes it the service's own.
fn body(child: Child, name: &str) -> Result<DynamicObject> {
    let mut services =
        manifest::read(&service(way(Some(child)))).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let service = ValidService::new(&services.remove(0)).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let planned = plan(&service, &Settings::default()).into_children();
    let planned = planned.into_iter().find(|planned| planned.kind.as_str() == child.kind);
    let mut object = planned.with_context(|| format!("{} is not planned", child.kind))?.object;
    object["metadata"] = json!({"name": name});
    serde_json::from_value(object).context("an object")
}

impl Scenario {
    /// Together they need every right.
    pub fn every() -> Vec<Self> {
        let new = [Self::New(BY_INGRESS), Self::New(BY_GATEWAY), Self::Led, Self::Counted, Self::Crowded];
        new.into_iter().chain(Child::all().flat_map(|child| [Self::Taken(child), Self::Left(child)])).collect()
    }

    /// The one that cannot do without this right.
    pub fn that_needs(grant: &Grant) -> Self {
        let child = Child::all().find(|child| child.plural == grant.resource);
        match (child, grant.verb.as_str()) {
            (Some(child), "get") => Self::Taken(child),
            (Some(child), "delete") => Self::Left(child),
            (None, "list" | "watch") if grant.resource == "leases" => Self::Led,
            (None, "patch") if grant.resource == "pods" => Self::Crowded,
            (None, "patch") if grant.resource == "deployments/scale" => Self::Counted,
            // Somebody has to act on a name that is taken.
            (None, _) if grant.resource == "events" => Child::all().next().map_or(Self::Led, Self::Taken),
            (child, _) => Self::New(way(child)),
        }
    }

    /// Puts it there.
    pub async fn prepare(self, stage: &Stage) -> Result<()> {
        match self {
            Self::New(way) => stage.apply(&service(way)).await,
            Self::Taken(child) => {
                let object = body(child, &child.name("chat"))?;
                stage.api(child).create(&PostParams::default(), &object).await?;
                stage.apply(&service(way(Some(child)))).await
            }
            Self::Left(child) => {
                // An old way in stays until a new one carries traffic, unless none is wanted.
                let is_route = matches!(child.kind, "Ingress" | "HTTPRoute");
                stage.apply(&service(if is_route { INSIDE } else { way(Some(child)) })).await?;
                let owner = stage.services().get("chat").await?;
                let mut object = body(child, "left")?;
                object.labels_mut().insert("app.kubernetes.io/managed-by".into(), "realtime-operator".into());
                object.metadata.owner_references = Some(vec![serde_json::from_value(json!({
                    "apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService", "name": "chat",
                    "uid": owner.uid(), "controller": true}))?]);
                stage.api(child).create(&PostParams::default(), &object).await?;
                Ok(())
            }
            Self::Counted => stage.apply(&scaled(INSIDE, "connectionsPerReplica: 1000")).await,
            Self::Crowded => {
                stage.apply(&service(INSIDE)).await?;
                crowd::run_two(stage).await
            }
            Self::Led => {
                let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                    "metadata": {"name": "realtime-operator"}, "spec": {"holderIdentity": "another",
                    "leaseDurationSeconds": 3600, "acquireTime": "2026-01-01T00:00:00.000000Z", "renewTime": NEVER}});
                stage.apply(&lease.to_string()).await
            }
        }
    }

    /// Waits until the operator has done all that it does here.
    pub async fn happened(self, stage: &Stage, audit: &Audit) -> Result<()> {
        let asked = async |verb: &str, resource: &str| {
            let what = format!("{self:?}: {verb} {resource}");
            let found = async || {
                let all = audit.requests()?;
                Ok(all.iter().any(|it| it.verb == verb && it.resource == resource && it.code < 300).then_some(()))
            };
            stage.eventually(&what, found).await
        };
        match self {
            Self::New(_) => {
                asked("patch", "horizontalpodautoscalers").await?;
                asked("patch", "realtimeservices/status").await
            }
            Self::Taken(child) => {
                asked("get", child.plural).await?;
                asked("create", "events").await?;
                let kept = stage.api(child).get(&child.name("chat")).await?;
                let owners: &Value = &serde_json::to_value(&kept.metadata.owner_references)?;
                ensure!(owners.is_null(), "{}: {owners}", child.kind);
                Ok(())
            }
            Self::Left(child) => asked("delete", child.plural).await,
            Self::Counted => asked("patch", "deployments/scale").await,
            Self::Crowded => asked("patch", "pods").await,
            // Its requests are of the lease alone; that it waits is what there is to see.
            Self::Led => {
                let holder = async || {
                    let lease = stage.kubectl(&["get", "lease", "realtime-operator", "-o", "json"]).await?.good()?;
                    let lease: Value = serde_json::from_str(&lease)?;
                    Ok((lease["spec"]["holderIdentity"] == "another").then_some(()))
                };
                stage.eventually("another one leads", holder).await
            }
        }
    }
}

/// Of a lease that does not run out while a test runs.
const NEVER: &str = "2099-01-01T00:00:00.000000Z";
