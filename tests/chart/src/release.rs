//! A release of a chart on a cluster, by the real helm.

use std::path::PathBuf;

use anyhow::{Context, Result};
use realtime_tests::{
    helm::{self, Chart},
    kubectl::Said,
};
use serde_json::Value;

/// Where a release goes, and from what.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The chart's folder.
    pub chart: PathBuf,
    /// An administrator's.
    pub kubeconfig: PathBuf,
}

impl Release {
    /// Of a chart of this project.
    #[must_use]
    pub fn of(chart: Chart, name: &str, namespace: &str, kubeconfig: PathBuf) -> Self {
        Self { name: name.to_owned(), namespace: namespace.to_owned(), chart: chart.path(), kubeconfig }
    }

    /// `helm install`, whatever comes of it.
    ///
    /// # Errors
    /// When helm cannot be run.
    pub async fn install(&self, values: &Value, more: &[&str]) -> Result<Said> {
        self.with_chart("install", values, more).await
    }

    /// `helm upgrade`, whatever comes of it.
    ///
    /// # Errors
    /// When helm cannot be run.
    pub async fn upgrade(&self, values: &Value, more: &[&str]) -> Result<Said> {
        self.with_chart("upgrade", values, more).await
    }

    /// `helm uninstall`, until its objects are gone.
    ///
    /// # Errors
    /// When helm fails.
    pub async fn uninstall(&self) -> Result<String> {
        let args = ["uninstall", &self.name, "--namespace", &self.namespace, "--wait"];
        helm::run(&args, Some(&self.kubeconfig), &Value::Null).await?.good()
    }

    async fn with_chart(&self, verb: &str, values: &Value, more: &[&str]) -> Result<Said> {
        let chart = self.chart.to_str().context("a path is text")?;
        let args = [&[verb, &self.name, chart, "--namespace", &self.namespace, "--values", "-"], more].concat();
        helm::run(&args, Some(&self.kubeconfig), values).await
    }
}
