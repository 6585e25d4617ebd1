//! Without a node: a control plane, or somebody's, with the operator and the server as local processes.

use std::time::Instant;

use anyhow::{Context, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use realtime_crds::RealtimeService;

use super::{cluster::Cluster, page::Page, process::Process, say};
use crate::{options::Up, verdict::Verdict};

/// What runs so far: its end can come at any moment of its start.
pub(super) struct Processes {
    cluster: Cluster,
    service: RealtimeService,
    operator: Option<Process>,
    server: Option<Process>,
    page: Option<Page>,
}

impl Processes {
    pub(super) fn new(cluster: Cluster, service: RealtimeService) -> Self {
        Self { cluster, service, operator: None, server: None, page: None }
    }

    /// Starts everything; returns only when that fails or something ends that should not.
    pub(super) async fn run(&mut self, options: &Up) -> Result<Verdict> {
        let started = Instant::now();
        let Self { cluster, service, operator, server, page } = self;
        let client = cluster.client().await?;
        service.metadata.namespace.get_or_insert_with(|| client.default_namespace().to_owned());
        let name = service.name_any();
        let namespace = service.namespace().unwrap_or_default();

        say("installing the definition of RealtimeService");
        let definitions: Vec<CustomResourceDefinition> = realtime_crds::definitions();
        cluster.install(&client, definitions).await?;

        say("starting the operator");
        let arguments = cluster.operator_arguments(&namespace);
        let operator = operator.insert(Process::start("realtime-operator", &cluster.kubeconfig(), &arguments).await?);
        say(&format!("applying {}", options.file.display()));
        cluster.apply(&client, service).await?;

        say("starting the bundled server as a local process");
        let listen = options.listen.to_string();
        // Who presses Ctrl-C here does not wait for clients to be moved away one by one.
        let arguments = [
            "--namespace",
            &namespace,
            "--name",
            &name,
            "--listen",
            &listen,
            "--admin-listen",
            "127.0.0.1:0",
            "--drain",
            "0s",
        ];
        let server = server.insert(Process::start("realtime-server", &cluster.kubeconfig(), &arguments).await?);
        let address = server.listening().await.context("the bundled server did not start")?;
        let page = page.insert(
            Page::serve(options.page_port, &format!("http://{address}"), &service.spec.path, &options.client).await?,
        );
        tokio::select! {
            done = cluster.wait_for_status(&client, service) => done?,
            ended = operator.ended() => anyhow::bail!(ended),
        }
        let url = format!("http://{address}{}", service.spec.path);
        say(&welcome(cluster, service, &page.origin(), &url, started));
        let ended = tokio::select! {
            ended = operator.ended() => ended,
            ended = server.ended() => ended,
        };
        anyhow::bail!(ended)
    }

    pub(super) async fn end(self) -> Result<()> {
        let Self { cluster, service, operator, server, page } = self;
        if let Some(page) = page {
            page.end();
        }
        for process in [server, operator].into_iter().flatten() {
            process.end().await;
        }
        cluster.remove(&service).await
    }
}

fn welcome(cluster: &Cluster, service: &RealtimeService, page: &str, url: &str, started: Instant) -> String {
    let may = match service.spec.origins.allow.iter().any(|origin| origin == page) {
        true => String::new(),
        false => format!(
            "\n  (its origin {page} is not in spec.origins.allow: add it with kubectl edit, and watch the page connect)"
        ),
    };
    let (name, namespace) = (service.name_any(), service.namespace().unwrap_or_default());
    let kubectl = cluster.kubectl();
    format!(
        "\nready in {} s

  page     {page}{may}
  server   {url}   policy: RealtimeService {namespace}/{name}, live

  export KUBECONFIG={}
  {kubectl} get rts -n {namespace}
  {kubectl} edit rts {name} -n {namespace}     # a change of origins is live within a second
{}
Ctrl-C ends everything and leaves nothing behind.",
        started.elapsed().as_secs(),
        cluster.kubeconfig().display(),
        cluster.table(&namespace),
    )
}
