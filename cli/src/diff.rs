//! `diff`: what applying a file would change in the cluster, and what that does to open connections.
//!
//! asked (what the resource would be) → cluster (what is there) → the operator's own plan and comparison → words.

mod asked;
mod cluster;
mod print;

use anyhow::{Result, anyhow};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Resource, ResourceExt, core::DynamicObject};
use realtime_crds::{RealtimeService, ValidService, manifest};
use realtime_operator::{
    effects::{self, Action, Difference, Effect, LiveFacts, Lookup, There},
    plan::{Kind, Names, Settings},
};
use serde_json::Value;

use crate::{options::Diff, verdict::Verdict};
use asked::Asked;
use cluster::{Cluster, Failure, Found};

/// What there is to say about one service.
struct Report {
    namespace: String,
    name: String,
    facts: LiveFacts,
    /// The resource before and after; null where it is not there. Nothing where it stays as it is.
    resource: Option<(Value, Value)>,
    children: Vec<Difference>,
    effects: Vec<Effect>,
    notes: Vec<String>,
}

impl Report {
    fn differs(&self) -> bool {
        self.resource.is_some() || self.children.iter().any(|difference| difference.action.writes())
    }
}

/// Why nothing was compared.
enum Stop {
    Invalid(anyhow::Error),
    Cluster(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Cluster(failure)
    }
}

pub(crate) async fn run(options: &Diff) -> Result<Verdict> {
    match compare_all(options).await {
        Ok(reports) => {
            print::reports(&reports, options.json)?;
            Ok(if reports.iter().any(Report::differs) { Verdict::Warning } else { Verdict::Good })
        }
        Err(Stop::Cluster(failure)) => {
            print::failure(&failure, options.json);
            Ok(Verdict::Bad)
        }
        Err(Stop::Invalid(error)) => {
            print::invalid(&error, options.json);
            Err(error)
        }
    }
}

async fn compare_all(options: &Diff) -> Result<Vec<Report>, Stop> {
    let asked = asked::read(&options.file).map_err(Stop::Invalid)?;
    let cluster = Cluster::connect(options.namespace.as_deref()).await?;
    let mut reports = Vec::new();
    for asked in asked {
        reports.push(compare(&cluster, &asked, options).await?);
    }
    Ok(reports)
}

async fn compare(cluster: &Cluster, asked: &Asked, options: &Diff) -> Result<Report, Stop> {
    let namespace = asked.namespace().unwrap_or(&cluster.namespace).to_owned();
    let resource = kube::core::ApiResource::erase::<RealtimeService>(&());
    let live = match cluster.get(&resource, &namespace, asked.name()).await? {
        Found::Object(object) => Some(*object),
        Found::Absent => None,
        Found::NoKind => return Err(Failure::NoDefinition.into()),
    };
    let now = live.as_ref().map(typed).transpose()?;
    let new = resulting(asked, live.as_ref(), now.as_ref(), &namespace).map_err(Stop::Invalid)?;
    let resource = match &now {
        None => Some((Value::Null, written(&new))),
        Some(now) => Some((written(now), written(&new))).filter(|(before, after)| before != after),
    };
    let new = ValidService::new(&new).map_err(|problems| Stop::Invalid(anyhow!(realtime_crds::sentence(&problems))))?;
    let config_map = config_map(cluster, &namespace, &new).await?;
    let old = now.as_ref().and_then(|now| effects::running(now, config_map.as_ref()));
    let there = look(cluster, &namespace, effects::lookups(old.as_ref(), &new, &Settings::default())).await?;
    let (settings, notes) = settings(options, old.as_ref(), &new, &there);
    let children = effects::differences(&new, &settings, &there);
    let status = now.as_ref().and_then(|now| now.status.as_ref());
    let facts = LiveFacts {
        connections: status.and_then(|status| status.connections),
        pods: status.map(|status| status.replicas),
        pods_differ: children.iter().any(rolls),
    };
    let effects = effects::effects(old.as_ref(), &new, &facts);
    Ok(Report { namespace, name: asked.name().to_owned(), facts, resource, children, effects, notes })
}

fn typed(object: &DynamicObject) -> Result<RealtimeService, Failure> {
    let service = object.clone().try_parse();
    service.map_err(|error| Failure::Unreadable {
        what: format!("RealtimeService {}", object.name_any()),
        why: error.to_string(),
    })
}

/// The resource as it would be after `kubectl apply`.
fn resulting(
    asked: &Asked,
    live: Option<&DynamicObject>,
    now: Option<&RealtimeService>,
    namespace: &str,
) -> Result<RealtimeService> {
    let document = asked.applied_to(live);
    let mut service = manifest::one(&document).map_err(|problems| {
        anyhow!(
            "{} would be refused together with what the cluster has of it: {}",
            asked.name(),
            realtime_crds::sentence(&problems)
        )
    })?;
    let changes = now.is_none_or(|now| now.spec != service.spec);
    let meta = service.meta_mut();
    meta.namespace = Some(namespace.to_owned());
    meta.uid = now.and_then(ResourceExt::uid);
    meta.generation = Some(now.and_then(|now| now.metadata.generation).unwrap_or(0) + i64::from(changes));
    Ok(service)
}

/// What a person writes of a resource, with the defaults.
fn written(service: &RealtimeService) -> Value {
    let mut document = manifest::bare(service);
    let meta = &mut document["metadata"];
    if let Some(meta) = meta.as_object_mut() {
        meta.remove("generation");
    }
    let annotations = service.annotations().iter().filter(|(name, _)| *name != asked::LAST_APPLIED);
    let annotations: std::collections::BTreeMap<_, _> = annotations.collect();
    if !annotations.is_empty() {
        meta["annotations"] = serde_json::json!(annotations);
    }
    if !service.labels().is_empty() {
        meta["labels"] = serde_json::json!(service.labels());
    }
    document
}

async fn config_map(cluster: &Cluster, namespace: &str, service: &ValidService) -> Result<Option<Value>, Failure> {
    let resource = kube::core::ApiResource::erase::<ConfigMap>(&());
    match cluster.get(&resource, namespace, &Names::of(service).policy()).await? {
        Found::Object(object) => Ok(Some(object.data)),
        Found::Absent | Found::NoKind => Ok(None),
    }
}

async fn look(cluster: &Cluster, namespace: &str, lookups: impl IntoIterator<Item = Lookup>) -> Result<There, Failure> {
    let mut there = There::default();
    for Lookup { kind, name, optional } in lookups {
        match cluster.get(&kind.api_resource(), namespace, &name).await {
            Ok(Found::Object(object)) => there.objects.push((kind, *object)),
            Ok(Found::Absent) => {}
            Ok(Found::NoKind) => {
                there.missing.insert(kind);
            }
            Err(Failure::Forbidden { .. }) if optional => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(there)
}

/// The image of the bundled server is the operator's to choose, so it is taken from what runs.
fn settings(options: &Diff, old: Option<&ValidService>, new: &ValidService, there: &There) -> (Settings, Vec<String>) {
    let known = options.server_image.clone().or_else(|| effects::server_image(old?, there));
    let note = (known.is_none() && new.spec().workload.image.is_none()).then(|| {
        "the image of the bundled server is the operator's to choose, and its default is shown; --server-image names another".to_owned()
    });
    let default = Settings::default();
    let server_image = known.unwrap_or(default.server_image);
    (Settings { server_image }, note.into_iter().collect())
}

/// Whether the pods are replaced.
fn rolls(difference: &Difference) -> bool {
    let Difference { kind, name: _, action, before, after } = difference;
    *kind == Kind::Deployment && *action == Action::Changed && before["spec"]["template"] != after["spec"]["template"]
}
