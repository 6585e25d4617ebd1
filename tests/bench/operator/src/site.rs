//! Where it takes place: two control planes that are alike, one for the operator and one for the client that sets the limit. Each of
//! the two has the rights that the operator's chart grants, and works in turns; what the other has left is not in its way.

use std::{
    ops::Range,
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Config,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use realtime_crds::RealtimeService;
use realtime_tests::{Cluster, Operator, Stage, helm::rights_in};
use serde_json::json;

use crate::{Plan, log::Log};

/// Both sides.
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

/// A control plane with an account, and the namespaces of its services.
pub struct Side {
    /// Where the account is.
    pub stage: Stage,
    share: usize,
}

const OPERATOR: &str = "operator";
/// How many creates are under way at once.
const CREATING: usize = 16;
const GOING: Duration = Duration::from_secs(30);
const LEADING: Duration = Duration::from_secs(60);

impl Side {
    async fn new(cluster: Arc<Cluster>, services: usize, share: usize) -> Result<Self> {
        let stage = Stage::with_rights(cluster, OPERATOR, &rights_in(OPERATOR, &[]).await?).await?;
        let namespaces: Api<Namespace> = Api::all(stage.client.clone());
        for number in (0..services).step_by(share) {
            let namespace = serde_json::from_value(json!({"metadata": {"name": namespace(number, share)}}))?;
            namespaces.create(&PostParams::default(), &namespace).await?;
        }
        Ok(Self { stage, share })
    }

    /// A client with the rights of the account.
    pub async fn client(&self) -> Result<Client> {
        let kubeconfig = Kubeconfig::read_from(self.stage.kubeconfig_of("realtime-operator").await?)?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(Client::try_from(config)?)
    }

    /// Where the service with this number is.
    pub fn namespace(&self, number: usize) -> String {
        namespace(number, self.share)
    }

    /// Creates services, as many people would; they come in any order.
    pub fn create(&self, numbers: Range<usize>) -> impl Stream<Item = Result<RealtimeService>> {
        let created = stream::iter(numbers).map(move |number| {
            let services = Api::<RealtimeService>::namespaced(self.stage.client.clone(), &self.namespace(number));
            let service = service(number);
            async move { services.create(&PostParams::default(), &service?).await.context("a service is refused") }
        });
        created.buffer_unordered(CREATING)
    }
}

impl Site {
    /// For so many services of the operator's, and so many of the bare client's.
    pub async fn new(&Plan { share, quiet, .. }: &Plan, operated: usize, bare: usize) -> Result<Self> {
        let operated = Side::new(Cluster::with_all_kinds().await?, operated, share).await?;
        let bare = Side::new(Cluster::with_all_kinds().await?, bare, share).await?;
        let user = format!("system:serviceaccount:{OPERATOR}:realtime-operator");
        Ok(Self {
            log: Log::new(operated.stage.cluster.audit_log().to_owned(), user),
            operated,
            bare,
            used: AtomicUsize::new(0),
            quiet,
        })
    }

    /// An operator that leads.
    pub async fn operator(&self) -> Result<Operator> {
        let operator = self.operated.stage.standby_of_all("operator-0", &[]).await?;
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

    /// Waits until on neither side anybody asks anything more.
    pub async fn quiet(&self) -> Result<()> {
        /// What goes on at rest: leases, and watches that end.
        const AT_REST: u64 = 2 * 64 * 1024;
        const LONGEST: Duration = Duration::from_secs(900);
        let end = Instant::now() + LONGEST;
        let logs = [&self.operated, &self.bare].map(|side| side.stage.cluster.audit_log());
        let written = || -> Result<u64> {
            let lengths = logs.iter().map(|log| Ok(log.metadata().context("failed to read an audit log")?.len()));
            lengths.sum()
        };
        loop {
            let before = written()?;
            tokio::time::sleep(self.quiet).await;
            if written()? - before < AT_REST {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("it does not become quiet within {LONGEST:?}");
            }
        }
    }
}

fn namespace(number: usize, share: usize) -> String {
    format!("team-{}", number / share)
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
