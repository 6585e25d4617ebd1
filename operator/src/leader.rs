//! Leader election by a Lease: of several operators one writes.
//!
//! The rules are those of Kubernetes' own components: whoever does not lead waits until the Lease has not been renewed for its whole
//! duration, by its own clock and from when it saw the last renewal; each change of the Lease names the version that it is made
//! from, so of two who change it at once one fails. Whoever leads writes only while its last renewal surely holds.

mod term;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::{
    api::coordination::v1,
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use rand::distr::{Alphanumeric, SampleString};
use serde_json::json;

use crate::{options::Election, plan::MANAGER, watches::Patience};
pub use term::{Ended, Term};

/// How long a renewal holds for the others.
const DURATION: Duration = Duration::from_secs(15);
/// How much sooner it ends for the leader itself: a write that is under way then has this long to arrive.
const MARGIN: Duration = Duration::from_secs(2);
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(5);
/// How soon a failed request is tried again, and how long one may take.
const RETRY: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(4);
/// How often it is given back before it is left to run out.
const GIVING_BACK: usize = 3;

/// The name of this process among those that compete: two with one host name would both take themselves for the holder.
#[must_use]
pub fn unique(host: &str) -> String {
    format!("{host}_{}", Alphanumeric.sample_string(&mut rand::rng(), 8))
}

/// Who competes for which Lease.
pub struct Candidate {
    api: Api<v1::Lease>,
    name: String,
    identity: String,
    term: Term,
    /// The Lease as it was last seen, and since when it has been so.
    seen: Option<(v1::Lease, Instant)>,
    has_led: bool,
}

impl Candidate {
    /// Competes under this name; `client` must not depend on the term itself.
    #[must_use]
    pub fn new(client: Client, election: &Election, identity: &str, term: Term) -> Self {
        let namespace = election.lease_namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
        let api = Api::namespaced(client, &namespace);
        Self { api, name: election.lease_name.clone(), identity: identity.to_owned(), term, seen: None, has_led: false }
    }

    /// Waits until this process leads.
    ///
    /// # Errors
    /// When the apiserver refuses to show or to change the Lease.
    pub async fn wins(&mut self) -> anyhow::Result<()> {
        let mut changes = self.changes();
        loop {
            let pause = match self.try_to_win().await {
                Ok(None) => return Ok(()),
                Ok(Some(pause)) => pause,
                // An apiserver that has just started does not know anybody's rights yet, and this process had them.
                Err(error) if is_forbidden(&error) && !self.has_led => {
                    return Err(error).with_context(|| format!("failed to take the lease {}", self.name));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot take the lease, trying again");
                    RETRY
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // It was renewed, or given back: then there is no need to wait.
                Some(()) = changes.next() => {}
            }
        }
    }

    /// Renews the Lease for as long as that works; returns when this process leads no more.
    pub async fn leads(&mut self) {
        loop {
            let pause = match self.renew().await {
                Ok(true) => RENEWAL,
                Ok(false) => {
                    self.term.set(Instant::now());
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot renew the lease, trying again");
                    RETRY
                }
            };
            let end = self.term.until().unwrap_or_else(Instant::now);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = tokio::time::sleep_until(end.into()) => {}
            }
            if Instant::now() >= end {
                tracing::error!("the lease could not be renewed in time");
                return;
            }
        }
    }

    /// Gives the Lease back, so that the next one need not wait.
    pub async fn gives_back(&mut self) {
        self.term.set(Instant::now());
        for _ in 0..GIVING_BACK {
            let spec =
                json!({"holderIdentity": null, "leaseDurationSeconds": 1, "renewTime": MicroTime(Timestamp::now())});
            let refused = match self.change(spec).await {
                Ok(_) => return,
                Err(error) => error,
            };
            // A renewal that was under way may have arrived without its answer being waited for.
            match in_time(self.api.get(&self.name)).await {
                Ok(lease) if self.holds(&lease) => self.seen = Some((lease, Instant::now())),
                _ => {
                    // It runs out by itself, or is somebody else's.
                    tracing::debug!(error = %refused, "the lease was not given back");
                    return;
                }
            }
        }
    }

    fn holds(&self, lease: &v1::Lease) -> bool {
        lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_ref()) == Some(&self.identity)
    }

    /// Nothing when it was won; otherwise how long to wait.
    async fn try_to_win(&mut self) -> kube::Result<Option<Duration>> {
        let began = Instant::now();
        let Some(lease) = in_time(self.api.get_opt(&self.name)).await? else {
            let made = v1::Lease {
                metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                spec: serde_json::from_value(self.taken(0)).ok(),
            };
            return match in_time(self.api.create(&PostParams::default(), &made)).await {
                Ok(lease) => Ok(self.won(lease, began)),
                Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(Some(RETRY)),
                Err(error) => Err(error),
            };
        };
        let since = match &self.seen {
            Some((seen, since)) if seen.metadata.resource_version == lease.metadata.resource_version => *since,
            _ => began,
        };
        let spec = lease.spec.clone().unwrap_or_default();
        self.seen = Some((lease, since));
        let holds_for = Duration::from_secs(spec.lease_duration_seconds.and_then(|it| it.try_into().ok()).unwrap_or(0));
        let is_held = spec.holder_identity.is_some_and(|holder| !holder.is_empty() && holder != self.identity);
        let left = holds_for.saturating_sub(since.elapsed());
        if is_held && !left.is_zero() {
            return Ok(Some(left));
        }
        match self.change(self.taken(spec.lease_transitions.unwrap_or(0) + 1)).await {
            Ok(lease) => Ok(self.won(lease, began)),
            Err(kube::Error::Api(status)) if status.is_conflict() => Ok(Some(RETRY)),
            Err(error) => Err(error),
        }
    }

    fn taken(&self, transitions: i32) -> serde_json::Value {
        let now = MicroTime(Timestamp::now());
        json!({"holderIdentity": self.identity, "leaseDurationSeconds": DURATION.as_secs(), "acquireTime": now, "renewTime": now,
            "leaseTransitions": transitions})
    }

    /// `began` is from when the renewal counts: the others count from when they see it, which is later.
    fn won(&mut self, lease: v1::Lease, began: Instant) -> Option<Duration> {
        self.seen = Some((lease, began));
        self.term.set(began + DURATION - MARGIN);
        self.has_led = true;
        None
    }

    /// Whether this process still leads.
    async fn renew(&mut self) -> kube::Result<bool> {
        let began = Instant::now();
        match self.change(json!({"renewTime": MicroTime(Timestamp::now())})).await {
            Ok(lease) => {
                self.won(lease, began);
                Ok(true)
            }
            // Somebody else changed it, perhaps only a label.
            Err(kube::Error::Api(status)) if status.is_conflict() => {
                let lease = in_time(self.api.get(&self.name)).await?;
                let still_holds = self.holds(&lease);
                self.seen = Some((lease, began));
                if still_holds { Err(kube::Error::Api(status)) } else { Ok(false) }
            }
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Changes the Lease if it still is as it was last seen.
    async fn change(&self, spec: serde_json::Value) -> kube::Result<v1::Lease> {
        let version = self.seen.as_ref().and_then(|(lease, _)| lease.metadata.resource_version.clone());
        let patch = Patch::Merge(json!({"metadata": {"resourceVersion": version}, "spec": spec}));
        let manager = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        in_time(self.api.patch(&self.name, &manager, &patch)).await
    }

    /// Says each time that the Lease changes.
    fn changes(&self) -> BoxStream<'static, ()> {
        let this_one = watcher::Config::default().fields(&format!("metadata.name={}", self.name));
        let changes = watcher(self.api.clone(), this_one).backoff(Patience::default()).touched_objects();
        let ok = changes.filter_map(async |lease| {
            lease.inspect_err(|error| tracing::warn!(%error, "cannot watch the lease")).ok().map(drop)
        });
        ok.boxed()
    }
}

fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 401 | 403))
}

async fn in_time<T>(request: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    let answer = tokio::time::timeout(ANSWER, request).await;
    answer.unwrap_or_else(|_| Err(kube::Error::Service("the apiserver did not answer within 4 s".into())))
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

    #[test]
    fn the_leader_has_time_for_two_renewals_that_fail() {
        assert!(RENEWAL + 2 * (ANSWER.min(RETRY * 2) + RETRY) < DURATION);
    }
}
