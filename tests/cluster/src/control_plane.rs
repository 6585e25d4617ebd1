//! The programs, and the conditions that say when they serve.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde_json::json;

use crate::{
    Options, arguments,
    credentials::Credentials,
    layout::Layout,
    process::Process,
    request::Requester,
    wait::{self, Running, Yet},
};

#[derive(Debug)]
pub(crate) struct ControlPlane {
    // In the order in which they are dropped: clients before servers.
    scheduler: Option<Process>,
    controller_manager: Option<Process>,
    apiserver: Option<Process>,
    etcd: Option<Process>,
    layout: Layout,
    assets: PathBuf,
    data: PathBuf,
    audit_log: Option<PathBuf>,
}

impl ControlPlane {
    pub(crate) async fn start(
        assets: &Path,
        data: &Path,
        layout: Layout,
        credentials: &Credentials,
        options: &Options,
    ) -> Result<Self> {
        let Options { controller_manager, audit, nodes } = *options;
        let mut plane = Self {
            scheduler: None,
            controller_manager: None,
            apiserver: None,
            etcd: None,
            layout,
            assets: assets.to_owned(),
            data: data.to_owned(),
            audit_log: audit.then(|| data.join("audit.log")),
        };
        plane.spawn_etcd()?;
        plane.start_apiserver(credentials).await?;
        if nodes > 0 {
            let args = arguments::kube_scheduler(credentials);
            plane.scheduler = Some(plane.spawn("kube-scheduler", &args)?);
        }
        if controller_manager || nodes > 0 {
            plane.start_controller_manager(credentials).await?;
        }
        Ok(plane)
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn audit_log(&self) -> Option<&Path> {
        self.audit_log.as_deref()
    }

    pub(crate) fn stop_etcd(&mut self) {
        self.etcd = None;
    }

    pub(crate) async fn start_etcd(&mut self, credentials: &Credentials) -> Result<()> {
        self.spawn_etcd()?;
        // The apiserver may be away as well.
        match self.apiserver {
            Some(_) => self.wait_until_found(&["/readyz", "/api/v1/namespaces/default"], credentials).await,
            None => Ok(()),
        }
    }

    pub(crate) fn stop_controller_manager(&mut self) {
        self.controller_manager = None;
    }

    pub(crate) async fn start_controller_manager(&mut self, credentials: &Credentials) -> Result<()> {
        let args = arguments::kube_controller_manager(credentials);
        self.controller_manager = Some(self.spawn("kube-controller-manager", &args)?);
        self.wait_until_found(&["/api/v1/namespaces/default/serviceaccounts/default"], credentials).await
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
        let args = arguments::kube_apiserver(&self.data, &self.layout, credentials, self.audit_log.as_deref());
        self.apiserver = Some(self.spawn("kube-apiserver", &args)?);
        // The namespace comes a moment after the apiserver calls itself ready.
        self.wait_until_found(&["/readyz", "/api/v1/namespaces/default"], credentials).await
    }

    fn spawn_etcd(&mut self) -> Result<()> {
        let args = arguments::etcd(&self.data, &self.layout);
        self.etcd = Some(self.spawn("etcd", &args)?);
        Ok(())
    }

    fn spawn(&self, program: &str, args: &[String]) -> Result<Process> {
        Process::start(&self.assets, &self.data, program, args)
    }

    async fn wait_until_found(&mut self, paths: &[&str], credentials: &Credentials) -> Result<()> {
        let requester = Requester::new(credentials, self.layout.ports.apiserver)?;
        for path in paths {
            let ask = async || {
                Ok(match requester.get(path).await?.code {
                    200 => Yet::Done(()),
                    code => Yet::Not(format!("status {code}")),
                })
            };
            wait::until(path, self, ask).await?;
        }
        Ok(())
    }
}

impl Running for ControlPlane {
    fn check(&mut self) -> Result<()> {
        let Self { etcd, apiserver, controller_manager, scheduler, .. } = self;
        [etcd, apiserver, controller_manager, scheduler].into_iter().flatten().try_for_each(Process::check)
    }

    fn log_tail(&self) -> String {
        let Self { etcd, apiserver, controller_manager, .. } = self;
        let last_started = [controller_manager, apiserver, etcd].into_iter().flatten().next();
        last_started.map(Process::log_tail).unwrap_or_default()
    }
}
