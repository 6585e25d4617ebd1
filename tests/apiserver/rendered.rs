//! `kubectl-realtime render` prints what the operator sends: byte for byte.
//!
//! The operator talks to the apiserver through a recorder that passes every byte on and keeps the requests. For every example
//! and every golden input the body of each server-side apply is compared with what `render` makes of the resource:
//!
//! - of the resource as the cluster has it (`kubectl get -o yaml | render -f -`) the bodies are the same bytes, but for the
//!   precondition (`resourceVersion` of a create, `uid` of an update) that the operator adds;
//! - of the file alone just two things are missing, because a file has neither: the uid, as the owner's and in the policy's file, and
//!   the generation that the policy's file names.

mod recorder;

use std::{collections::BTreeMap, fs, path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};
use kube::{
    ResourceExt,
    api::{DeleteParams, PostParams},
};
use local_cluster::tied;
use realtime_crds::RealtimeService;
use realtime_tests::{Cluster, Stage, program};
use recorder::Recorder;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::diff::run;

const NAMESPACE: &str = "rendered";

/// Kind and name.
type Key = (String, String);

/// Every resource that stands in the project as a file, each under a name of its own.
fn inputs() -> Result<Vec<(String, Value)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for (folder, ending) in [("../examples", ".yaml"), ("plan", ".in.yaml")] {
        for entry in fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ending)) {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut inputs = Vec::new();
    for file in files {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&fs::read_to_string(&file)?)?;
        for mut document in documents.into_iter().filter(|document| document["kind"] == "RealtimeService") {
            document["metadata"]["name"] = json!(format!("r{}", inputs.len()));
            document["metadata"]["namespace"] = json!(NAMESPACE);
            // Of a paused one nothing is applied.
            document["spec"]["paused"] = json!(false);
            inputs.push((file.display().to_string(), document));
        }
    }
    Ok(inputs)
}

/// The operator as a process that knows the apiserver by the recorder alone.
async fn operator(recorder: &Recorder, folder: &Path) -> Result<Child> {
    let kubeconfig = folder.join("kubeconfig");
    fs::write(&kubeconfig, recorder.kubeconfig())?;
    let mut command = Command::from(tied::command(program::operator().await?, "KILL"));
    command
        .args(["run", "--admin-listen", "127.0.0.1:0", "--namespace", NAMESPACE, "--leader-election", "false"])
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("operator.log"))?)
        .kill_on_drop(true);
    command.spawn().context("failed to start the operator")
}

/// What `render` prints, by kind and name; the YAML holds the same as the JSON.
async fn rendered(documents: impl IntoIterator<Item = &Value>) -> Result<BTreeMap<Key, Value>> {
    let document = documents.into_iter().map(ToString::to_string).collect::<Vec<_>>().join("\n---\n");
    let document = document.as_str();
    let said = run(None, &["render", "-f", "-", "-o", "json"], document).await?;
    ensure!(said.status == Some(0), "{said:?}");
    let list: Value = serde_json::from_str(&said.out)?;
    let items = list["items"].as_array().context("a list")?.clone();
    let yaml = run(None, &["render", "-f", "-", "-o", "yaml"], document).await?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&yaml.out)?;
    ensure!(documents == items, "YAML and JSON differ:\n{}", yaml.out);
    Ok(items.into_iter().map(|item| (key(&item), item)).collect())
}

fn key(object: &Value) -> Key {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (word(&object["kind"]), word(&object["metadata"]["name"]))
}

/// The bytes of an apply without what the operator asks of the object that is there.
fn without_precondition(body: &[u8]) -> Result<(Value, Vec<u8>)> {
    let mut object: Value = serde_json::from_slice(body)?;
    let meta = object["metadata"].as_object_mut().context("metadata")?;
    let asked = ["resourceVersion", "uid"].map(|name| meta.remove(name).map(|value| format!("\"{name}\":{value}")));
    let mut text = String::from_utf8(body.to_vec())?;
    for asked in asked.into_iter().flatten() {
        let (with_comma, at_the_end) = (format!("{asked},"), format!(",{asked}"));
        // The owner's uid is in the metadata as well, and stays.
        let meta = text.rfind(&with_comma).map(|at| (at, with_comma.len()));
        let (at, length) =
            meta.or_else(|| text.rfind(&at_the_end).map(|at| (at, at_the_end.len()))).context("a precondition")?;
        text.replace_range(at..at + length, "");
    }
    Ok((object, text.into_bytes()))
}

/// What only the cluster knows, put into what was rendered from a file.
fn as_in_the_cluster(mut object: Value, applied: &Value) -> Result<Value> {
    object["metadata"]["ownerReferences"] = applied["metadata"]["ownerReferences"].clone();
    if object["kind"] == "ConfigMap" {
        let text = object["data"]["policy.yaml"].as_str().context("a policy")?;
        let mut policy: Value = serde_json::from_str(text)?;
        ensure!(policy["metadata"]["generation"] == 0, "a file has generation 0: {text}");
        policy["metadata"]["generation"] = json!(1);
        policy["metadata"]["uid"] = applied["metadata"]["ownerReferences"][0]["uid"].clone();
        object["data"]["policy.yaml"] = json!(serde_json::to_string_pretty(&policy)?);
    }
    Ok(object)
}

#[tokio::test]
async fn render_prints_the_bytes_that_the_operator_applies() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, NAMESPACE).await?;
    let folder = tempfile::tempdir()?;
    let recorder = Recorder::start(stage.cluster.clone(), folder.path()).await?;
    let _operator = operator(&recorder, folder.path()).await?;
    let inputs = inputs()?;
    ensure!(inputs.len() >= 40, "{} inputs", inputs.len());
    let from_files = rendered(inputs.iter().map(|(_, document)| document)).await?;
    let mut live = Vec::new();
    for (file, document) in &inputs {
        let sent = applied(&stage, &recorder, document, &from_files).await;
        live.push(sent.with_context(|| format!("{file}\n{}", log(folder.path())))?);
    }
    let from_cluster = rendered(&live).await?;
    let sent = recorder.applied("")?;
    ensure!(sent.keys().eq(from_cluster.keys()), "{:?}\n{:?}", sent.keys(), from_cluster.keys());
    for (key, bodies) in &sent {
        for body in bodies {
            let (object, bytes) = without_precondition(body)?;
            let (says, expected) = (String::from_utf8_lossy(&bytes), &from_cluster[key]);
            ensure!(bytes == serde_json::to_vec(expected)?, "{key:?}:\napplied  {says}\nrendered {expected}");
            let known = as_in_the_cluster(from_files[key].clone(), &object)?;
            ensure!(known == object, "{key:?}:\napplied {object}\nof file {known}");
        }
    }
    Ok(())
}

/// Creates a resource, waits until all its children were sent, and takes it away again, so that the next one may have its host
/// and path. Gives it as the cluster had it.
async fn applied(
    stage: &Stage,
    recorder: &Recorder,
    document: &Value,
    expected: &BTreeMap<Key, Value>,
) -> Result<Value> {
    let service: RealtimeService = serde_json::from_value(document.clone())?;
    let (api, name) = (stage.services(), service.name_any());
    api.create(&PostParams::default(), &service).await?;
    let of_it = |object: &Value| object["metadata"]["labels"]["app.kubernetes.io/instance"] == name.as_str();
    let wanted: Vec<_> = expected.iter().filter(|(_, object)| of_it(object)).map(|(key, _)| key.clone()).collect();
    stage
        .eventually(&format!("all children of {name} are applied"), async || {
            let applied = recorder.applied(&name)?;
            Ok(wanted.iter().all(|key| applied.contains_key(key)).then_some(()))
        })
        .await?;
    let live = serde_json::to_value(api.get(&name).await?)?;
    api.delete(&name, &DeleteParams::default()).await?;
    Ok(live)
}

fn log(folder: &Path) -> String {
    let log = fs::read_to_string(folder.join("operator.log")).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
