//! A namespace of a shared cluster, a load balancer of the test's own, and the objects that it reads.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use kube::{
    Api, Client, Config,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use local_balancer::{Balancer, Options, gke};
use local_cluster::LocalCluster;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::backend::Backend;

/// A namespace of a shared cluster, and a load balancer of the test's own.
pub struct Stage {
    pub client: Client,
    pub namespace: String,
    pub balancer: Balancer,
}

/// One cluster for all tests. It ends with the process.
pub async fn kubeconfig() -> Result<PathBuf> {
    static CLUSTER: OnceCell<LocalCluster> = OnceCell::const_new();
    let start = || async {
        let _ = tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).try_init();
        let assets = LocalCluster::assets(|line| eprintln!("{line}")).await?;
        let cluster = LocalCluster::start(&assets, local_cluster::Options::default()).await?;
        let client = client(&cluster.kubeconfig().to_owned()).await?;
        let api = Api::all(client);
        for definition in gke::definitions() {
            api.create(&PostParams::default(), &definition).await?;
        }
        anyhow::Ok(cluster)
    };
    Ok(CLUSTER.get_or_try_init(start).await?.kubeconfig().to_owned())
}

/// A client must not outlive the runtime that it began on, so every test has its own.
async fn client(kubeconfig: &PathBuf) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    Ok(Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)?)
}

impl Stage {
    pub async fn new() -> Result<Self> {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let namespace = format!("stage-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let client = client(&kubeconfig().await?).await?;
        let balancer = Balancer::start(client.clone(), options).await?;
        let stage = Self { client, namespace, balancer };
        stage.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stage.namespace}})).await?;
        Ok(stage)
    }

    /// A host that no other test uses.
    pub fn host(&self, name: &str) -> String {
        format!("{name}.{}.example.com", self.namespace)
    }

    pub fn api(&self, api_version: &str, kind: &str) -> Result<Api<DynamicObject>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Ok(match kind {
            "Namespace" => Api::all_with(self.client.clone(), &resource),
            _ => Api::namespaced_with(self.client.clone(), &self.namespace, &resource),
        })
    }

    pub async fn apply(&self, object: Value) -> Result<DynamicObject> {
        let text = |field: &str| object[field].as_str().map(str::to_owned).with_context(|| format!("no {field}"));
        let api = self.api(&text("apiVersion")?, &text("kind")?)?;
        let name = object["metadata"]["name"].as_str().context("no name")?.to_owned();
        Ok(api.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await?)
    }

    pub async fn delete(&self, api_version: &str, kind: &str, name: &str) -> Result<()> {
        self.api(api_version, kind)?.delete(name, &Default::default()).await?;
        Ok(())
    }

    /// A Service with port 80, and a BackendConfig of the same name.
    pub async fn service(&self, name: &str, config: Value) -> Result<()> {
        self.backend_config(name, config).await?;
        let annotations = json!({"cloud.google.com/backend-config": json!({"default": name}).to_string()});
        self.bare_service(name, annotations).await
    }

    pub async fn bare_service(&self, name: &str, annotations: Value) -> Result<()> {
        self.apply(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "annotations": annotations},
            "spec": {"ports": [{"name": "http", "port": 80}]},
        }))
        .await?;
        Ok(())
    }

    pub async fn backend_config(&self, name: &str, spec: Value) -> Result<()> {
        let mut spec = spec;
        if spec["healthCheck"].is_null() {
            spec["healthCheck"] = json!({"requestPath": "/healthz", "checkIntervalSec": 1, "timeoutSec": 1});
        }
        self.apply(json!({
            "apiVersion": "cloud.google.com/v1", "kind": "BackendConfig", "metadata": {"name": name}, "spec": spec,
        }))
        .await?;
        Ok(())
    }

    /// All servers listen on one address, so each has a slice of its own for its port.
    pub async fn endpoint(&self, service: &str, backend: &Backend, conditions: Value) -> Result<()> {
        self.apply(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{service}-{}", backend.name), "labels": {"kubernetes.io/service-name": service},
            },
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": backend.address.port(), "protocol": "TCP"}],
            "endpoints": [{"addresses": [backend.address.ip()], "conditions": conditions}],
        }))
        .await?;
        Ok(())
    }

    pub async fn ready(&self, service: &str, backend: &Backend) -> Result<()> {
        self.endpoint(service, backend, json!({"ready": true, "serving": true, "terminating": false})).await
    }

    pub async fn terminating(&self, service: &str, backend: &Backend) -> Result<()> {
        self.endpoint(service, backend, json!({"ready": false, "serving": true, "terminating": true})).await
    }

    /// An Ingress of GKE's class that sends all of a host to a Service.
    pub async fn ingress(&self, name: &str, host: &str, service: &str) -> Result<()> {
        let path = json!({"path": "/", "pathType": "Prefix", "backend": backend(service)});
        self.ingress_of(name, json!({}), json!({"rules": [{"host": host, "http": {"paths": [path]}}]})).await
    }

    pub async fn ingress_of(&self, name: &str, mut annotations: Value, spec: Value) -> Result<()> {
        annotations["kubernetes.io/ingress.class"] = "gce".into();
        self.apply(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "annotations": annotations}, "spec": spec,
        }))
        .await?;
        Ok(())
    }

    /// A Service with these servers behind an Ingress, all of them healthy.
    pub async fn serve(&self, host: &str, config: Value, backends: &[&Backend]) -> Result<()> {
        self.service("chat", config).await?;
        for backend in backends {
            self.ready("chat", backend).await?;
        }
        self.ingress("chat", host, "chat").await?;
        self.balancer.healthy(&self.namespace, "chat", backends.len()).await?;
        Ok(())
    }

    /// The status' addresses of an Ingress, once there are some.
    pub async fn addresses(&self, ingress: &str) -> Result<Vec<String>> {
        let api = self.api("networking.k8s.io/v1", "Ingress")?;
        until(Duration::from_secs(10), async || {
            let object = api.get(ingress).await?;
            let entries = object.data["status"]["loadBalancer"]["ingress"].as_array().cloned().unwrap_or_default();
            let addresses: Vec<_> = entries.iter().filter_map(|it| Some(it["ip"].as_str()?.to_owned())).collect();
            Ok((!addresses.is_empty()).then_some(addresses))
        })
        .await
    }

    /// What Events say about an Ingress.
    pub async fn warnings(&self, ingress: &str) -> Result<Vec<(String, String)>> {
        let events = self.api("events.k8s.io/v1", "Event")?.list(&Default::default()).await?;
        let about = events.items.iter().filter(|event| {
            let about = &event.data["regarding"];
            about["kind"] == "Ingress" && about["name"] == ingress && event.data["type"] == "Warning"
        });
        let text = |event: &DynamicObject, field: &str| event.data[field].as_str().unwrap_or_default().to_owned();
        Ok(about.map(|event| (text(event, "reason"), text(event, "note"))).collect())
    }
}

/// A reference to port 80 of a Service, by name.
pub fn backend(service: &str) -> Value {
    json!({"service": {"name": service, "port": {"name": "http"}}})
}

/// Asks until there is an answer.
pub async fn until<T>(limit: Duration, mut probe: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(answer) = probe().await? {
            return Ok(answer);
        }
        ensure!(began.elapsed() < limit, "not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
