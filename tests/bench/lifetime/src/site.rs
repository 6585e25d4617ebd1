//! Where it happens: two nodes, the operator from its chart, Redis, and Envoy with the meaning of Google's load balancer.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{Api, Client, ResourceExt, api::ListParams};
use local_balancer::Balancer;
use local_cluster::{LocalCluster, Options as ClusterOptions};
use realtime_chart_tests::{images, release::Release};
use realtime_tests::{helm::Chart, kubectl, wait};
use serde_json::{Value, json};

use crate::{
    crowd::Entrance,
    peer,
    redis::Redis,
    scenario::{BEFORE, Scenario, Served},
    usage::Usage,
};

const NAMESPACE: &str = "chat";
const SYSTEM: &str = "realtime-system";
const PATH: &str = "/oursocketio";
/// Longest until a service is as it should be: all pods replaced, each with its time to leave.
const LIMIT: Duration = Duration::from_secs(600);

/// What runs.
pub struct Site {
    /// The cluster, with two nodes.
    pub cluster: LocalCluster,
    served: Served,
    client: Client,
    balancer: Balancer,
    /// What the pods share.
    pub redis: Redis,
    /// The service that is played with.
    name: &'static str,
    /// Its pods when a scenario begins.
    pods: usize,
    wanted: usize,
    /// Uids of pods that have to go before a change is over.
    leaving: BTreeSet<String>,
    /// A pod whose server has to be started again.
    restarting: Option<String>,
    /// Rollouts so far.
    builds: u32,
}

impl Site {
    /// Starts everything.
    pub async fn start(served: Served, pods: usize) -> Result<Self> {
        let built = images::images().await?;
        let peer = peer::image().await?;
        let assets = LocalCluster::assets(|line| eprintln!("{line}")).await?;
        let envoy = Balancer::envoy(|line| eprintln!("{line}")).await?;
        let cluster = LocalCluster::start(&assets, ClusterOptions { nodes: 2, ..ClusterOptions::default() }).await?;
        for archive in built.iter().map(|image| &image.archive).chain([&peer]) {
            cluster.import_image(archive).await?;
        }
        let client = client(&cluster).await?;
        for definition in local_balancer::gke::definitions() {
            apply(&cluster, &serde_json::to_value(definition)?).await?;
        }
        for namespace in [SYSTEM, NAMESPACE] {
            let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
            let metadata = json!({"name": namespace, "labels": labels});
            apply(&cluster, &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})).await?;
        }
        let redis = Redis::start(cluster.host_address().context("the cluster has nodes")?).await?;
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redis", "namespace": NAMESPACE},
            "stringData": {"url": redis.url()}});
        apply(&cluster, &secret).await?;
        release(&cluster, Chart::Crds).install(&json!({}), &["--wait"]).await?.good()?;
        release(&cluster, Chart::Operator).install(&json!({}), &["--wait", "--timeout=90s"]).await?.good()?;
        let at = local_balancer::Options { envoy: Some(envoy), ..local_balancer::Options::default() };
        let balancer = Balancer::start(client.clone(), at).await?;
        let (leaving, restarting) = (BTreeSet::new(), None);
        Ok(Self {
            cluster,
            served,
            client,
            balancer,
            redis,
            name: "chat",
            pods,
            wanted: pods,
            leaving,
            restarting,
            builds: 0,
        })
    }

    /// Where clients connect.
    pub fn entrance(&self) -> Entrance<'static> {
        let host = if self.name == "chat" { "chat.domain-a.com" } else { "fixed.domain-a.com" };
        Entrance { at: self.balancer.http(), host, path: PATH }
    }

    /// The service as the scenario finds it; returns when all its pods get requests.
    pub async fn serve(&mut self, scenario: Scenario, age: u64) -> Result<()> {
        (self.name, self.wanted) = match scenario {
            Scenario::RotationOff => ("fixed", 1),
            Scenario::ScaleOut => ("chat", BEFORE),
            _ => ("chat", self.pods),
        };
        let Entrance { host, .. } = self.entrance();
        let objects = match self.served {
            // Rotation is switched off where the server believes that it has an hour.
            Served::Bundled if scenario == Scenario::RotationOff => vec![service(self.name, host, self.wanted, 3600)],
            Served::Bundled => vec![service(self.name, host, self.wanted, age)],
            Served::Node => peer::objects(self.name, host, PATH, self.wanted, age, &self.redis.url()),
        };
        for mut object in objects {
            object["metadata"]["namespace"] = json!(NAMESPACE);
            apply(&self.cluster, &object).await?;
        }
        self.leaving.clear();
        let settled = wait::until(LIMIT, async || Ok(self.is_settled().await?.then_some(())));
        ensure!(settled.await?.is_some(), "the service does not get ready");
        if scenario == Scenario::RotationOff {
            self.patch("rts", &json!({"spec": {"paused": true}})).await?;
            self.patch("backendconfig", &json!({"spec": {"timeoutSec": age}})).await?;
        }
        self.balancer.healthy(NAMESPACE, self.name, self.wanted).await?;
        Ok(())
    }

    /// What a scenario leaves behind is taken away.
    pub async fn after(&mut self, scenario: Scenario) -> Result<()> {
        match scenario {
            Scenario::RotationOff => {
                self.kubectl(&["delete", "rts", self.name, "--wait=false"]).await?;
            }
            Scenario::Drain => {
                self.kubectl(&["uncordon", "node-2"]).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Another version of the pods.
    pub async fn replace_pods(&mut self) -> Result<()> {
        self.leaving = self.pods().await?.iter().filter_map(|pod| pod.uid()).collect();
        self.builds += 1;
        let build = json!({"build": self.builds.to_string()});
        let (kind, patch) = match self.served {
            Served::Bundled => ("rts", json!({"spec": {"workload": {"podAnnotations": build}}})),
            Served::Node => ("deployment", json!({"spec": {"template": {"metadata": {"annotations": build}}}})),
        };
        self.patch(kind, &patch).await
    }

    /// Another number of pods.
    pub async fn scale(&mut self, pods: usize) -> Result<()> {
        self.wanted = pods;
        match self.served {
            Served::Bundled => self.patch("rts", &json!({"spec": {"workload": {"replicas": pods}}})).await,
            Served::Node => self.patch("deployment", &json!({"spec": {"replicas": pods}})).await,
        }
    }

    /// `kubectl drain`, as an administrator does it before maintenance.
    pub async fn drain(&mut self, node: u8) -> Result<()> {
        let node = format!("node-{node}");
        let on_it = |pod: &&Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(&node);
        self.leaving = self.pods().await?.iter().filter(on_it).filter_map(|pod| pod.uid()).collect();
        ensure!(!self.leaving.is_empty(), "no pod runs on {node}");
        self.kubectl(&["drain", &node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=10m"]).await?;
        Ok(())
    }

    /// SIGKILL for one server: no goodbye, and the kubelet starts it again.
    pub async fn kill_one(&mut self) -> Result<()> {
        let pods = self.pods().await?;
        let pod = pods.first().context("there are no pods")?;
        let uid = pod.uid().context("a uid")?;
        let (process, _) = self.server_of(&uid).context("no server runs in the pod")?;
        self.restarting = Some(pod.name_any());
        let process = rustix::process::Pid::from_raw(process).context("a process")?;
        rustix::process::kill_process(process, rustix::process::Signal::KILL)?;
        Ok(())
    }

    /// The operator's pod is replaced by one with other options.
    pub async fn upgrade_operator(&mut self) -> Result<()> {
        let values = json!({"log": {"level": "debug"}});
        release(&self.cluster, Chart::Operator).upgrade(&values, &["--wait", "--timeout=180s"]).await?.good()?;
        Ok(())
    }

    /// Whether the change is over: those that had to go are gone, and the wanted number of pods is ready.
    pub async fn is_settled(&mut self) -> Result<bool> {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), NAMESPACE);
        let Some(deployment) = deployments.get_opt(self.name).await? else { return Ok(false) };
        let pods = self.pods().await?;
        if let Some(name) = &self.restarting {
            let restarts = |pod: &Pod| {
                let status = pod.status.as_ref()?.container_statuses.as_ref()?;
                Some(status.iter().any(|container| container.restart_count > 0))
            };
            if !pods.iter().any(|pod| pod.name_any() == *name && restarts(pod) == Some(true)) {
                return Ok(false);
            }
        }
        let status = deployment.status.clone().unwrap_or_default();
        let ready = [status.replicas, status.updated_replicas, status.available_replicas];
        let is_there = ready.iter().all(|count| count.unwrap_or(0) == self.wanted as i32)
            && status.observed_generation == deployment.metadata.generation
            && pods.len() == self.wanted;
        let is_gone = pods.iter().filter_map(|pod| pod.uid()).all(|uid| !self.leaving.contains(&uid));
        if is_there && is_gone {
            self.restarting = None;
        }
        Ok(is_there && is_gone)
    }

    /// What the servers take of the machine, pod by pod.
    pub async fn usage(&self) -> Result<Usage> {
        let uids = self.pods().await?.into_iter().filter_map(|pod| pod.uid());
        let servers = uids.filter_map(|uid| {
            let (process, _) = self.server_of(&uid)?;
            Some((uid, process.cast_unsigned()))
        });
        Ok(Usage::now(servers)?)
    }

    /// The server's process in a pod.
    fn server_of(&self, pod: &str) -> Option<(i32, String)> {
        let program = match self.served {
            Served::Bundled => "/realtime-server",
            Served::Node => "/node",
        };
        processes_of(pod).ok()?.into_iter().find(|(_, command)| command.starts_with(program))
    }

    /// What there is, for whoever has to find out why something failed.
    pub async fn describe(&self) -> String {
        let mut text = String::new();
        for what in [
            &["get", "rts,deployment,pods,ingress,backendconfigs,events", "-o", "wide"][..],
            &["describe", "rts"],
            &["logs", "-l", "app.kubernetes.io/name=realtime-server", "--tail=20", "--prefix"],
        ] {
            text += &self.kubectl(what).await.unwrap_or_else(|error| error.to_string());
        }
        text
    }

    /// Ends everything.
    pub async fn stop(self) -> Result<()> {
        self.balancer.stop().await;
        drop(self.redis);
        self.cluster.stop().await
    }

    async fn pods(&self) -> Result<Vec<Pod>> {
        let label = match self.served {
            Served::Bundled => format!("app.kubernetes.io/instance={}", self.name),
            Served::Node => format!("app={}", self.name),
        };
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), NAMESPACE);
        Ok(pods.list(&ListParams::default().labels(&label)).await?.items)
    }

    async fn patch(&self, kind: &str, patch: &Value) -> Result<()> {
        self.kubectl(&["patch", kind, self.name, "--type=merge", "-p", &patch.to_string()]).await.map(|_| ())
    }

    async fn kubectl(&self, args: &[&str]) -> Result<String> {
        kubectl::run(self.cluster.kubectl(), &[&["-n", NAMESPACE], args].concat(), "").await?.good()
    }
}

fn service(name: &str, host: &str, pods: usize, age: u64) -> Value {
    let mut spec = json!({"host": host, "path": PATH, "origins": {"allow": ["https://app.domain-b.com"]},
        "exposure": {"gke": {}}, "timeouts": {"maxConnectionAge": format!("{age}s"), "drain": "20s", "pingInterval": "10s", "pingTimeout": "10s"},
        "workload": {"replicas": pods}});
    if pods > 1 {
        spec["backplane"] = json!({"redis": {"urlSecretRef": {"name": "redis", "key": "url"}}});
    }
    json!({"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService", "metadata": {"name": name}, "spec": spec})
}

async fn client(cluster: &LocalCluster) -> Result<Client> {
    let kubeconfig = kube::config::Kubeconfig::read_from(cluster.kubeconfig())?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

fn release(cluster: &LocalCluster, chart: Chart) -> Release {
    Release::of(chart, chart.name(), SYSTEM, cluster.kubeconfig().to_owned())
}

async fn apply(cluster: &LocalCluster, object: &Value) -> Result<()> {
    // A definition that was just made may not serve yet. What a scenario before it patched is taken back.
    let applied = wait::until(wait::DEADLINE, async || {
        kubectl::run(
            cluster.kubectl(),
            &["apply", "--server-side", "--force-conflicts", "-f", "-"],
            &object.to_string(),
        )
        .await?
        .good()?;
        Ok(Some(()))
    });
    applied.await?.context("it cannot be applied")
}

/// The processes of a pod's containers, with their command lines.
fn processes_of(pod: &str) -> Result<Vec<(i32, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let read = |file: &str| std::fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        if read("cgroup").contains(pod) {
            found.push((number, read("cmdline").replace('\0', " ")));
        }
    }
    Ok(found)
}
