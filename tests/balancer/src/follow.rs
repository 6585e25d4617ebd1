//! The loop: the cluster's state → Envoy's configuration → in force → what the cluster is told.

use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::{self, Either};
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use tokio::sync::watch;

use crate::{
    Error, SyncError,
    authority::Authority,
    cut,
    envoy::Envoy,
    members::{Group, Members},
    model::{BackendId, Certificate, Frontend},
    publish::Publisher,
    report::Report,
    snapshot::Snapshot,
    translate::{Class, translate},
    world::World,
    xds::{self, Front, Input, KeyPair, Named, Part, Parts},
};

/// After a failure to tell the apiserver something.
const RETRY: Duration = Duration::from_secs(1);

/// How far the loop is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// The last change that was looked at.
    pub(crate) up_to: u64,
    /// Why it is not in force.
    pub(crate) failure: Option<Arc<Error>>,
    /// Why Ingresses are not taken over, by namespace and name.
    pub(crate) refused: BTreeMap<String, Vec<SyncError>>,
    pub(crate) has_ended: bool,
}

pub(crate) struct Follower {
    pub(crate) world: Arc<World>,
    pub(crate) front: Front,
    pub(crate) gke: bool,
    pub(crate) class: Option<String>,
    pub(crate) envoy: Envoy,
    pub(crate) publisher: Publisher,
    pub(crate) authority: Authority,
    pub(crate) default_certificate: KeyPair,
    pub(crate) members: Members,
    pub(crate) report: Report,
    /// What each Ingress asked for when it was last without fault, by uid.
    pub(crate) last_good: BTreeMap<String, Frontend>,
}

/// An Ingress of ours, and what came of it.
struct Outcome {
    ingress: Arc<Ingress>,
    result: Result<(), Vec<SyncError>>,
}

impl Follower {
    pub(crate) async fn run(mut self, progress: watch::Sender<Progress>) {
        let mut changes = self.world.changes();
        loop {
            let up_to = *changes.borrow_and_update();
            let (failure, refused, retry) = self.step().await;
            if let Some(error) = &failure {
                tracing::error!(%error, "the cluster's state is not in force");
            }
            progress.send_replace(Progress { up_to, failure: failure.map(Arc::new), refused, has_ended: false });
            let next = [retry, self.members.next()].into_iter().flatten().min();
            let wake =
                next.map_or(Either::Left(future::pending()), |at| Either::Right(tokio::time::sleep_until(at.into())));
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = wake => {}
                error = self.envoy.ended() => {
                    progress.send_modify(|progress| {
                        progress.failure = Some(Arc::new(error));
                        progress.has_ended = true;
                    });
                    return;
                }
            }
        }
    }

    async fn step(&mut self) -> (Option<Error>, BTreeMap<String, Vec<SyncError>>, Option<Instant>) {
        let snapshot = self.world.snapshot();
        let (outcomes, frontends) = self.translate_all(&snapshot);
        let mut wanted: BTreeMap<BackendId, Group> = BTreeMap::new();
        for (id, backend) in frontends.iter().rev().flat_map(|frontend| &frontend.backends) {
            let addresses = snapshot.endpoints(id, &backend.port_name);
            wanted.insert(id.clone(), Group { addresses, drain: backend.drain });
        }
        self.members.update(&wanted, Instant::now());
        let failure = self.put_in_force(&frontends).await.err();
        self.cut_overdue().await;

        let refused = outcomes.iter().filter_map(|Outcome { ingress, result }| {
            let name = format!("{}/{}", ingress.namespace().unwrap_or_default(), ingress.name_any());
            Some((name, result.as_ref().err()?.clone()))
        });
        let refused = refused.collect();
        let retry = (!self.tell(&outcomes, failure.is_none(), &snapshot).await).then(|| Instant::now() + RETRY);
        (failure, refused, retry)
    }

    /// What came of each Ingress, and what is to be served: the last good configuration where one is refused.
    fn translate_all(&mut self, snapshot: &Snapshot) -> (Vec<Outcome>, Vec<Frontend>) {
        let (mut outcomes, mut frontends, mut good) = (Vec::new(), Vec::new(), BTreeMap::new());
        for ingress in &snapshot.ingresses {
            let Some(class) = Class::of(ingress, self.gke, self.class.as_deref()) else { continue };
            let uid = ingress.uid().unwrap_or_default();
            let (frontend, result) = match translate(ingress, class, snapshot) {
                Ok(frontend) => (Some(frontend), Ok(())),
                Err(errors) => (self.last_good.remove(&uid), Err(errors)),
            };
            if let Some(frontend) = frontend {
                frontends.push(frontend.clone());
                good.insert(uid, frontend);
            }
            outcomes.push(Outcome { ingress: ingress.clone(), result });
        }
        self.last_good = good;
        (outcomes, frontends)
    }

    async fn put_in_force(&mut self, frontends: &[Frontend]) -> Result<(), Error> {
        let certificates = self.certificates(frontends);
        let ids = frontends.iter().flat_map(|frontend| frontend.backends.keys());
        let members = ids.map(|id| (id.clone(), self.members.serving(id))).collect();
        let Parts { endpoints, mut clusters, certificates, routes, listeners } = xds::parts(&Input {
            front: self.front,
            frontends,
            members: &members,
            certificates: &certificates,
            default_certificate: &self.default_certificate,
        });
        let all = [&clusters, &listeners].into_iter().chain(&endpoints).chain(&certificates).chain(&routes);
        let kept = all.map(|part| part.key.clone()).collect();

        // Clusters that routes still name stay until the routes are replaced.
        let wanted = clusters.resources.clone();
        let there = self.publisher.resources(&clusters.key);
        let leaving = there.iter().filter(|old| wanted.iter().all(|new| new["name"] != old["name"]));
        clusters.resources.extend(leaving.cloned());
        self.publish(endpoints.iter().chain([&clusters])).await?;
        self.publish(certificates.iter().chain(&routes).chain([&listeners])).await?;
        clusters.resources = wanted;
        self.publish([&clusters].into_iter()).await?;
        self.publisher.keep(&kept);
        Ok(())
    }

    async fn publish<'a>(&mut self, parts: impl Iterator<Item = &'a Part>) -> Result<(), Error> {
        let mut versions = BTreeMap::new();
        let mut keys = Vec::new();
        for part in parts {
            let version = self.publisher.publish(part);
            versions.extend(part.stat.clone().map(|stat| (stat, version)));
            keys.push(&part.key);
        }
        let outcome = self.envoy.in_force(&versions).await;
        if outcome.is_err() {
            keys.into_iter().for_each(|key| self.publisher.refused(key));
        }
        outcome
    }

    fn certificates(&mut self, frontends: &[Frontend]) -> Vec<Named> {
        let mut named: Vec<Named> = Vec::new();
        for certificate in frontends.iter().flat_map(|frontend| &frontend.certificates) {
            let names = certificate.names();
            if names.is_empty() || named.iter().any(|other| other.names == names) {
                continue;
            }
            let pair = match certificate {
                Certificate::Given { names: _, chain, key } => KeyPair { chain: chain.clone(), key: key.clone() },
                Certificate::Issued { names } => match self.authority.issue(names, None) {
                    Ok(pair) => pair,
                    Err(error) => {
                        tracing::warn!(%error, ?names, "no certificate was issued");
                        continue;
                    }
                },
            };
            named.push(Named { names: names.to_vec(), pair });
        }
        named
    }

    async fn cut_overdue(&mut self) {
        for address in self.members.overdue(Instant::now()) {
            let child = self.envoy.pid();
            let cut = tokio::task::spawn_blocking(move || cut::cut(child, address)).await;
            let found = match cut.map_err(io::Error::other).flatten() {
                Ok(found) => {
                    tracing::info!(%address, found, "the draining timeout is over: connections were cut");
                    found > 0
                }
                Err(error) => {
                    tracing::error!(%address, %error, "connections could not be cut");
                    true
                }
            };
            self.members.was_cut(address, found, Instant::now());
        }
    }

    /// Returns whether everything could be said.
    async fn tell(&mut self, outcomes: &[Outcome], is_in_force: bool, snapshot: &Snapshot) -> bool {
        let mut told = true;
        for Outcome { ingress, result } in outcomes {
            let said = match result {
                Ok(()) if is_in_force => self.report.programmed(ingress, self.front.address, snapshot).await,
                Ok(()) => Ok(()),
                Err(errors) => self.report.refused(ingress, errors).await,
            };
            if let Err(error) = said {
                tracing::warn!(%error, ingress = ingress.name_any(), "the apiserver could not be told");
                told = false;
            }
        }
        told
    }
}
