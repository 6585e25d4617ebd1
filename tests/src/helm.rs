//! The real helm, and what this project's charts come to with it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::{process::Command, sync::OnceCell};

use crate::kubectl::{self, Said};

/// A chart of this project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chart {
    /// The definition.
    Crds,
    /// The operator.
    Operator,
}

impl Chart {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Crds, Self::Operator];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crds => "realtime-crds",
            Self::Operator => "realtime-operator",
        }
    }

    /// Its folder.
    #[must_use]
    pub fn path(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts").join(self.name())
    }
}

/// A program of tests/tools, built if it is not there.
///
/// # Errors
/// With what the build says.
pub async fn tool(name: &str) -> Result<PathBuf> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/build");
    // What it says meanwhile is for people: a build takes minutes.
    let built = Command::new(script).arg(name).stderr(Stdio::inherit()).output().await.context("failed to run it")?;
    ensure!(built.status.success(), "failed to build {name}");
    Ok(PathBuf::from(String::from_utf8(built.stdout)?.trim_end()))
}

/// Runs helm to its end; values may come by `--values -`.
///
/// # Errors
/// When it cannot be run.
pub async fn run(args: &[&str], kubeconfig: Option<&Path>, values: &Value) -> Result<Said> {
    static HELM: OnceCell<PathBuf> = OnceCell::const_new();
    let helm = HELM.get_or_try_init(|| tool("helm")).await?;
    let mut command = std::process::Command::new(helm);
    match kubeconfig {
        Some(kubeconfig) => command.env("KUBECONFIG", kubeconfig),
        None => command.env_remove("KUBECONFIG"),
    };
    kubectl::run(command, args, &values.to_string()).await
}

/// `helm template` of the release `realtime-operator`, whatever comes of it.
///
/// # Errors
/// When it cannot be run.
pub async fn template(chart: Chart, namespace: &str, values: &Value, more: &[&str]) -> Result<Said> {
    let path = chart.path();
    let path = path.to_str().context("a path is text")?;
    let args = [&["template", "realtime-operator", path, "--namespace", namespace, "--values", "-"], more].concat();
    run(&args, None, values).await
}

/// The objects that a chart comes to.
///
/// # Errors
/// When helm refuses.
pub async fn objects(chart: Chart, namespace: &str, values: &Value) -> Result<Vec<Value>> {
    documents(&template(chart, namespace, values, &[]).await?.good()?)
}

/// The documents of a YAML text, empty ones left out.
///
/// # Errors
/// When it is no YAML.
pub fn documents(text: &str) -> Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).context("helm wrote no YAML")?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// The operator's account and its rights for one namespace, as the chart grants them.
///
/// # Errors
/// When helm refuses.
pub async fn rights(namespace: &str) -> Result<String> {
    const PLACE: &str = "a-namespace";
    static RENDERED: OnceCell<String> = OnceCell::const_new();
    let render = async || rights_in(PLACE, &[PLACE]).await;
    Ok(RENDERED.get_or_try_init(render).await?.replace(PLACE, namespace))
}

/// The operator's account in the one namespace, and its rights for those that it watches; for all where none is named.
///
/// # Errors
/// When helm refuses.
pub async fn rights_in(namespace: &str, watched: &[&str]) -> Result<String> {
    let only = ["--show-only", "templates/serviceaccount.yaml", "--show-only", "templates/rbac.yaml"];
    template(Chart::Operator, namespace, &serde_json::json!({"watchNamespaces": watched}), &only).await?.good()
}
