//! Where it takes place: a cluster of its own, with namespaces for the operator and others for the client that sets the limit.

use std::{
    ops::Range,
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use kube::{Api, api::PostParams};
use realtime_crds::RealtimeService;
use realtime_tests::{Cluster, Operator, Stage, helm::rights_in};
use serde_json::json;

use crate::{Plan, log::Log};

/// The cluster and its namespaces.
pub struct Site {
    /// The operator's.
    pub operated: Side,
    /// The bare client's.
    pub bare: Side,
    /// The operator's requests.
    pub log: Log,
    /// How many of the bare client's services are there.
    pub used: AtomicUsize,
    quiet: Duration,
}

/// An account, and the namespaces of its services.
pub struct Side {
    /// The first of them, with the account.
    pub stage: Stage,
    namespaces: Vec<String>,
    share: usize,
}

const OPERATOR: &str = "operator";
const BARE: &str = "bare";
/// How many creates are under way at once.
const CREATING: usize = 16;
const GOING: Duration = Duration::from_secs(30);
const LEADING: Duration = Duration::from_secs(60);

impl Side {
    async fn new(cluster: Arc<Cluster>, name: &str, services: usize, share: usize) -> Result<Self> {
        let later = (1..services.div_ceil(share)).map(|number| format!("{name}-{number}"));
        let namespaces: Vec<_> = std::iter::once(name.to_owned()).chain(later).collect();
        for namespace in &namespaces[1..] {
            cluster.kubectl(&["create", "namespace", namespace], "").await?.good()?;
        }
        let watched: Vec<_> = namespaces.iter().map(String::as_str).collect();
        let stage = Stage::with_rights(cluster, name, &rights_in(name, &watched).await?).await?;
        Ok(Self { stage, namespaces, share })
    }

    /// Creates services, as many people would; they come in any order.
    pub fn create(&self, numbers: Range<usize>) -> impl Stream<Item = Result<RealtimeService>> {
        let client = self.stage.services().into_client();
        let created = stream::iter(numbers).map(move |number| {
            let services = Api::<RealtimeService>::namespaced(client.clone(), &self.namespaces[number / self.share]);
            let service = service(number);
            async move { services.create(&PostParams::default(), &service?).await.context("a service is refused") }
        });
        created.buffer_unordered(CREATING)
    }
}

impl Site {
    /// For so many services of the operator's, and so many of the bare client's.
    pub async fn new(&Plan { share, quiet, .. }: &Plan, operated: usize, bare: usize) -> Result<Self> {
        let cluster = Cluster::with_all_kinds().await?;
        let operated = Side::new(cluster.clone(), OPERATOR, operated, share).await?;
        let bare = Side::new(cluster.clone(), BARE, bare, share).await?;
        let user = format!("system:serviceaccount:{OPERATOR}:realtime-operator");
        Ok(Self {
            operated,
            bare,
            log: Log::new(cluster.audit_log().to_owned(), user),
            used: AtomicUsize::new(0),
            quiet,
        })
    }

    /// An operator that leads.
    pub async fn operator(&self) -> Result<Operator> {
        let others = self.operated.namespaces[1..].iter().flat_map(|name| ["--namespace", name.as_str()]);
        let operator = self.operated.stage.standby_with("operator-0", &others.collect::<Vec<_>>()).await?;
        operator.leads(LEADING).await?;
        Ok(operator)
    }

    /// Ends one; the next leads at once.
    pub async fn end(&self, mut operator: Operator) -> Result<()> {
        operator.terminate()?;
        operator.end(GOING).await.map(drop)
    }

    /// Creates services for the operator.
    pub async fn create(&self, numbers: Range<usize>) -> Result<()> {
        self.operated.create(numbers).try_for_each(async |_| Ok(())).await
    }

    /// Waits until neither the operator nor a controller asks anything more.
    pub async fn quiet(&self) -> Result<()> {
        /// What goes on at rest: leases, and watches that end.
        const AT_REST: u64 = 64 * 1024;
        const LONGEST: Duration = Duration::from_secs(900);
        let end = Instant::now() + LONGEST;
        loop {
            let before = self.log.length()?;
            tokio::time::sleep(self.quiet).await;
            if self.log.length()? - before < AT_REST {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("it does not become quiet within {LONGEST:?}");
            }
        }
    }
}

/// Its name.
pub fn name(number: usize) -> String {
    format!("chat-{number:05}")
}

/// Whose an object of that name is.
pub fn number(name: &str) -> Option<usize> {
    name.strip_prefix("chat-")?.get(..5)?.parse().ok()
}

/// The smallest service, of a host of its own.
pub fn service(number: usize) -> Result<RealtimeService> {
    let name = name(number);
    let service = json!({
        "apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService", "metadata": {"name": name},
        "spec": {"host": format!("{name}.domain-a.com"), "origins": {"allow": ["https://app.domain-b.com"]}},
    });
    serde_json::from_value(service).context("a service can be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_says_whose_it_is_by_its_name() {
        for object in [name(42), format!("{}-server", name(42)), format!("{}.18eadca93957721b", name(42))] {
            assert_eq!(number(&object), Some(42), "{object}");
        }
        assert_eq!(number("realtime-operator"), None);
        assert_eq!(number(""), None);
    }
}
