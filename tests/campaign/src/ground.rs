//! Where a campaign takes place: a namespace with an account that has the operator's rights, and the proxy before it.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
    config::AuthInfo,
};
use realtime_crds::RealtimeService;
use realtime_tests::{Cluster, Stage};
use serde_json::{Value, json};

use crate::{Operator, operator::Order, proxy::Proxy};

/// A namespace, and the proxy that its operators go through.
pub struct Ground {
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// A client of an administrator, which goes past the proxy.
    pub client: Client,
    /// The namespace.
    pub namespace: String,
    /// The proxy.
    pub proxy: Proxy,
    token: String,
    folder: tempfile::TempDir,
    /// The account and its rights.
    pub stage: Stage,
}

impl Ground {
    /// A new namespace on the shared cluster.
    ///
    /// # Errors
    /// When something is refused.
    pub async fn new(namespace: &str) -> Result<Self> {
        Self::on(Cluster::shared().await?, namespace).await
    }

    /// A new namespace on that cluster.
    ///
    /// # Errors
    /// When something is refused.
    pub async fn on(cluster: Arc<Cluster>, namespace: &str) -> Result<Self> {
        let stage = Stage::on(cluster.clone(), namespace).await?;
        let config = cluster.config().await?;
        let mut upstream = config.clone();
        upstream.auth_info = AuthInfo::default();
        upstream.default_retry = false;
        upstream.read_timeout = None;
        Ok(Self {
            client: Client::try_from(config)?,
            namespace: namespace.to_owned(),
            proxy: Proxy::new(Client::try_from(upstream)?),
            token: token_of(&stage).await?,
            folder: tempfile::tempdir()?,
            cluster,
            stage,
        })
    }

    /// An operator that goes through a door of its own name.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn operator(&self, identity: &str) -> Result<Operator> {
        Operator::start(&self.order(identity).await?).await
    }

    /// What such an operator is started with.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn order(&self, identity: &str) -> Result<Order> {
        let door = self.proxy.door(identity).await?;
        let kubeconfig = self.file(&format!("{identity}.kubeconfig"));
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{door}")}}],
            "users": [{"name": "proxy", "user": {"token": self.token}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        });
        std::fs::write(&kubeconfig, config.to_string())?;
        Ok(Order {
            kubeconfig,
            identity: identity.to_owned(),
            namespace: self.namespace.clone(),
            elects: false,
            image: None,
            log: self.log(&format!("{identity}-{door}.log")),
        })
    }

    /// Logs stay when somebody wants to read them.
    fn log(&self, name: &str) -> PathBuf {
        std::env::var_os("REALTIME_CAMPAIGN_LOGS")
            .map_or_else(|| self.file(name), |folder| PathBuf::from(folder).join(name))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The services here.
    #[must_use]
    pub fn services(&self) -> Api<RealtimeService> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Applies a service with this spec, as its user does.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn apply(&self, name: &str, spec: &Value) -> Result<RealtimeService, kube::Error> {
        let service = json!({"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService",
            "metadata": {"name": name}, "spec": spec});
        let user = PatchParams::apply("user").force();
        self.services().patch(name, &user, &Patch::Apply(service)).await
    }

    /// The uid of the operator's own account.
    ///
    /// # Errors
    /// When there is none.
    pub async fn uid_of_account(&self) -> Result<Option<String>> {
        let accounts = realtime_tests::Child::of("ServiceAccount").api(&self.client, &self.namespace);
        Ok(accounts.get("realtime-operator").await?.metadata.uid)
    }

    /// Deletes a service and waits until nothing of it is left.
    ///
    /// # Errors
    /// When something stays.
    pub async fn delete(&self, name: &str) -> Result<()> {
        match self.services().delete(name, &DeleteParams::background()).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        self.gone(name).await
    }
}

async fn token_of(stage: &Stage) -> Result<String> {
    let path = stage.kubeconfig_of("realtime-operator").await?;
    let kubeconfig: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let token = kubeconfig["users"][0]["user"]["token"].as_str();
    Ok(token.context("an account has a token")?.to_owned())
}
