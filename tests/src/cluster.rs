//! A control plane with the definitions installed.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, Config, ResourceExt,
    config::{KubeConfigOptions, Kubeconfig},
};
use local_cluster::{LocalCluster, Options};
use realtime_crds::foreign;
use tokio::{process::Command, sync::OnceCell, sync::RwLock};

use crate::{
    kubectl::{self, Said},
    program, wait,
};

/// A running control plane.
#[derive(Debug)]
pub struct Cluster {
    local: RwLock<LocalCluster>,
    kubeconfig: PathBuf,
    audit_log: PathBuf,
}

impl Cluster {
    /// The one that most tests share, each in a namespace of its own: with controllers, with Google's kinds and the Gateway API's.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn shared() -> Result<Arc<Self>> {
        static SHARED: OnceCell<Arc<Cluster>> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::with_all_kinds).await.cloned()
    }

    /// One of a test's own that is like it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn with_all_kinds() -> Result<Arc<Self>> {
        Self::start(true).await?.with_foreign_kinds().await
    }

    /// Another one that is shared, without controllers: the status of Deployments is what a test writes there.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn without_controllers() -> Result<Arc<Self>> {
        static SHARED: OnceCell<Arc<Cluster>> = OnceCell::const_new();
        let start = || async { Self::start(false).await?.with_foreign_kinds().await };
        SHARED.get_or_try_init(start).await.cloned()
    }

    /// One of a test's own, with the project's definitions, and without BackendConfig.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(controller_manager: bool) -> Result<Arc<Self>> {
        let assets = LocalCluster::assets(|line| eprintln!("{line}")).await?;
        let local =
            LocalCluster::start(&assets, Options { controller_manager, audit: true, ..Options::default() }).await?;
        let cluster = Arc::new(Self {
            kubeconfig: local.kubeconfig().to_owned(),
            audit_log: local.audit_log().context("audit was asked for")?.to_owned(),
            local: RwLock::new(local),
        });
        let printed = Command::new(program::operator().await?).arg("crd").output().await?;
        let definitions = String::from_utf8(printed.stdout).context("a definition is text")?;
        cluster.kubectl(&["apply", "-f", "-"], &definitions).await?.good()?;
        cluster.established("realtimeservices.realtime-operator.dev").await?;
        Ok(cluster)
    }

    async fn with_foreign_kinds(self: Arc<Self>) -> Result<Arc<Self>> {
        for definition in foreign::definitions() {
            self.install(&definition).await?;
        }
        Ok(self)
    }

    /// Installs Google's BackendConfig as this project knows it.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn install_backend_config(&self) -> Result<()> {
        let definition = foreign::definitions().into_iter().find(|it| it.spec.names.kind == "BackendConfig");
        self.install(&definition.context("BackendConfig has a definition")?).await
    }

    async fn install(&self, definition: &CustomResourceDefinition) -> Result<()> {
        Api::<CustomResourceDefinition>::all(self.client().await?).create(&Default::default(), definition).await?;
        self.established(&definition.name_any()).await
    }

    /// Waits until the kind is served.
    ///
    /// # Errors
    /// When it is not.
    pub async fn established(&self, definition: &str) -> Result<()> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client().await?);
        let served = wait::until(wait::DEADLINE, async || {
            let status = api.get(definition).await?.status;
            let conditions = status.and_then(|status| status.conditions).unwrap_or_default();
            Ok(conditions.iter().any(|it| it.type_ == "Established" && it.status == "True").then_some(()))
        });
        served.await?.with_context(|| format!("{definition} is not served"))
    }

    /// A client of an administrator, for the test that asks: a client must not outlive the runtime that it began on.
    ///
    /// # Errors
    /// When the kubeconfig cannot be read.
    pub async fn client(&self) -> Result<Client> {
        Ok(Client::try_from(self.config().await?)?)
    }

    /// What an administrator's client is made from.
    ///
    /// # Errors
    /// When the kubeconfig cannot be read.
    pub async fn config(&self) -> Result<Config> {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig)?;
        Ok(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
    }

    /// kubectl as the administrator.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn kubectl(&self, args: &[&str], stdin: &str) -> Result<Said> {
        let kubectl = self.local.read().await.kubectl();
        kubectl::run(kubectl, args, stdin).await
    }

    pub(crate) async fn kubeconfig_with_token(&self, name: &str, token: &str) -> Result<PathBuf> {
        self.local.read().await.kubeconfig_with_token(name, token)
    }

    /// The kubeconfig of an administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> &std::path::Path {
        &self.kubeconfig
    }

    /// The log of all requests, a JSON object a line.
    #[must_use]
    pub fn audit_log(&self) -> &std::path::Path {
        &self.audit_log
    }

    /// Takes the API away.
    ///
    /// # Errors
    /// When that fails.
    pub async fn stop_apiserver(&self) -> Result<()> {
        self.local.write().await.stop_apiserver().await
    }

    /// Brings it back.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn start_apiserver(&self) -> Result<()> {
        self.local.write().await.start_apiserver().await
    }

    /// Takes the apiserver's store away and brings it back after `pause`.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn restart_etcd(&self, pause: Duration) -> Result<()> {
        let mut local = self.local.write().await;
        local.stop_etcd().await?;
        tokio::time::sleep(pause).await;
        local.start_etcd().await
    }

    /// Takes the controllers away and brings them back after `pause`.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn restart_controller_manager(&self, pause: Duration) -> Result<()> {
        let mut local = self.local.write().await;
        local.stop_controller_manager().await?;
        tokio::time::sleep(pause).await;
        local.start_controller_manager().await
    }
}
