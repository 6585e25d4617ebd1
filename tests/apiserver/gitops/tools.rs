//! What Argo CD and Flux say of an object: their scripts and expressions, run by `tests/tools/gitops`.

use std::{collections::BTreeMap, process::Command};

use anyhow::{Context, Result, bail, ensure};
use realtime_tests::{helm, kubectl};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// The keys of Argo CD's ConfigMap, as the chart has them.
const KEYS: &str = include_str!("../../../charts/realtime-operator/files/argocd-cm.yaml");
const FLUX: &str = include_str!("../../../examples/gitops/flux.yaml");
const KIND: &str = "realtime-operator.dev_RealtimeService";

/// What Argo CD has in `argocd-cm` for this kind.
pub struct ArgoCd {
    health: String,
    actions: Actions,
}

#[derive(Deserialize)]
struct Actions {
    #[serde(rename = "discovery.lua")]
    discovery: String,
    definitions: Vec<Definition>,
}

#[derive(Deserialize)]
struct Definition {
    name: String,
    #[serde(rename = "action.lua")]
    script: String,
}

impl ArgoCd {
    /// As Argo CD reads its ConfigMap.
    pub fn read() -> Result<Self> {
        let map: Value = serde_saphyr::from_str(KEYS)?;
        let key = |topic: &str| map["data"][format!("resource.customizations.{topic}.{KIND}")].as_str();
        let health = key("health").context("a health check")?.to_owned();
        Ok(Self { health, actions: serde_saphyr::from_str(key("actions").context("actions")?)? })
    }

    /// Status and message.
    pub async fn health(&self, object: &Value) -> Result<(String, String)> {
        let said = ask(json!({"ask": "health", "script": self.health, "object": object})).await?;
        let word = |name: &str| said[name].as_str().map(str::to_owned).with_context(|| format!("{said}"));
        Ok((word("status")?, word("message")?))
    }

    /// The actions on offer, each with whether it can be taken; every one of them is defined.
    pub async fn actions(&self, object: &Value) -> Result<BTreeMap<String, bool>> {
        let said = ask(json!({"ask": "discovery", "script": self.actions.discovery, "object": object})).await?;
        let offered = said.as_object().with_context(|| format!("{said}"))?;
        let mut defined: Vec<_> = self.actions.definitions.iter().map(|action| &action.name).collect();
        defined.sort();
        ensure!(offered.keys().eq(defined), "{said}");
        Ok(offered.iter().map(|(name, action)| (name.clone(), action["disabled"] != true)).collect())
    }

    /// The merge patch that Argo CD sends for an action.
    pub async fn action(&self, name: &str, params: Value, object: &Value) -> Result<Value> {
        let action = self.actions.definitions.iter().find(|action| action.name == name).context("an action")?;
        ask(json!({"ask": "action", "script": action.script, "params": params, "object": object})).await
    }
}

/// The status by the rules of kstatus.
pub async fn kstatus(object: &Value) -> Result<String> {
    status(ask(json!({"ask": "kstatus", "object": object})).await?)
}

/// The status by the expressions of the example for Flux.
pub async fn flux(object: &Value) -> Result<String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(FLUX)?;
    let mut exprs = documents.iter().map(|document| &document["spec"]["healthCheckExprs"][0]);
    let exprs = exprs.find(|exprs| exprs.is_object()).context("expressions")?;
    ensure!(exprs["kind"] == object["kind"] && exprs["apiVersion"] == object["apiVersion"], "{exprs}");
    status(ask(json!({"ask": "flux", "exprs": exprs, "object": object})).await?)
}

fn status(said: Value) -> Result<String> {
    said["Status"].as_str().map(str::to_owned).with_context(|| format!("{said}"))
}

async fn ask(question: Value) -> Result<Value> {
    static PROGRAM: OnceCell<std::path::PathBuf> = OnceCell::const_new();
    let program = PROGRAM.get_or_try_init(|| helm::tool("gitops")).await?;
    let said = kubectl::run(Command::new(program), &[], &format!("{question}\n")).await?.good()?;
    let mut said: Value = serde_json::from_str(&said)?;
    if let Some(error) = said["error"].as_str() {
        bail!("{error}");
    }
    Ok(said["answer"].take())
}
