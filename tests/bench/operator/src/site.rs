//! Where it takes place: a cluster of its own, with a namespace for the operator and one for the client that sets the limit.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::PostParams;
use realtime_crds::RealtimeService;
use realtime_tests::{Cluster, Operator, Stage};
use serde_json::json;

use crate::log::Log;

/// The cluster and its namespaces.
pub struct Site {
    /// The operator's.
    pub stage: Stage,
    /// The bare client's.
    pub bare: Stage,
    /// The operator's requests.
    pub log: Log,
    quiet: Duration,
}

const OPERATOR: &str = "operator";
const BARE: &str = "bare";
/// How many creates are under way at once.
const CREATING: usize = 16;
const GOING: Duration = Duration::from_secs(30);
const LEADING: Duration = Duration::from_secs(60);

impl Site {
    pub async fn new(quiet: Duration) -> Result<Self> {
        let cluster = Cluster::with_all_kinds().await?;
        let (stage, bare) = (Stage::on(cluster.clone(), OPERATOR).await?, Stage::on(cluster.clone(), BARE).await?);
        let user = format!("system:serviceaccount:{OPERATOR}:realtime-operator");
        Ok(Self { stage, bare, log: Log::new(cluster.audit_log().to_owned(), user), quiet })
    }

    /// An operator that leads.
    pub async fn operator(&self) -> Result<Operator> {
        let operator = self.stage.standby("operator-0").await?;
        operator.leads(LEADING).await?;
        Ok(operator)
    }

    /// Ends one; the next leads at once.
    pub async fn end(&self, mut operator: Operator) -> Result<()> {
        operator.terminate()?;
        operator.end(GOING).await.map(drop)
    }

    /// Creates services, as many people would.
    pub async fn create(&self, numbers: Range<usize>) -> Result<()> {
        let services = self.stage.services();
        let created = stream::iter(numbers).map(|number| {
            let (services, service) = (services.clone(), service(number));
            async move { services.create(&PostParams::default(), &service?).await.context("a service is refused") }
        });
        created.buffer_unordered(CREATING).try_for_each(async |_| Ok(())).await
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

/// The smallest service, of a host of its own.
pub fn service(number: usize) -> Result<RealtimeService> {
    let name = name(number);
    let service = json!({
        "apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService", "metadata": {"name": name},
        "spec": {"host": format!("{name}.domain-a.com"), "origins": {"allow": ["https://app.domain-b.com"]}},
    });
    serde_json::from_value(service).context("a service can be read")
}
