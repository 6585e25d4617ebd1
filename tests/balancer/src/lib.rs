//! A load balancer for local clusters: a real Envoy that follows the cluster, with the meaning of Google's classic HTTP(S)
//! load balancer. It reads what GKE reads (Ingress, Service, EndpointSlice, BackendConfig, FrontendConfig,
//! ManagedCertificate, TLS Secrets) by watching, gives Envoy its configuration as it changes, and writes the Ingress' status.
//!
//! `cluster state → translate → model → xds → publish → Envoy`: `translate` and `xds` are pure.

mod admin;
mod authority;
mod binary;
mod cut;
mod envoy;
mod error;
mod folder;
mod follow;
pub mod gke;
mod members;
mod model;
mod options;
mod ports;
mod publish;
mod report;
mod snapshot;
mod stats;
mod translate;
mod world;
mod xds;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use kube::Client;
use tokio::{sync::watch, task::JoinHandle};

use self::{
    admin::Admin,
    authority::Authority,
    envoy::Envoy,
    folder::Folder,
    follow::{Follower, Progress},
    members::Members,
    publish::Publisher,
    report::Report,
    world::World,
    xds::{Front, Key, Kind, Part},
};
pub use self::{
    error::Error,
    options::Options,
    stats::{ServiceStats, Stats},
    translate::SyncError,
};

const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A running load balancer. Dropping it ends its own work and Envoy, in the background, and removes its temporary files.
#[derive(Debug)]
pub struct Balancer {
    world: Arc<World>,
    front: Front,
    authority: PathBuf,
    log: PathBuf,
    admin: Admin,
    progress: watch::Receiver<Progress>,
    follower: JoinHandle<()>,
    _folder: Folder,
}

impl Balancer {
    /// The path of Envoy's program, which is brought when it is missing; `progress` is given each line that this says.
    /// `ENVOY` wins where it is set.
    ///
    /// # Errors
    /// When it cannot be brought.
    pub async fn envoy(progress: impl FnMut(&str)) -> Result<PathBuf, Error> {
        binary::find(progress).await
    }

    /// Starts one for the cluster of this client, and returns when it serves what the cluster holds.
    ///
    /// # Errors
    /// When it does not get that far.
    pub async fn start(client: Client, options: Options) -> Result<Self, Error> {
        let Options { address, http_port, https_port, gke, class, detach, authority, envoy, log, workers } = options;
        let folder = Folder::create().map_err(Error::Files)?;
        let front = ports::front(address, http_port, https_port).map_err(Error::Ports)?;
        let mut authority = Authority::open(authority.as_deref().unwrap_or(folder.path()))?;
        let default_certificate = authority.issue(&["localhost".to_owned()], Some(address))?;
        let log = log.unwrap_or_else(|| folder.path().join("envoy.log"));
        let binary = match envoy {
            Some(envoy) => envoy,
            None => Self::envoy(|line| tracing::info!("{line}")).await?,
        };
        let socket = folder.path().join("configuration.sock");
        let mut publisher = Publisher::start(&socket).map_err(Error::Files)?;
        // Envoy gets ready with nothing; whatever is refused later, it has had a version before.
        for kind in [Kind::Clusters, Kind::Listeners] {
            publisher.publish(&Part { key: Key::all(kind), stat: None, resources: Vec::new() });
        }
        let world = Arc::new(World::follow(&client).await?);
        let envoy = Envoy::start(&binary, folder.path(), &socket, &log, workers).await?;
        let admin = envoy.admin().clone();
        let certificate = authority.certificate().to_owned();
        let follower = Follower {
            world: world.clone(),
            front,
            gke,
            class,
            envoy,
            publisher,
            authority,
            default_certificate,
            members: Members::new(detach),
            report: Report::new(client),
            last_good: BTreeMap::new(),
        };
        let (sender, progress) = watch::channel(Progress::default());
        let follower = tokio::spawn(follower.run(sender));
        let balancer = Self { world, front, authority: certificate, log, admin, progress, follower, _folder: folder };
        balancer.settled().await?;
        Ok(balancer)
    }

    /// Where plain HTTP is served.
    pub fn http(&self) -> SocketAddr {
        SocketAddr::new(self.front.address, self.front.http)
    }

    /// Where HTTPS is served.
    pub fn https(&self) -> SocketAddr {
        SocketAddr::new(self.front.address, self.front.https)
    }

    /// The certificate, in PEM, that clients are to trust.
    pub fn ca(&self) -> &Path {
        &self.authority
    }

    /// Envoy's log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Returns when everything that the cluster held when this was called is in force in Envoy. An Ingress that is refused
    /// counts as settled, see [`Self::refused`]; an endpoint that left is in force until the `detach` delay is over.
    ///
    /// # Errors
    /// When Envoy refuses it, has ended, or it takes longer than a minute.
    pub async fn settled(&self) -> Result<(), Error> {
        let settle = async {
            let number = self.world.caught_up().await?;
            let mut progress = self.progress.clone();
            let reached = progress.wait_for(|progress| progress.up_to >= number || progress.has_ended).await;
            match reached.ok().and_then(|progress| progress.failure.clone()) {
                None => Ok(()),
                Some(error) => Err(Error::Stopped(error.to_string())),
            }
        };
        let timed_out = || Error::TimedOut {
            what: "the cluster's state in Envoy".to_owned(),
            seconds: DEADLINE.as_secs(),
            last: "nothing was heard".to_owned(),
        };
        tokio::time::timeout(DEADLINE, settle).await.unwrap_or_else(|_| Err(timed_out()))
    }

    /// Returns when the cluster's state is in force and exactly this many endpoints of the Service get requests: they are
    /// in, and well by the load balancer's own health check.
    ///
    /// # Errors
    /// As [`Self::settled`].
    pub async fn healthy(&self, namespace: &str, service: &str, count: usize) -> Result<(), Error> {
        self.settled().await?;
        let began = Instant::now();
        let prefix = format!("{namespace}/{service}/");
        loop {
            let clusters = self.admin.healthy().await?;
            let of_service: Vec<_> = clusters.iter().filter(|(name, _)| name.starts_with(&prefix)).collect();
            if !of_service.is_empty() && of_service.iter().all(|(_, (healthy, _))| *healthy == count) {
                return Ok(());
            }
            if began.elapsed() > DEADLINE {
                let what = format!("{count} healthy endpoints of {namespace}/{service}");
                let shown = of_service.iter().map(|(name, (healthy, all))| format!("{name}: {healthy} of {all}"));
                let last = shown.collect::<Vec<_>>().join(", ");
                return Err(Error::TimedOut { what, seconds: DEADLINE.as_secs(), last });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Why Ingresses are not taken over, by `namespace/name`. Their last good configuration stays.
    pub fn refused(&self) -> BTreeMap<String, Vec<SyncError>> {
        self.progress.borrow().refused.clone()
    }

    /// Envoy's statistics.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn stats(&self) -> Result<Stats, Error> {
        Ok(Stats::new(self.admin.numbers().await?))
    }

    /// Returns when it no longer serves, though nobody stopped it.
    pub async fn failed(&self) -> Error {
        let mut progress = self.progress.clone();
        let ended = progress.wait_for(|progress| progress.has_ended).await;
        let failure = ended.ok().and_then(|progress| progress.failure.clone());
        Error::Stopped(failure.map_or_else(|| "its own work ended".to_owned(), |error| error.to_string()))
    }

    /// Ends Envoy, which closes all connections, and returns when it has ended.
    pub async fn stop(mut self) {
        self.follower.abort();
        // It holds Envoy, so both are gone then.
        let _ = (&mut self.follower).await;
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.follower.abort();
    }
}
