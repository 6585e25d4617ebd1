//! A namespace of a test's own, with an account for its operator.

mod rest;

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, PostParams},
};
use realtime_crds::RealtimeService;
use serde_json::Value;

use crate::{Child, Cluster, Operator, audit::Audit, helm, kubectl::Said, wait};

const ACCOUNT: &str = "realtime-operator";
const LOG_TAIL: usize = 40;

/// A namespace with an account that has the operator's rights.
pub struct Stage {
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// A client of an administrator.
    pub client: Client,
    /// The namespace.
    pub namespace: String,
    kubeconfig: PathBuf,
    logs: tempfile::TempDir,
}

impl Stage {
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
        Self::with_rights(cluster, namespace, &helm::rights(namespace).await?).await
    }

    /// A new namespace on that cluster whose account `realtime-operator` has these rights.
    ///
    /// # Errors
    /// When something is refused.
    pub async fn with_rights(cluster: Arc<Cluster>, namespace: &str, rights: &str) -> Result<Self> {
        cluster.kubectl(&["create", "namespace", namespace], "").await?.good()?;
        cluster.kubectl(&["create", "-f", "-"], rights).await?.good()?;
        let client = cluster.client().await?;
        let kubeconfig = kubeconfig_of(&cluster, &client, namespace, ACCOUNT).await?;
        let namespace = namespace.to_owned();
        Ok(Self { cluster, client, namespace, kubeconfig, logs: tempfile::tempdir()? })
    }

    /// A kubeconfig with the rights of an account of this namespace.
    ///
    /// # Errors
    /// When there is no such account.
    pub async fn kubeconfig_of(&self, account: &str) -> Result<PathBuf> {
        kubeconfig_of(&self.cluster, &self.client, &self.namespace, account).await
    }

    /// The kubeconfig of an administrator.
    #[must_use]
    pub fn kubeconfig_of_admin(&self) -> PathBuf {
        self.cluster.kubeconfig().to_owned()
    }

    /// An operator for this namespace, which leads and has read what there is.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn operator(&self) -> Result<Operator> {
        self.operator_with(&[]).await
    }

    /// The same with more options.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn operator_with(&self, options: &[&str]) -> Result<Operator> {
        let audit = self.audit()?;
        let operator = self.standby_with("operator-0", options).await?;
        operator.leads(wait::DEADLINE).await?;
        // It looks at services only when it knows all their children.
        self.eventually("the operator has listed the services", async || {
            Ok(audit.requests()?.iter().any(|it| it.verb == "list" && it.resource == "realtimeservices").then_some(()))
        })
        .await?;
        Ok(operator)
    }

    /// An operator for this namespace that need not lead.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn standby(&self, identity: &str) -> Result<Operator> {
        self.standby_with(identity, &[]).await
    }

    /// The same with more options.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn standby_with(&self, identity: &str, options: &[&str]) -> Result<Operator> {
        self.standby_of_all(identity, &[&["--namespace", &self.namespace], options].concat()).await
    }

    /// The same for all namespaces, as far as it has rights there.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn standby_of_all(&self, identity: &str, options: &[&str]) -> Result<Operator> {
        let number = fs::read_dir(self.logs.path())?.count();
        let log = self.logs.path().join(format!("{number}-{identity}.log"));
        Operator::start(&self.kubeconfig, &self.namespace, identity, options, log).await
    }

    /// kubectl in this namespace.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn kubectl(&self, args: &[&str]) -> Result<Said> {
        self.cluster.kubectl(&[&["-n", &self.namespace], args].concat(), "").await
    }

    /// `kubectl apply -f -`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn apply(&self, manifest: &str) -> Result<()> {
        self.try_apply(&[], manifest).await?.good().map(|_| ())
    }

    /// `kubectl apply -f -` with more arguments, whatever comes of it.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn try_apply(&self, more: &[&str], manifest: &str) -> Result<Said> {
        self.cluster.kubectl(&[&["-n", &self.namespace, "apply", "-f", "-"], more].concat(), manifest).await
    }

    /// The services here.
    #[must_use]
    pub fn services(&self) -> Api<RealtimeService> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The children of one kind here.
    #[must_use]
    pub fn api(&self, child: Child) -> Api<DynamicObject> {
        child.api(&self.client, &self.namespace)
    }

    /// A child as JSON.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn child(&self, child: Child, service: &str) -> Result<Value> {
        let object = self.api(child).get(&child.name(service)).await?;
        serde_json::to_value(object).context("an object is JSON")
    }

    /// The kinds of the children that a service has.
    ///
    /// # Errors
    /// When the apiserver fails.
    pub async fn kinds(&self, service: &str) -> Result<Vec<&'static str>> {
        let mut kinds = Vec::new();
        for child in Child::all() {
            let there = self.api(child).get_opt(&child.name(service)).await;
            // By the code: where the whole group is missing, the answer is no Status.
            let missing_kind = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code == 404);
            match there {
                Ok(Some(object)) if object.metadata.deletion_timestamp.is_none() => kinds.push(child.kind),
                Ok(_) => {}
                Err(error) if missing_kind(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(kinds)
    }

    /// Uid and resource version of every child that a service has.
    ///
    /// # Errors
    /// When the apiserver fails.
    pub async fn versions(&self, service: &str) -> Result<Vec<(&'static str, String, String)>> {
        let mut versions = Vec::new();
        for child in Child::all() {
            if let Some(object) = self.api(child).get_opt(&child.name(service)).await? {
                let version = object.resource_version().unwrap_or_default();
                versions.push((child.kind, object.uid().unwrap_or_default(), version));
            }
        }
        Ok(versions)
    }

    /// Waits until the condition says this: status, reason.
    ///
    /// # Errors
    /// When it does not.
    pub async fn says(&self, service: &str, condition: &str, status: &str, reason: &str) -> Result<String> {
        let what = format!("{service} says {condition}={status} {reason}");
        self.eventually(&what, async || {
            let service = self.services().get(service).await?;
            let generation = service.metadata.generation;
            let conditions = service.status.map(|status| status.conditions).unwrap_or_default();
            let it = conditions.into_iter().find(|it| it.type_ == condition);
            let as_said = it.filter(|it| it.status == status && it.reason == reason);
            Ok(as_said.filter(|it| it.observed_generation == generation).map(|it| it.message))
        })
        .await
    }

    /// The requests of the operator from now on.
    ///
    /// # Errors
    /// When the audit log cannot be read.
    pub fn audit(&self) -> Result<Audit> {
        Audit::now(self.cluster.audit_log(), &format!("system:serviceaccount:{}:{ACCOUNT}", self.namespace))
    }

    /// Asks until there is an answer; without one, tells what there is.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn eventually<T>(&self, what: &str, probe: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
        self.within(wait::DEADLINE, what, probe).await
    }

    /// The same with a limit of its own.
    ///
    /// # Errors
    /// When there is no answer in time.
    pub async fn within<T>(
        &self,
        limit: Duration,
        what: &str,
        probe: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        match wait::until(limit, probe).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => anyhow::bail!("not within {limit:?}: {what}\n{}", self.dump().await),
            Err(error) => Err(error.context(format!("not within {limit:?}: {what}\n{}", self.dump().await))),
        }
    }

    /// Checks, and tells what there is where that fails.
    ///
    /// # Errors
    /// When it does not hold.
    pub async fn holds(&self, holds: bool, what: &str) -> Result<()> {
        if !holds {
            ensure!(holds, "does not hold: {what}\n{}", self.dump().await);
        }
        Ok(())
    }

    async fn dump(&self) -> String {
        let mut text = match self.kubectl(&["get", "rts,events.events.k8s.io", "-o", "yaml"]).await {
            Ok(said) => format!("{}{}", said.out, said.err),
            Err(error) => error.to_string(),
        };
        let logs = fs::read_dir(self.logs.path()).into_iter().flatten().flatten();
        for log in logs {
            let lines = fs::read_to_string(log.path()).unwrap_or_default();
            let lines: Vec<_> = lines.lines().collect();
            text += &format!("\n{}:\n", log.path().display());
            text += &lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n");
        }
        text
    }
}

/// The default is an hour, and the longest campaigns take longer on a busy machine.
const TOKEN_SECONDS: i64 = 24 * 3600;

async fn kubeconfig_of(cluster: &Cluster, client: &Client, namespace: &str, account: &str) -> Result<PathBuf> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let spec = TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() };
    let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
    let asked = accounts.create_token_request(account, &PostParams::default(), &request).await?;
    let token = asked.status.and_then(|status| status.token).context("a token request is answered with a token")?;
    cluster.kubeconfig_with_token(&format!("{namespace}-{account}"), &token).await
}
