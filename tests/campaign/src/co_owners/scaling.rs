//! Others who decide on the number of pods too, where `connectionsPerReplica` is set: people with `kubectl scale`, and
//! autoscalers of their own on the same Deployment.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
};
use realtime_crds::RealtimeServiceStatus;
use realtime_tests::Child;
use serde_json::{Value, json};

use super::servers::Servers;
use crate::{
    Ground,
    proxy::{Entry, concerns},
    specs::by_connections,
    summary::Tally,
};

/// No pod reports, and people scale it.
const SILENT: &str = "silent";
/// Two servers report five connections. The servers ask for their policy by this name.
const COUNTED: &str = "chat";
/// Somebody's autoscaler keeps within the limits.
const SHARED: &str = "shared";
/// Somebody takes back what the operator sets.
const CONTESTED: &str = "contested";

/// Limits count at once, and come back as fast as other fields.
const AT_ONCE: Duration = Duration::from_secs(10);
/// Between two decisions by load, and between two looks of Kubernetes' own autoscaler, pass 15 s.
const DECIDED: Duration = Duration::from_secs(60);

/// The services whose number of pods several decide on.
pub(super) struct Scaling<'a> {
    ground: &'a Ground,
    deployments: Api<DynamicObject>,
    servers: Servers,
}

impl<'a> Scaling<'a> {
    /// Brings them, their servers and the autoscalers of others.
    pub(super) async fn begin(ground: &'a Ground) -> Result<Self> {
        for name in [SILENT, SHARED, CONTESTED] {
            ground.apply(name, &by_connections(name, 2)).await?;
        }
        let mut counted = by_connections(COUNTED, 2);
        // The servers have the account that comes with it.
        counted["policySource"] = json!("Watch");
        ground.apply(COUNTED, &counted).await?;
        let here = Self {
            ground,
            deployments: Child::of("Deployment").api(&ground.client, &ground.namespace),
            servers: Servers::start(ground).await?,
        };
        here.autoscaler(SHARED, 3, 5).await?;
        Ok(here)
    }

    /// What others do, and what becomes of it: of each service one after the other, of all at the same time.
    pub(super) async fn cases(&mut self, with_autoscaler: bool) -> Vec<(&'static str, Result<()>)> {
        let connected = ("clients connect to the servers", self.connected().await);
        let here = &*self;
        let of_silent = async {
            vec![
                ("kubectl scale beyond the limits is put back", here.scaled_beyond().await),
                ("kubectl scale to 0 switches autoscaling off, and to 1 on", here.switched_off().await),
                ("kubectl scale of an autoscaled service changes no pod", here.service_scaled().await),
                ("kubectl scale within the limits stays where no pod reports", here.scale(SILENT, 5).await),
            ]
        };
        let of_counted = async {
            vec![
                ("open connections decide on the number of pods", here.load_decides().await),
                ("kubectl scale below what the load needs is put right", here.scaled_under_load().await),
            ]
        };
        let of_contested = async {
            let mut cases =
                vec![("who takes it back again and again is answered later, and it is said", here.taken_back().await)];
            if with_autoscaler {
                cases.push(("an autoscaler of somebody's beyond the limits contests them", here.overruled().await));
            }
            cases
        };
        let of_shared = async {
            vec![("an autoscaler of somebody's within the limits decides", here.comes_to(SHARED, 3, DECIDED).await)]
        };
        let (silent, counted, contested, shared) = tokio::join!(of_silent, of_counted, of_contested, of_shared);
        [connected].into_iter().chain(silent).chain(counted).chain(contested).chain(shared).collect()
    }

    /// The services that have to come to rest.
    pub(super) const fn at_rest() -> [&'static str; 3] {
        [SILENT, COUNTED, SHARED]
    }

    /// Whether a write is one that is bounded rather than none: pods that few connections need go, and the contested limits stand.
    pub(super) fn is_bounded(entry: &Entry) -> bool {
        [COUNTED, CONTESTED].iter().any(|name| concerns(name, &entry.asked.name))
    }

    /// What holds after a rest that began at this place of the record.
    pub(super) async fn after(&self, tally: &mut Tally, from: usize, watched: Duration) {
        let least = |what: &str, found: usize, most: usize| {
            if found <= most { Ok(()) } else { Err(anyhow::anyhow!("{found} {what}, wanted at most {most}")) }
        };
        tally.case("a number of pods within the limits stands", self.comes_to(SILENT, 5, AT_ONCE).await);
        tally.case("an autoscaler of somebody's goes on within the limits", self.comes_to(SHARED, 3, AT_ONCE).await);
        tally.case("of the pods that nobody needs one goes at a time", self.one_at_a_time());
        let (fewest, most) = tally.choose((3, 6), (3, 3));
        let left = self.replicas(COUNTED).await.and_then(|left| {
            ensure!((fewest..=most).contains(&left), "{left} pods for five connections");
            Ok(())
        });
        tally.case("and those that the load needs stay", left);
        let answered = self.scalings(CONTESTED, from).len();
        tally.case("contested limits are enforced less and less often", least("changes", answered, 7));
        let events = self.ground.proxy.record().since(0, |it| {
            it.asked.plural == "events" && concerns(CONTESTED, &it.asked.name) && it.body["reason"] == "ScaledIn"
        });
        tally.case("and no Event repeats it", least("Events", events.len(), 2));
        for name in [SILENT, COUNTED, SHARED, CONTESTED] {
            tally.case(&format!("the status of {name} says how many pods there are"), self.tells(name).await);
        }
        tally.fact(format!("a contested limit was enforced {answered} times in {} s", watched.as_secs()));
    }

    /// The changes that the operator made.
    fn scalings(&self, name: &str, from: usize) -> Vec<Entry> {
        let of = |it: &Entry| it.asked.plural == "deployments/scale" && it.asked.name == name && it.code == 200;
        self.ground.proxy.record().since(from, of)
    }

    /// A pod has 10 s to leave the endpoints and 60 s to drain.
    fn one_at_a_time(&self) -> Result<()> {
        let number = |it: &Entry| it.body["spec"]["replicas"].as_i64();
        let changes = self.scalings(COUNTED, 0);
        let fewer = changes.windows(2).rev().take_while(|pair| number(&pair[0]) > number(&pair[1]));
        let pauses: Vec<_> = fewer.map(|pair| (pair[1].at - pair[0].at).as_secs()).collect();
        ensure!(pauses.iter().all(|pause| *pause >= 69), "pauses of {pauses:?} s");
        Ok(())
    }

    async fn connected(&mut self) -> Result<()> {
        self.comes_to(COUNTED, 2, AT_ONCE).await?;
        self.servers.connect(5).await
    }

    async fn load_decides(&self) -> Result<()> {
        self.comes_to(COUNTED, 3, DECIDED).await?;
        self.says(COUNTED, "ScalingActive", "True", "ScalingByConnections", AT_ONCE).await
    }

    async fn scaled_under_load(&self) -> Result<()> {
        self.scale_to(COUNTED, 2).await?;
        self.comes_to(COUNTED, 3, DECIDED).await?;
        // The load asks for three: what is too much goes, one at a time.
        self.scale_to(COUNTED, 6).await
    }

    async fn scaled_beyond(&self) -> Result<()> {
        for (to, then) in [(9, 6), (1, 2)] {
            self.scale_to(SILENT, to).await?;
            self.comes_to(SILENT, then, AT_ONCE).await?;
        }
        self.says(SILENT, "ScalingActive", "Unknown", "ConnectionsUnknown", AT_ONCE).await
    }

    async fn switched_off(&self) -> Result<()> {
        self.scale(SILENT, 0).await?;
        self.says(SILENT, "ScalingActive", "False", "ScaledToZero", AT_ONCE).await?;
        self.says(SILENT, "Available", "False", "ScaledToZero", AT_ONCE).await?;
        self.scale_to(SILENT, 1).await?;
        self.comes_to(SILENT, 2, AT_ONCE).await?;
        self.says(SILENT, "ScalingActive", "Unknown", "ConnectionsUnknown", AT_ONCE).await
    }

    async fn service_scaled(&self) -> Result<()> {
        let before = self.replicas(SILENT).await?;
        for replicas in [4, 50] {
            let scale = Patch::Merge(json!({"spec": {"replicas": replicas}}));
            self.ground.services().patch_scale(SILENT, &PatchParams::default(), &scale).await?;
            self.ground.settled(SILENT).await?;
            ensure!(self.replicas(SILENT).await? == before, "{} pods for replicas {replicas}", before);
        }
        Ok(())
    }

    async fn taken_back(&self) -> Result<()> {
        for _ in 0..2 {
            self.scale_to(CONTESTED, 9).await?;
            self.comes_to(CONTESTED, 6, DECIDED).await?;
        }
        self.scale_to(CONTESTED, 9).await?;
        self.says(CONTESTED, "ScalingActive", "False", "Contested", AT_ONCE).await?;
        // It is answered 30 s after the last time.
        ensure!(self.replicas(CONTESTED).await? == 9, "it was put back at once");
        self.scale(CONTESTED, 4).await
    }

    async fn overruled(&self) -> Result<()> {
        self.autoscaler(CONTESTED, 8, 10).await?;
        self.comes_to(CONTESTED, 8, DECIDED).await?;
        self.says(CONTESTED, "ScalingActive", "False", "Contested", 4 * DECIDED).await
    }

    /// Somebody scales the Deployment, and that stands.
    async fn scale(&self, name: &str, replicas: i64) -> Result<()> {
        self.scale_to(name, replicas).await?;
        self.ground.settled(name).await?;
        let there = self.replicas(name).await?;
        ensure!(there == replicas, "{there} pods of {name}, scaled to {replicas}");
        Ok(())
    }

    async fn scale_to(&self, name: &str, replicas: i64) -> Result<()> {
        let kubectl = PatchParams { field_manager: Some("kubectl".to_owned()), ..PatchParams::default() };
        let scale = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        self.deployments.patch_scale(name, &kubectl, &scale).await.context("kubectl scale")?;
        Ok(())
    }

    async fn replicas(&self, name: &str) -> Result<i64> {
        Ok(self.deployments.get(name).await?.data["spec"]["replicas"].as_i64().unwrap_or_default())
    }

    async fn comes_to(&self, name: &str, replicas: i64, limit: Duration) -> Result<()> {
        let what = format!("{name} is to have {replicas} pods");
        until(limit, &what, async || {
            let there = match self.deployments.get_opt(name).await? {
                Some(deployment) => deployment.data["spec"]["replicas"].clone(),
                None => Value::Null,
            };
            Ok(if there == replicas { None } else { Some(format!("{there} pods")) })
        })
        .await
    }

    async fn says(&self, name: &str, condition: &str, status: &str, reason: &str, limit: Duration) -> Result<()> {
        until(limit, &format!("{condition} of {name} is to be {status} {reason}"), async || {
            let there = self.status(name).await?;
            let found = there.conditions.iter().find(|it| it.type_ == condition);
            let is = found.is_some_and(|it| it.status == status && it.reason == reason);
            Ok(if is { None } else { Some(format!("{found:?}")) })
        })
        .await
    }

    /// The number of pods in the status is that of the Deployment.
    async fn tells(&self, name: &str) -> Result<()> {
        until(AT_ONCE, "the status is to say how many pods there are", async || {
            let (there, said) = (self.replicas(name).await?, self.status(name).await?.pods.unwrap_or_default());
            Ok(if said.ends_with(&format!("/{there}")) { None } else { Some(format!("{said} of {there}")) })
        })
        .await
    }

    async fn status(&self, name: &str) -> Result<RealtimeServiceStatus> {
        Ok(self.ground.services().get(name).await?.status.unwrap_or_default())
    }

    /// Somebody's own autoscaler on the Deployment. There are no metrics here: its limits alone count.
    async fn autoscaler(&self, name: &str, least: i32, most: i32) -> Result<()> {
        let autoscaler = json!({"metadata": {"name": format!("of-{name}")}, "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": least, "maxReplicas": most,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}});
        let all: Api<HorizontalPodAutoscaler> = Api::namespaced(self.ground.client.clone(), &self.ground.namespace);
        all.create(&PostParams::default(), &serde_json::from_value(autoscaler)?).await?;
        Ok(())
    }
}

/// Waits until there is no difference any more.
async fn until(limit: Duration, what: &str, differs: impl AsyncFn() -> Result<Option<String>>) -> Result<()> {
    let end = Instant::now() + limit;
    loop {
        let Some(yet) = differs().await? else { return Ok(()) };
        ensure!(Instant::now() < end, "{what}, and after {limit:?} it is {yet}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
