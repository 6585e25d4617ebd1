//! Leader election by a Lease: of several operators one writes.

use anyhow::Context as _;
use kube::Client;
use kube_lease_manager::LeaseManagerBuilder;
use tokio::{sync::watch, task::JoinHandle};

use crate::options::Election;

/// Holds the lease while it lives; [`Lease::release`] gives it to the next one at once.
pub struct Lease {
    leads: watch::Receiver<bool>,
    keeper: JoinHandle<kube_lease_manager::Result<kube_lease_manager::LeaseManager>>,
}

/// Seconds for which a lease holds, and how long before that it is renewed.
const DURATION_SEC: u64 = 15;
const GRACE_SEC: u64 = 5;

impl Lease {
    /// Starts to compete for the lease.
    ///
    /// # Errors
    /// When the Lease can be neither read nor made.
    pub async fn compete(client: Client, election: &Election, identity: &str) -> anyhow::Result<Self> {
        let namespace = election.lease_namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
        let manager = LeaseManagerBuilder::new(client, &election.lease_name)
            .with_namespace(&namespace)
            .with_identity(identity)
            .with_duration(DURATION_SEC)
            .with_grace(GRACE_SEC)
            .build()
            .await
            .with_context(|| format!("failed to prepare the lease {namespace}/{}", election.lease_name))?;
        let (leads, keeper) = manager.watch().await;
        Ok(Self { leads, keeper })
    }

    /// Waits until this process leads.
    pub async fn won(&mut self) {
        // A closed channel means that the keeper has ended; then nobody here will ever lead.
        if self.leads.wait_for(|leads| *leads).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until this process leads no more.
    pub async fn lost(&mut self) {
        let _ = self.leads.wait_for(|leads| !*leads).await;
    }

    /// Gives the lease back.
    pub async fn release(self) {
        drop(self.leads);
        let _ = self.keeper.await;
    }
}
