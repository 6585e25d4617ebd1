//! Any replica answers any request. A session that begins with polling gets an id that names the replica it is on (`names`); a request that
//! reaches another one is handed to it (`route`, `forward`, `tunnel`) over a port of its own (`port`), at an address that the service
//! itself has (`table`, from `slices` or `lookup`). What came over that port is never handed on.

mod forward;
mod lookup;
mod names;
pub mod port;
pub mod route;
mod slices;
mod table;
mod tunnel;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use tokio::sync::{Notify, watch};

use crate::{metrics::Metrics, options::Options, overload::Limits};
use forward::Forwarder;
use names::Names;
use table::{Addresses, Table};
use tunnel::Tunnels;

/// A request's body on its way to another replica.
type Body = Full<Bytes>;

/// How long a request waits until the other replicas are known at all.
const FIRST_LOOK: Duration = Duration::from_secs(2);
/// How long a request waits for a new look at where the others are.
const NEXT_LOOK: Duration = Duration::from_millis(500);

/// Why replicas cannot be told from each other.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The secret is not readable.
    #[error("failed to read the secret that replicas share from {}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file holds none.
    #[error("{} holds no secret: a line of at least 16 characters is one", .0.display())]
    NoSecret(PathBuf),
    /// Everywhere is no address.
    #[error("--peer-listen {0} is no address that others can reach: give --peer-address too")]
    NoAddress(SocketAddr),
    /// There is no cluster.
    #[error("failed to find a cluster for the EndpointSlices of {service}")]
    NoCluster {
        /// The Service.
        service: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

/// The other replicas, as this one knows them.
#[derive(Debug)]
pub struct Peers {
    names: Names,
    /// None until there was a first look.
    table: watch::Receiver<Option<Arc<Table>>>,
    /// Asks for a new look; where news come by themselves nobody listens.
    look: Option<Arc<Notify>>,
    forwarder: Forwarder,
    tunnels: Arc<Tunnels>,
}

impl Peers {
    /// Begins to look for the others; `port` is where they reach this one, `identity` what tells this service from any other.
    ///
    /// # Errors
    /// When there is no secret, no address, or no cluster to ask.
    pub async fn open(
        options: &Options,
        port: SocketAddr,
        identity: &str,
        (limits, lost_after): (&Limits, Duration),
        metrics: &Arc<Metrics>,
    ) -> Result<Arc<Self>, StartError> {
        let given = &options.peers;
        let own = given.peer_address.map_or(port, |address| address.or_port(port.port()));
        if own.ip().is_unspecified() {
            return Err(StartError::NoAddress(port));
        }
        let secrets = match &given.peer_key_file {
            Some(file) => names::secrets(file)?,
            None => vec![identity.to_owned()],
        };
        let names = Names::new(&secrets, own);
        let (sender, table) = watch::channel(None);
        let addresses = Addresses::new(names.clone(), sender, metrics.peers.clone());
        let look = match (&given.peer_service, &options.namespace) {
            (Some(service), Some(namespace)) => {
                let client = crate::policy::watch::client().await;
                let client = client
                    .map_err(|source| StartError::NoCluster { service: service.clone(), source: Box::new(source) })?;
                tokio::spawn(slices::follow(client, namespace.clone(), service.clone(), port.port(), addresses));
                None
            }
            (_, _) => {
                let look = Arc::new(Notify::new());
                tokio::spawn(lookup::follow(given.peers.clone(), port.port(), Arc::clone(&look), addresses));
                Some(look)
            }
        };
        let tunnels = Arc::new(Tunnels::new(metrics));
        let forwarder = Forwarder::new(limits, lost_after, Arc::clone(&tunnels), Arc::clone(metrics));
        Ok(Arc::new(Self { names, table, look, forwarder, tunnels }))
    }

    /// Where the replica of this name is; none when it has gone.
    async fn find(&self, tag: names::Tag) -> Option<SocketAddr> {
        let mut table = self.table.clone();
        let first = tokio::time::timeout(FIRST_LOOK, table.wait_for(Option::is_some)).await;
        let known = first.ok()?.ok()?.as_ref()?.get(tag);
        let Some(look) = self.look.as_ref().filter(|_| known.is_none()) else { return known };
        table.mark_unchanged();
        look.notify_one();
        tokio::time::timeout(NEXT_LOOK, table.changed()).await.ok();
        let table = table.borrow();
        table.as_ref()?.get(tag)
    }

    /// WebSockets to other replicas leave, evenly over this time.
    pub async fn leave(&self, window: Duration) {
        self.tunnels.leave(&self.forwarder, window).await;
    }

    /// What is left has so long to end.
    pub async fn finish(&self, limit: Duration) {
        self.tunnels.finish(&self.forwarder, limit).await;
    }
}
