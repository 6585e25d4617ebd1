//! One node's programs.

use std::{
    ffi::OsStr,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use serde_json::Value;

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
    services: [SocketAddr; 2],
    data: PathBuf,
}

impl Machine {
    pub(super) fn boot(data: &Path, plan: &Plan, place: Place, credentials: &Credentials) -> Result<Self> {
        let plugins = support::network_plugins()?;
        let files = Files::write(data, &plugins, plan, &place, credentials)?;
        let mut containerd = service(&place, "containerd");
        containerd.args(["--config"]).arg(&files.containerd);
        let containerd = Process::start_as_root(&log(&place, "containerd"), data, containerd)?;
        let services = [(plan.kubernetes(), 443).into(), (plan.dns(), 53).into()];
        Ok(Self { proxy: None, kubelet: None, containerd, place, files, services, data: data.to_owned() })
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
        let mut kubelet = service(place, assets.join("kubelet"));
        kubelet.args([
            path("config", &files.kubelet),
            path("kubeconfig", &files.kubelet_kubeconfig),
            flag("hostname-override", &place.name),
            flag("node-ip", place.address),
            flag("v", 1),
        ]);
        self.kubelet = Some(Process::start_as_root(&log(place, "kubelet"), data, kubelet)?);
        Ok(())
    }

    /// Pods go on, and nobody looks after them.
    pub(crate) fn stop_kubelet(&mut self) {
        self.kubelet = None;
    }

    pub(super) fn start_proxy(&mut self, assets: &Path) -> Result<()> {
        let Self { place, files, data, .. } = self;
        let mut proxy = service(place, assets.join("kube-proxy"));
        proxy.args([path("config", &files.proxy), flag("v", 1)]);
        self.proxy = Some(Process::start_as_root(&log(place, "kube-proxy"), data, proxy)?);
        Ok(())
    }

    /// Its kubelet answers, it is ready for pods, and the Services that all pods use lead somewhere.
    pub(crate) async fn wait_until_ready(&mut self, requester: &Requester) -> Result<()> {
        let name = self.place.name.clone();
        let ready = async || {
            let answer = requester.get(&format!("/api/v1/nodes/{name}")).await?;
            if let Some(reason) = why_not_ready(&serde_json::from_slice(&answer.body)?) {
                return Ok(Yet::Not(reason));
            }
            // What the API says of a node that was away is from before.
            let answer = requester.get(&format!("/api/v1/nodes/{name}/proxy/healthz")).await?;
            Ok(match answer.code {
                200 => Yet::Done(()),
                _ => Yet::Not(String::from_utf8_lossy(&answer.body).into_owned()),
            })
        };
        wait::until(&name, self, ready).await?;
        for service in self.services {
            wait::connect(service, self).await?;
        }
        Ok(())
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
    // One that is cordoned is ready all the same.
    let not_ready = |key: &str| key == "node.kubernetes.io/not-ready" || key == "node.kubernetes.io/unreachable";
    let key = taints.iter().filter_map(|taint| taint["key"].as_str()).find(|key| not_ready(key))?;
    Some(format!("it is tainted with {key}"))
}

/// A program in the namespaces of a node; it cannot outlive them.
fn service(place: &Place, program: impl AsRef<OsStr>) -> Command {
    enter(root::grouped("nsenter"), place, program)
}

fn ctr(place: &Place) -> Command {
    let mut command = enter(root::command("nsenter"), place, "ctr");
    command.args(["--address", files::CONTAINERD, "--namespace", "k8s.io"]);
    command
}

fn enter(mut nsenter: Command, place: &Place, program: impl AsRef<OsStr>) -> Command {
    nsenter.arg(format!("--target={}", place.pid));
    nsenter.args(["--mount", "--uts", "--ipc", "--net", "--pid", "--"]).arg(program);
    nsenter
}

fn log(place: &Place, program: &str) -> String {
    format!("{}.{program}", place.name)
}
