//! Leader election by a Lease: of several operators one writes.

use anyhow::Context as _;
use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::api::coordination::v1;
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, watcher},
};
use kube_lease_manager::LeaseManagerBuilder;
use rand::distr::{Alphanumeric, SampleString};
use tokio::{sync::watch, task::JoinHandle};

use crate::{options::Election, watches::Patience};

/// Holds the lease while it lives; [`Lease::release`] gives it to the next one at once.
pub struct Lease {
    candidate: Candidate,
    leads: watch::Receiver<bool>,
    keeper: Keeper,
}

type Keeper = JoinHandle<kube_lease_manager::Result<kube_lease_manager::LeaseManager>>;

/// The name of this process among those that compete: two with one host name would both take themselves for the holder.
#[must_use]
pub fn unique(host: &str) -> String {
    format!("{host}_{}", Alphanumeric.sample_string(&mut rand::rng(), 8))
}

/// Who competes for which lease.
struct Candidate {
    client: Client,
    namespace: String,
    name: String,
    identity: String,
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
        let candidate =
            Candidate { client, namespace, name: election.lease_name.clone(), identity: identity.to_owned() };
        let (leads, keeper) = candidate.compete().await?;
        Ok(Self { candidate, leads, keeper })
    }

    /// Waits until this process leads.
    ///
    /// # Errors
    /// When the Lease can be neither read nor made.
    pub async fn won(&mut self) -> anyhow::Result<()> {
        let mut given_back = self.candidate.given_back();
        loop {
            tokio::select! {
                biased;
                // A closed channel means that the keeper has ended; another one takes its place.
                won = self.leads.wait_for(|leads| *leads) => if won.is_ok() { return Ok(()) },
                // The keeper sleeps until the lease that it knows of would run out; a new one looks at once.
                Some(()) = given_back.next() => {}
            }
            self.keeper.abort();
            (self.leads, self.keeper) = self.candidate.compete().await?;
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

impl Candidate {
    async fn compete(&self) -> anyhow::Result<(watch::Receiver<bool>, Keeper)> {
        let Self { client, namespace, name, identity } = self;
        let manager = LeaseManagerBuilder::new(client.clone(), name)
            .with_namespace(namespace)
            .with_identity(identity)
            .with_duration(DURATION_SEC)
            .with_grace(GRACE_SEC)
            .build()
            .await
            .with_context(|| format!("failed to prepare the lease {namespace}/{name}"))?;
        Ok(manager.watch().await)
    }

    /// Says each time that somebody gives the lease back; a lease that nobody had yet is left to the keeper.
    fn given_back(&self) -> BoxStream<'static, ()> {
        let leases: Api<v1::Lease> = Api::namespaced(self.client.clone(), &self.namespace);
        let this_one = watcher::Config::default().fields(&format!("metadata.name={}", self.name));
        let holders =
            watcher(leases, this_one).backoff(Patience::default()).applied_objects().filter_map(async |lease| {
                let lease = lease.inspect_err(|error| tracing::warn!(%error, "cannot watch the lease")).ok()?;
                Some(lease.spec.and_then(|spec| spec.holder_identity).filter(|holder| !holder.is_empty()))
            });
        let mut held = false;
        let released = move |holder: Option<String>| {
            let was_held = std::mem::replace(&mut held, holder.is_some());
            std::future::ready((was_held && !held).then_some(()))
        };
        holders.filter_map(released).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_of_one_host_have_two_names() {
        let (first, second) = (unique("operator-0"), unique("operator-0"));
        assert_ne!(first, second);
        assert!(first.starts_with("operator-0_") && first.len() == "operator-0_".len() + 8, "{first}");
    }
}
