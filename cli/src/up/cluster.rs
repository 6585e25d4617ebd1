//! The cluster of KUBECONFIG, or a control plane of our own. What was put into somebody's cluster is taken out again.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    runtime::{
        conditions::is_crd_established,
        wait::{await_condition, conditions::is_deleted},
    },
};
use local_cluster::{LocalCluster, Options};
use realtime_crds::{RealtimeService, foreign, manifest};
use realtime_operator::plan::Kind;

use super::say;

/// Field manager of what `up` applies.
pub(super) const MANAGER: &str = "kubectl-realtime-up";

pub(super) struct Cluster {
    local: Option<(LocalCluster, PathBuf)>,
    kubeconfig: PathBuf,
    installed: Vec<String>,
    applied: bool,
}

impl Cluster {
    /// A control plane without a node.
    pub(super) async fn start() -> Result<Self> {
        let assets = LocalCluster::assets(say).await?;
        say("starting a control plane: etcd, kube-apiserver, kube-controller-manager");
        let cluster = LocalCluster::start(&assets, Options { controller_manager: true, ..Options::default() }).await?;
        Ok(Self::of_its_own(cluster, assets))
    }

    /// One that goes with this program.
    pub(super) fn of_its_own(cluster: LocalCluster, assets: PathBuf) -> Self {
        let kubeconfig = cluster.kubeconfig().to_owned();
        Self { local: Some((cluster, assets)), kubeconfig, installed: Vec::new(), applied: false }
    }

    /// One that stays.
    pub(super) fn of_somebody(kubeconfig: &Path) -> Self {
        Self { local: None, kubeconfig: kubeconfig.to_owned(), installed: Vec::new(), applied: false }
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig.clone()
    }

    pub(super) fn kubectl(&self) -> String {
        match &self.local {
            Some((_, assets)) => assets.join("kubectl").display().to_string(),
            None => "kubectl".to_owned(),
        }
    }

    pub(super) async fn client(&self) -> Result<Client> {
        let kubeconfig = match self.local {
            Some(_) => Kubeconfig::read_from(&self.kubeconfig),
            // It may name several files.
            None => Kubeconfig::from_env().map(Option::unwrap_or_default),
        }
        .with_context(|| format!("failed to read {}", self.kubeconfig.display()))?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(Client::try_from(config)?)
    }

    /// Installs definitions; in a control plane of our own Google's kinds too, so that it looks like GKE's.
    pub(super) async fn install(
        &mut self,
        client: &Client,
        mut definitions: Vec<CustomResourceDefinition>,
    ) -> Result<()> {
        if self.local.is_some() {
            definitions.extend(foreign::definitions());
        }
        let api: Api<CustomResourceDefinition> = Api::all(client.clone());
        for definition in definitions {
            let name = definition.name_any();
            if self.local.is_none() && api.get_opt(&name).await?.is_none() {
                self.installed.push(name.clone());
            }
            api.patch(&name, &PatchParams::apply(MANAGER), &Patch::Apply(&definition))
                .await
                .with_context(|| format!("failed to install the definition {name}"))?;
            await_condition(api.clone(), &name, is_crd_established()).await?;
        }
        Ok(())
    }

    pub(super) async fn apply(&mut self, client: &Client, service: &RealtimeService) -> Result<()> {
        let api = services(client, service);
        let name = service.name_any();
        self.applied = api.get_opt(&name).await?.is_none();
        let mut bare = manifest::bare(service);
        if let Some(meta) = bare["metadata"].as_object_mut() {
            meta.remove("generation");
        }
        api.patch(&name, &PatchParams::apply(MANAGER), &Patch::Apply(&bare))
            .await
            .context("failed to apply the resource")?;
        Ok(())
    }

    pub(super) async fn wait_for_status(&self, client: &Client, service: &RealtimeService) -> Result<()> {
        let seen = |service: Option<&RealtimeService>| {
            service
                .and_then(|service| service.status.as_ref())
                .is_some_and(|status| status.observed_generation.is_some())
        };
        await_condition(services(client, service), &service.name_any(), seen).await?;
        Ok(())
    }

    /// What `kubectl get rts` shows.
    pub(super) fn table(&self, namespace: &str) -> String {
        let shown = Command::new(self.kubectl())
            .env("KUBECONFIG", &self.kubeconfig)
            .args(["get", "rts", "-n", namespace])
            .output();
        let table = shown.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let indented = table.lines().map(|line| format!("\n  {line}")).collect::<String>();
        match &self.local {
            Some((cluster, _)) if cluster.node_names().is_empty() => format!(
                "{indented}\n\n  This control plane has no node: pods stay pending, and the server runs as a local process instead.\n"
            ),
            Some(_) | None => format!("{indented}\n"),
        }
    }

    /// What the operator is told: in somebody's cluster it looks after nothing but this, and leaves no Lease.
    pub(super) fn operator_arguments<'a>(&self, namespace: &'a str) -> Vec<&'a str> {
        let mut arguments = vec!["run", "--admin-listen", "127.0.0.1:0"];
        if self.local.is_none() {
            arguments.extend(["--namespace", namespace, "--leader-election", "false"]);
        }
        arguments
    }

    /// Takes out of somebody's cluster what was put into it; a control plane of our own just ends.
    pub(super) async fn remove(self, service: &RealtimeService) -> Result<()> {
        if let Some((cluster, _)) = self.local {
            return cluster.stop().await;
        }
        if !self.applied && self.installed.is_empty() {
            return Ok(());
        }
        let client = self.client().await?;
        if self.applied {
            let api = services(&client, service);
            let name = service.name_any();
            if let Some(there) = api.get_opt(&name).await? {
                let uid = there.uid().unwrap_or_default();
                api.delete(&name, &DeleteParams::background()).await?;
                await_condition(api, &name, is_deleted(&uid)).await?;
                // The cluster's garbage collector takes half a minute to learn of a new definition, and cannot act on one that is gone.
                for kind in Kind::ALL {
                    remove_children(&client, kind, service, &uid).await?;
                }
            }
        }
        let definitions: Api<CustomResourceDefinition> = Api::all(client);
        for name in &self.installed {
            unless_gone(definitions.delete(name, &DeleteParams::default()).await)?;
        }
        Ok(())
    }
}

async fn remove_children(client: &Client, kind: Kind, service: &RealtimeService, owner: &str) -> Result<()> {
    let namespace = service.namespace().unwrap_or_default();
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &kind.api_resource());
    // The cluster may lack the kind.
    let there = unless_gone(api.list(&ListParams::default()).await)?.map(|list| list.items).unwrap_or_default();
    for child in there.iter().filter(|child| child.owner_references().iter().any(|reference| reference.uid == owner)) {
        unless_gone(api.delete(&child.name_any(), &DeleteParams::background()).await)?;
    }
    Ok(())
}

fn unless_gone<T>(answer: kube::Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn services(client: &Client, service: &RealtimeService) -> Api<RealtimeService> {
    Api::namespaced(client.clone(), service.namespace().as_deref().unwrap_or("default"))
}
