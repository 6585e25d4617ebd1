//! The programs, and the conditions that say when they serve.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde_json::json;

use crate::{Options, arguments, credentials::Credentials, ports::Ports, process::Process, request::Requester};

const DEADLINE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct ControlPlane {
    // In the order in which they are dropped: clients before servers.
    controller_manager: Option<Process>,
    apiserver: Option<Process>,
    etcd: Process,
    ports: Ports,
    assets: PathBuf,
    data: PathBuf,
    audit_log: Option<PathBuf>,
}

impl ControlPlane {
    pub(crate) async fn start(
        assets: &Path,
        data: &Path,
        ports: Ports,
        credentials: &Credentials,
        options: &Options,
    ) -> Result<Self> {
        let Options { controller_manager, audit } = *options;
        let mut plane = Self {
            controller_manager: None,
            apiserver: None,
            etcd: Process::start(assets, data, "etcd", &arguments::etcd(data, &ports))?,
            ports,
            assets: assets.to_owned(),
            data: data.to_owned(),
            audit_log: audit.then(|| data.join("audit.log")),
        };
        plane.start_apiserver(credentials).await?;
        if controller_manager {
            let args = arguments::kube_controller_manager(credentials);
            plane.controller_manager = Some(Process::start(assets, data, "kube-controller-manager", &args)?);
            let account = "/api/v1/namespaces/default/serviceaccounts/default";
            plane.wait_until_found(&[account], credentials).await?;
        }
        Ok(plane)
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    pub(crate) fn audit_log(&self) -> Option<&Path> {
        self.audit_log.as_deref()
    }

    pub(crate) fn stop_apiserver(&mut self) {
        self.apiserver = None;
    }

    pub(crate) async fn start_apiserver(&mut self, credentials: &Credentials) -> Result<()> {
        if let Some(log) = &self.audit_log {
            let policy = json!({
                "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
                "omitStages": ["RequestReceived", "ResponseStarted"],
                "rules": [{"level": "Metadata"}],
            });
            fs::write(arguments::audit_policy(&self.data), policy.to_string())?;
            // There from the start, for who follows it before the first request.
            fs::OpenOptions::new().create(true).append(true).open(log)?;
        }
        let args = arguments::kube_apiserver(&self.data, &self.ports, credentials, self.audit_log.as_deref());
        self.apiserver = Some(Process::start(&self.assets, &self.data, "kube-apiserver", &args)?);
        // The namespace comes a moment after the apiserver calls itself ready.
        self.wait_until_found(&["/readyz", "/api/v1/namespaces/default"], credentials).await
    }

    async fn wait_until_found(&mut self, paths: &[&str], credentials: &Credentials) -> Result<()> {
        let Credentials { authority, admin_token, .. } = credentials;
        let requester = Requester::new(authority.clone(), self.ports.apiserver, admin_token.clone())?;
        let deadline = Instant::now() + DEADLINE;
        for path in paths {
            loop {
                let outcome = tokio::time::timeout_at(deadline.into(), requester.status(path)).await;
                self.check()?;
                let last = match outcome {
                    Ok(Ok(200)) => break,
                    Ok(Ok(code)) => format!("status {code}"),
                    Ok(Err(error)) => format!("{error:#}"),
                    Err(_) => "no answer".to_owned(),
                };
                if Instant::now() >= deadline {
                    bail!("{path} was not there after {DEADLINE:?} ({last}); the end of the log:\n{}", self.log_tail());
                }
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        let Self { etcd, apiserver, controller_manager, .. } = self;
        etcd.check()?;
        [apiserver, controller_manager].into_iter().flatten().try_for_each(Process::check)
    }

    fn log_tail(&self) -> String {
        self.controller_manager.as_ref().or(self.apiserver.as_ref()).unwrap_or(&self.etcd).log_tail()
    }
}
