//! The loop: the cluster's state → Envoy's files → in force → what the cluster is told.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
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
    files::Written,
    members::{Group, Members},
    model::{BackendId, Certificate, Frontend},
    report::Report,
    snapshot::Snapshot,
    translate::{Class, translate},
    world::World,
    xds::{self, Files, Front, Input, KeyPair, Named},
};

/// A request that a worker of Envoy's accepted while the endpoint was on its way out is cut in a second round.
const AGAIN: Duration = Duration::from_secs(1);
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
    pub(crate) folder: PathBuf,
    pub(crate) envoy: Envoy,
    pub(crate) written: Written,
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
        let mut outcomes = Vec::new();
        let mut frontends = Vec::new();
        let mut good = BTreeMap::new();
        for ingress in &snapshot.ingresses {
            let Some(class) = Class::of(ingress, self.gke, self.class.as_deref()) else { continue };
            let uid = ingress.uid().unwrap_or_default();
            let (frontend, result) = match translate(ingress, class, &snapshot) {
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

    async fn put_in_force(&mut self, frontends: &[Frontend]) -> Result<(), Error> {
        let certificates = self.certificates(frontends)?;
        let ids = frontends.iter().flat_map(|frontend| frontend.backends.keys());
        let members = ids.map(|id| (id.clone(), self.members.serving(id))).collect();
        let Files { endpoints, mut clusters, certificates, routes, listeners } = xds::files(&Input {
            front: self.front,
            folder: &self.folder,
            frontends,
            members: &members,
            certificates: &certificates,
            default_certificate: &self.default_certificate,
        });
        let all = [&clusters, &listeners].into_iter().chain(&endpoints).chain(&certificates).chain(&routes);
        let kept: Vec<_> = all.map(|file| file.path.clone()).collect();

        // Clusters that routes still name stay until the routes are replaced.
        let wanted = clusters.resources.clone();
        let leaving = self
            .written
            .resources(&clusters.path)
            .iter()
            .filter(|old| wanted.iter().all(|new| new["name"] != old["name"]));
        clusters.resources.extend(leaving.cloned());
        self.write(endpoints.iter().chain([&clusters])).await?;
        self.write(certificates.iter().chain(&routes).chain([&listeners])).await?;
        clusters.resources = wanted;
        self.write([&clusters].into_iter()).await?;
        self.written.keep(&kept).map_err(Error::Files)
    }

    async fn write<'a>(&mut self, files: impl Iterator<Item = &'a xds::File>) -> Result<(), Error> {
        let mut versions = BTreeMap::new();
        let mut paths = Vec::new();
        for file in files {
            let version = self.written.write(file).map_err(Error::Files)?;
            versions.extend(file.stat.clone().map(|stat| (stat, version)));
            paths.push(&file.path);
        }
        let outcome = self.envoy.in_force(&versions).await;
        if outcome.is_err() {
            // Written anew, they are refused again or not, and that is heard at once.
            paths.into_iter().for_each(|path| self.written.forget(path));
        }
        outcome
    }

    fn certificates(&mut self, frontends: &[Frontend]) -> Result<Vec<Named>, Error> {
        let mut named: Vec<Named> = Vec::new();
        for certificate in frontends.iter().flat_map(|frontend| &frontend.certificates) {
            let names = certificate.names();
            if names.is_empty() || named.iter().any(|other| other.names == names) {
                continue;
            }
            let pair = match certificate {
                Certificate::Given { names: _, chain, key } => KeyPair { chain: chain.clone(), key: key.clone() },
                Certificate::Issued { names } => self.authority.issue(names, None)?,
            };
            named.push(Named { names: names.to_vec(), pair });
        }
        Ok(named)
    }

    async fn cut_overdue(&mut self) {
        let now = Instant::now();
        for address in self.members.overdue(now) {
            let child = self.envoy.pid();
            let cut = tokio::task::spawn_blocking(move || cut::cut(child, address)).await;
            let again = match cut {
                Ok(Ok(0)) => None,
                Ok(Ok(count)) => {
                    tracing::info!(%address, count, "connections were cut: the draining timeout is over");
                    Some(now + AGAIN)
                }
                Ok(Err(error)) => self.not_cut(address, &error.to_string(), now),
                Err(error) => self.not_cut(address, &error.to_string(), now),
            };
            self.members.was_cut(address, again);
        }
    }

    fn not_cut(&self, address: SocketAddr, error: &str, now: Instant) -> Option<Instant> {
        tracing::error!(%address, %error, "connections could not be cut");
        Some(now + AGAIN)
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
