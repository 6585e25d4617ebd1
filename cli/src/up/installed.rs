//! An existing cluster that can pull the images: the charts with the user's own context, and the resource.

use std::path::Path;

use anyhow::{Context, Result};
use kube::ResourceExt;
use realtime_crds::RealtimeService;

use super::{cluster::Cluster, helm::Releases, pods::ready, say};
use crate::{options::Up, verdict::Verdict};

/// What is installed so far.
pub(super) struct Installed {
    service: RealtimeService,
    cluster: Option<Cluster>,
    releases: Option<Releases>,
}

impl Installed {
    pub(super) fn new(service: RealtimeService) -> Self {
        Self { service, cluster: None, releases: None }
    }

    /// Installs everything, and stays until it is told to go.
    pub(super) async fn run(&mut self, options: &Up, kubeconfig: &Path, images: &str) -> Result<Verdict> {
        let Self { service, cluster, releases } = self;
        let cluster = cluster.insert(Cluster::of_somebody(kubeconfig));
        let client = cluster.client().await?;
        releases.insert(Releases::new(kubeconfig).await?).install(Some(images)).await?;
        service.metadata.namespace.get_or_insert_with(|| client.default_namespace().to_owned());
        say(&format!("applying {}", options.file.display()));
        cluster.apply(&client, service).await?;
        say("waiting for Ready=True: pods, load balancer, policy");
        let there = ready(&client, service).await?;
        let url = there.status.and_then(|status| status.url).context("Ready and without a URL")?;
        let (name, namespace) = (service.name_any(), service.namespace().unwrap_or_default());
        say(&format!(
            "\n  server   {url}\n{}\n  kubectl edit rts {name} -n {namespace}     # a change of origins is live within a second\n\n\
             Ctrl-C takes out again what was put in.",
            cluster.table(&namespace)
        ));
        std::future::pending().await
    }

    pub(super) async fn end(self) -> Result<()> {
        let Self { service, cluster, releases } = self;
        let removed = match cluster {
            Some(cluster) => cluster.remove(&service).await,
            None => Ok(()),
        };
        match releases {
            Some(mut releases) => removed.and(releases.uninstall().await),
            None => removed,
        }
    }
}
