//! `up`: a control plane, the operator, the bundled server and a page on another site, until Ctrl-C.

mod cluster;
mod page;
mod process;

use std::{net::SocketAddr, path::Path, time::Instant};

use anyhow::{Context, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use realtime_crds::RealtimeService;
use tokio::signal::unix::{SignalKind, signal};

use crate::{input, options::Up, verdict::Verdict};
use cluster::Cluster;
use page::Page;
use process::Process;

pub(crate) async fn run(options: Up) -> Result<Verdict> {
    let started = Instant::now();
    let service = input::service(&options.file, None)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let told_to_go = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(told_to_go);
    let site = tokio::select! {
        site = Site::build(&options, service) => site?,
        () = &mut told_to_go => return Ok(Verdict::Good),
    };
    println!("{}", site.welcome(started));
    let mut site = site;
    let ended = tokio::select! {
        () = told_to_go => None,
        ended = site.operator.ended() => Some(ended),
        ended = site.server.ended() => Some(ended),
    };
    println!("ending");
    site.end().await?;
    match ended {
        None => Ok(Verdict::Good),
        Some(words) => anyhow::bail!(words),
    }
}

struct Site {
    cluster: Cluster,
    operator: Process,
    server: Process,
    server_address: SocketAddr,
    page: Page,
    service: RealtimeService,
}

impl Site {
    async fn build(options: &Up, mut service: RealtimeService) -> Result<Self> {
        let cluster = Cluster::from_environment_or_local().await?;
        let client = cluster.client().await?;
        service.metadata.namespace.get_or_insert_with(|| client.default_namespace().to_owned());
        let name = service.name_any();
        let namespace = service.namespace().unwrap_or_default();

        let mut cluster = cluster;
        say("installing the definition of RealtimeService");
        let definitions: Vec<CustomResourceDefinition> = realtime_crds::definitions();
        cluster.install(&client, definitions).await?;

        say("starting the operator");
        let operator = Process::start("realtime-operator", &cluster.kubeconfig(), &["run", "--admin-listen", "127.0.0.1:0"]).await?;
        say(&format!("applying {}", options.file.display()));
        cluster.apply(&client, &service).await?;

        say("starting the bundled server as a local process");
        let listen = options.listen.to_string();
        let arguments = ["--namespace", &namespace, "--name", &name, "--listen", &listen, "--admin-listen", "127.0.0.1:0"];
        let mut server = Process::start("realtime-server", &cluster.kubeconfig(), &arguments).await?;
        let server_address = server.listening().await.context("the bundled server did not start")?;
        let page = Page::serve(options.page_port, server_address, &service.spec.path, &options.client).await?;
        cluster.wait_for_status(&client, &service).await?;
        Ok(Self { cluster, operator, server, server_address, page, service })
    }

    fn welcome(&self, started: Instant) -> String {
        let page = self.page.origin();
        let origins = &self.service.spec.origins.allow;
        let may = match origins.contains(&page) {
            true => String::new(),
            false => format!("\n  (its origin {page} is not in spec.origins.allow: add it with kubectl edit, and watch the page connect)"),
        };
        let (name, namespace) = (self.service.name_any(), self.service.namespace().unwrap_or_default());
        let kubectl = self.cluster.kubectl();
        format!(
            "\nready in {} s

  page     {page}{may}
  server   http://{}{}   policy: RealtimeService {namespace}/{name}, live

  export KUBECONFIG={}
  {kubectl} get rts -n {namespace}
  {kubectl} edit rts {name} -n {namespace}     # a change of origins is live within a second
{}
Ctrl-C ends everything and leaves nothing behind.",
            started.elapsed().as_secs(),
            self.server_address,
            self.service.spec.path,
            self.cluster.kubeconfig().display(),
            self.cluster.table(&namespace),
        )
    }

    async fn end(self) -> Result<()> {
        self.page.end();
        self.server.end().await;
        let Self { cluster, operator, service, .. } = self;
        // The operator goes after the resource, so that it sees the end of it.
        cluster.remove(&service, operator).await
    }
}

fn say(words: &str) {
    println!("{words}");
}

/// The program of this name beside the running one.
fn beside(program: &str) -> Result<std::path::PathBuf> {
    let here = std::env::current_exe().context("failed to find the running program")?;
    let path = here.parent().unwrap_or(Path::new(".")).join(program);
    anyhow::ensure!(path.exists(), "{} is not there: build it with `cargo build --release`", path.display());
    Ok(path)
}
