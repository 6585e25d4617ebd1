//! One node's programs.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use serde_json::Value;
use tokio::net::TcpStream;

use super::{
    files::{self, Files},
    image,
    network::{Place, Plan},
    support,
};
use crate::{
    arguments::{flag, path},
    credentials::Credentials,
    process::Process,
    request::Requester,
    root,
    wait::{self, Running, Yet},
};

#[derive(Debug)]
pub(crate) struct Machine {
    // In the order in which they are dropped.
    proxy: Option<Process>,
    kubelet: Option<Process>,
    containerd: Process,
    place: Place,
    files: Files,
    kubernetes: Ipv4Addr,
    data: PathBuf,
}

impl Machine {
    pub(super) fn boot(data: &Path, plan: &Plan, place: Place, credentials: &Credentials) -> Result<Self> {
        let plugins = support::network_plugins()?;
        let files = Files::write(data, &plugins, plan, &place, credentials)?;
        let mut containerd = enter(&place, "containerd");
        containerd.args(["--config"]).arg(&files.containerd);
        let containerd = Process::spawn(&log(&place, "containerd"), data, containerd)?;
        let (kubernetes, data) = (plan.first_service(), data.to_owned());
        Ok(Self { proxy: None, kubelet: None, containerd, place, files, kubernetes, data })
    }

    pub(super) fn name(&self) -> &str {
        &self.place.name
    }

    pub(super) async fn wait_for_containerd(&mut self) -> Result<()> {
        let mut ctr = tokio::process::Command::from(ctr(&self.place));
        ctr.arg("version").kill_on_drop(true);
        let ask = async || {
            let output = ctr.output().await?;
            Ok(match output.status.success() {
                true => Yet::Done(()),
                false => Yet::Not(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            })
        };
        wait::until("containerd", self, ask).await
    }

    pub(super) async fn import_image(&self, archive: &Path) -> Result<()> {
        image::import(|| ctr(&self.place), archive).await
    }

    pub(crate) fn start_kubelet(&mut self, assets: &Path) -> Result<()> {
        let Self { place, files, data, .. } = self;
        let mut kubelet = enter(place, assets.join("kubelet"));
        kubelet.args([
            path("config", &files.kubelet),
            path("kubeconfig", &files.kubelet_kubeconfig),
            flag("hostname-override", &place.name),
            flag("node-ip", place.address),
            flag("v", 1),
        ]);
        self.kubelet = Some(Process::spawn(&log(place, "kubelet"), data, kubelet)?);
        Ok(())
    }

    /// Pods go on, and nobody looks after them.
    pub(crate) fn stop_kubelet(&mut self) {
        self.kubelet = None;
    }

    pub(super) fn start_proxy(&mut self, assets: &Path) -> Result<()> {
        let Self { place, files, data, .. } = self;
        let mut proxy = enter(place, assets.join("kube-proxy"));
        proxy.args([path("config", &files.proxy), flag("v", 1)]);
        self.proxy = Some(Process::spawn(&log(place, "kube-proxy"), data, proxy)?);
        Ok(())
    }

    /// Ready, without a taint that keeps pods away, and with a way to the API for them.
    pub(crate) async fn wait_until_ready(&mut self, requester: &Requester) -> Result<()> {
        let name = self.place.name.clone();
        let ready = async || {
            let answer = requester.get(&format!("/api/v1/nodes/{name}")).await?;
            let node: Value = serde_json::from_slice(&answer.body)?;
            Ok(match why_not_ready(&node) {
                None => Yet::Done(()),
                Some(reason) => Yet::Not(reason),
            })
        };
        wait::until(&name, self, ready).await?;
        let service = (self.kubernetes, 443);
        let connected = async || {
            TcpStream::connect(service).await?;
            Ok(Yet::Done(()))
        };
        wait::until("the Service kubernetes", self, connected).await
    }
}

impl Running for Machine {
    fn check(&mut self) -> Result<()> {
        self.containerd.check()?;
        [&mut self.kubelet, &mut self.proxy].into_iter().flatten().try_for_each(Process::check)
    }

    fn log_tail(&self) -> String {
        self.kubelet.as_ref().unwrap_or(&self.containerd).log_tail()
    }
}

fn why_not_ready(node: &Value) -> Option<String> {
    let conditions = node["status"]["conditions"].as_array();
    let Some(ready) = conditions.and_then(|all| all.iter().find(|it| it["type"] == "Ready")) else {
        return Some("it has not registered".to_owned());
    };
    if ready["status"] != "True" {
        return Some(ready["message"].as_str().unwrap_or_default().to_owned());
    }
    let taints = node["spec"]["taints"].as_array()?;
    (!taints.is_empty()).then(|| format!("taints {taints:?}"))
}

/// A command in the namespaces of a node; it cannot outlive them.
fn enter(place: &Place, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = root::command("nsenter");
    command.arg(format!("--target={}", place.pid));
    command.args(["--mount", "--uts", "--ipc", "--net", "--pid", "--"]).arg(program);
    command
}

fn ctr(place: &Place) -> Command {
    let mut command = enter(place, "ctr");
    command.args(["--address", files::CONTAINERD, "--namespace", "k8s.io"]);
    command
}

fn log(place: &Place, program: &str) -> String {
    format!("{}.{program}", place.name)
}
