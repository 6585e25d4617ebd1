//! The charts, installed by the real helm.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command};

use super::{parts, say};

/// Namespace of the operator.
pub(super) const SYSTEM: &str = "realtime-system";

/// The releases of both charts in one cluster.
pub(super) struct Releases {
    helm: PathBuf,
    kubeconfig: PathBuf,
    installed: Vec<&'static str>,
}

impl Releases {
    pub(super) async fn new(kubeconfig: &Path) -> Result<Self> {
        Ok(Self { helm: parts::helm().await?, kubeconfig: kubeconfig.to_owned(), installed: Vec::new() })
    }

    /// Installs the definition and the operator, and waits until it leads; `images` is what stands before the images' names.
    pub(super) async fn install(&mut self, images: Option<&str>) -> Result<()> {
        self.chart("realtime-crds", &json!({})).await?;
        let image = |program: &str| {
            let repository = images.map_or_else(|| program.to_owned(), |images| format!("{images}/{program}"));
            json!({"repository": repository})
        };
        let values = json!({"image": image("realtime-operator"), "serverImage": image("realtime-server")});
        self.chart("realtime-operator", &values).await
    }

    /// Takes out what was installed here and was not there before.
    pub(super) async fn uninstall(&mut self) -> Result<()> {
        while let Some(release) = self.installed.pop() {
            self.run(&["uninstall", release, "--namespace", SYSTEM, "--wait"], &Value::Null).await?;
        }
        Ok(())
    }

    async fn chart(&mut self, name: &'static str, values: &Value) -> Result<()> {
        say(&format!("installing the chart {name}"));
        let was_there = self.run(&["status", name, "--namespace", SYSTEM], &Value::Null).await.is_ok();
        let chart = parts::chart(name).display().to_string();
        let install = ["upgrade", "--install", name, &chart, "--namespace", SYSTEM, "--create-namespace"];
        if !was_there {
            self.installed.push(name);
        }
        self.run(&[&install[..], &["--wait", "--timeout", "3m", "--values", "-"]].concat(), values).await
    }

    async fn run(&self, arguments: &[&str], values: &Value) -> Result<()> {
        let mut command = Command::new(&self.helm);
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut helm = command.spawn().context("failed to start helm")?;
        if let Some(mut stdin) = helm.stdin.take() {
            // It may not read what it was not asked to.
            let _ = stdin.write_all(values.to_string().as_bytes()).await;
        }
        let output = helm.wait_with_output().await.context("failed to wait for helm")?;
        if !output.status.success() {
            bail!("helm {}: {}", arguments[0], String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }
}
