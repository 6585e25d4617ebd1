//! The real thing: a node, the charts, the server as pods, and a load balancer with Google's meaning in front.

use std::{net::IpAddr, path::PathBuf, time::Instant};

use anyhow::{Context, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{conditions::is_crd_established, wait::await_condition},
};
use local_balancer::{Balancer, gke};
use local_cluster::{LocalCluster, Options};
use realtime_crds::{RealtimeService, conditions::ConditionType};

use super::{
    cluster::{Cluster, MANAGER, services},
    helm::Releases,
    page::Page,
    parts, say,
};
use crate::{options::Up, verdict::Verdict};

/// Where the local load balancer listens.
const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// What runs so far: its end can come at any moment of its start.
pub(super) struct Pods {
    service: RealtimeService,
    cluster: Option<Cluster>,
    balancer: Option<Balancer>,
    page: Option<Page>,
}

impl Pods {
    pub(super) fn new(service: RealtimeService) -> Self {
        Self { service, cluster: None, balancer: None, page: None }
    }

    /// Starts everything; returns only when that fails or something ends that should not.
    pub(super) async fn run(&mut self, options: &Up) -> Result<Verdict> {
        let started = Instant::now();
        parts::node().await?;
        let images = parts::images().await?;
        let assets = LocalCluster::assets(say).await?;
        let envoy = Balancer::envoy(say).await?;
        say("starting a cluster: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, and a node");
        let local = LocalCluster::start(&assets, Options { nodes: 1, ..Options::default() }).await?;
        for image in &images {
            say(&format!("importing the image {}", image.name));
            local.import_image(&image.archive).await?;
        }
        let Self { service, cluster, balancer, page } = self;
        let cluster = cluster.insert(Cluster::of_its_own(local, assets));
        let client = cluster.client().await?;
        install(&client, gke::definitions().into()).await?;
        Releases::new(&cluster.kubeconfig()).await?.install(None).await?;

        service.metadata.namespace.get_or_insert_with(|| client.default_namespace().to_owned());
        say(&format!("applying {}", options.file.display()));
        cluster.apply(&client, service).await?;
        say("starting the load balancer");
        let at = local_balancer::Options {
            address: ADDRESS,
            http_port: options.http_port,
            https_port: options.https_port,
            authority: authority(),
            envoy: Some(envoy),
            ..local_balancer::Options::default()
        };
        let balancer = balancer.insert(Balancer::start(client.clone(), at).await?);
        say("waiting for Ready=True: pods, load balancer, policy");
        let ready = ready(&client, service).await?;
        let url = reach(&ready, balancer)?;
        let page = page.insert(Page::serve(options.page_port, &url.server, &ready.spec.path, &options.client).await?);
        say(&welcome(cluster, balancer, &ready, &page.origin(), &url, started));
        balancer.failed().await;
        anyhow::bail!("the load balancer ended; see {}", balancer.log().display())
    }

    pub(super) async fn end(self) -> Result<()> {
        let Self { service, cluster, balancer, page } = self;
        if let Some(page) = page {
            page.end();
        }
        if let Some(balancer) = balancer {
            balancer.stop().await;
        }
        match cluster {
            Some(cluster) => cluster.remove(&service).await,
            None => Ok(()),
        }
    }
}

/// Google's kinds, so that the cluster looks like one of GKE.
async fn install(client: &Client, definitions: Vec<CustomResourceDefinition>) -> Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in definitions {
        let name = definition.name_any();
        api.patch(&name, &PatchParams::apply(MANAGER), &Patch::Apply(&definition))
            .await
            .with_context(|| format!("failed to install the definition {name}"))?;
        await_condition(api.clone(), &name, is_crd_established()).await?;
    }
    Ok(())
}

pub(super) async fn ready(client: &Client, service: &RealtimeService) -> Result<RealtimeService> {
    let mut said = String::new();
    let is_ready = move |service: Option<&RealtimeService>| {
        let status = service.and_then(|service| service.status.as_ref());
        let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
        let ready = conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str());
        if let Some(ready) = ready.filter(|ready| ready.status != "True" && ready.message != said) {
            said.clone_from(&ready.message);
            say(&format!("  {}: {}", ready.reason, ready.message));
        }
        ready.is_some_and(|ready| ready.status == "True")
    };
    let is_ready = std::sync::Mutex::new(is_ready);
    let condition = |service: Option<&RealtimeService>| is_ready.lock().is_ok_and(|mut is_ready| is_ready(service));
    let there = await_condition(services(client, service), &service.name_any(), condition).await?;
    there.context("the resource was deleted")
}

/// Where a page and a program find the service.
struct Reach {
    /// As a page connects, once its name leads to the load balancer.
    server: String,
    /// Host, and the address that it has to lead to.
    lead: (String, std::net::SocketAddr),
    is_tls: bool,
}

fn reach(service: &RealtimeService, balancer: &Balancer) -> Result<Reach> {
    let url = service.status.as_ref().and_then(|status| status.url.as_deref()).context("Ready and without a URL")?;
    let is_tls = url.starts_with("https://");
    let (scheme, at) = if is_tls { ("https", balancer.https()) } else { ("http", balancer.http()) };
    let host = service.spec.host.clone();
    Ok(Reach { server: format!("{scheme}://{host}"), lead: (host, at), is_tls })
}

/// Kept, so that a browser has to be told of it only once.
fn authority() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("realtime-operator/authority"))
}

fn welcome(
    cluster: &Cluster,
    balancer: &Balancer,
    service: &RealtimeService,
    page: &str,
    reach: &Reach,
    started: Instant,
) -> String {
    let (name, namespace) = (service.name_any(), service.namespace().unwrap_or_default());
    let (host, at) = &reach.lead;
    let kubectl = cluster.kubectl();
    let may = match service.spec.origins.allow.iter().any(|origin| origin == page) {
        true => String::new(),
        false => format!(
            "\n  (its origin {page} is not in spec.origins.allow: add it with kubectl edit, and watch the page connect)"
        ),
    };
    let (trust, curl) = match reach.is_tls {
        true => ("--ignore-certificate-errors ", format!("--cacert {} ", balancer.ca().display())),
        false => ("", String::new()),
    };
    let path = &service.spec.path;
    let (server, port) = (&reach.server, if reach.is_tls { 443 } else { 80 });
    format!(
        "\nready in {} s

  page     {page}{may}
  server   {server}{path}   through Envoy at {at}; pods run realtime-server:{version}

  # {host} leads nowhere yet, so the browser is told where it is, and to trust the local certificate:
  chromium --user-data-dir=$(mktemp -d) --host-resolver-rules=\"MAP {host} {at}\" {trust}{page}
  curl {curl}--connect-to {host}:{port}:{at} \"{server}{path}/?EIO=4&transport=polling\" -H \"Origin: {page}\"

  export KUBECONFIG={kubeconfig}
  {kubectl} get rts -n {namespace}
  {kubectl} edit rts {name} -n {namespace}     # a change of origins is live within a second
{table}
Ctrl-C ends everything and leaves nothing behind.",
        started.elapsed().as_secs(),
        version = env!("CARGO_PKG_VERSION"),
        kubeconfig = cluster.kubeconfig().display(),
        table = cluster.table(&namespace),
    )
}
