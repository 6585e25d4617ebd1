//! How many pods a Deployment was to have, at every moment of a run.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use realtime_tests::Child;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::SERVICE;
use crate::Ground;

const TELLS: Duration = Duration::from_secs(30);

/// What is promised of the number of pods where somebody or something decides on it.
#[derive(Clone, Copy)]
pub(super) struct Pods {
    /// How many somebody scales the Deployment to before it begins.
    pub(super) by_hand: Option<i64>,
    /// There are never fewer on the way.
    pub(super) floor: i64,
    /// How many there are in the end.
    pub(super) end: i64,
    /// Whether connections decide in the end; without a pod that reports any, the limits alone.
    pub(super) by_connections: bool,
}

/// What a watch has told: the newest version, and every number.
#[derive(Default)]
struct Told {
    version: u64,
    numbers: Vec<i64>,
}

/// A watch on the Deployment, past the proxy; ends when dropped.
pub(super) struct Watched {
    told: Arc<Mutex<Told>>,
    deployments: Api<DynamicObject>,
    _task: JoinSet<()>,
}

impl Pods {
    /// Scales by hand what is to be scaled, and watches from then on.
    pub(super) async fn begin(self, ground: &Ground) -> Result<Watched> {
        let deployments = Child::of("Deployment").api(&ground.client, &ground.namespace);
        if let Some(replicas) = self.by_hand {
            ground.within_limits(SERVICE).await?;
            let kubectl = PatchParams { field_manager: Some("kubectl".to_owned()), ..PatchParams::default() };
            let scale = Patch::Merge(json!({"spec": {"replicas": replicas}}));
            deployments.patch_scale(SERVICE, &kubectl, &scale).await.context("kubectl scale")?;
            ground.settled(SERVICE).await.context("scaled by hand")?;
        }
        let watched = Watched::on(deployments);
        watched.numbers().await?;
        Ok(watched)
    }

    /// Fails where the numbers are not what is promised, or the status does not say who decides on them.
    pub(super) async fn kept(self, watched: &Watched, said: &Value) -> Result<()> {
        let numbers = watched.numbers().await?;
        ensure!(numbers.iter().all(|number| *number >= self.floor), "fewer pods than {}: {numbers:?}", self.floor);
        ensure!(numbers.last() == Some(&self.end), "wanted {} pods in the end: {numbers:?}", self.end);
        // No pod runs here, so none reports.
        let active = if self.by_connections { json!(["Unknown", "ConnectionsUnknown"]) } else { Value::Null };
        ensure!(said["scalingActive"] == active, "ScalingActive is {}", said["scalingActive"]);
        Ok(())
    }
}

impl Watched {
    fn on(deployments: Api<DynamicObject>) -> Self {
        let told = Arc::<Mutex<Told>>::default();
        let (taken, api) = (told.clone(), deployments.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let only = watcher::Config::default().fields(&format!("metadata.name={SERVICE}"));
            let mut events = watcher(api, only).default_backoff().applied_objects().boxed();
            loop {
                // Interrupted: the watch tells anew.
                let Ok(Some(deployment)) = events.try_next().await else { continue };
                let mut told = taken.lock().unwrap_or_else(PoisonError::into_inner);
                told.version = version(&deployment);
                let number = deployment.data["spec"]["replicas"].as_i64().unwrap_or_default();
                if told.numbers.last() != Some(&number) {
                    told.numbers.push(number);
                }
            }
        });
        Self { told, deployments, _task: task }
    }

    /// Every number up to now.
    async fn numbers(&self) -> Result<Vec<i64>> {
        let now = version(&self.deployments.get(SERVICE).await?);
        let end = Instant::now() + TELLS;
        loop {
            {
                let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                if told.version >= now {
                    return Ok(told.numbers.clone());
                }
            }
            ensure!(Instant::now() < end, "the watch on the Deployment tells nothing");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn version(object: &DynamicObject) -> u64 {
    object.resource_version().and_then(|version| version.parse().ok()).unwrap_or_default()
}
