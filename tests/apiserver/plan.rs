//! What the golden plans say stands before a real apiserver with every kind that a plan may hold: no field is refused, unknown or
//! written another way, and what is refused offline is refused there at the same field.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use kube::{api::PostParams, core::Request};
use realtime_crds::manifest::API_VERSION;
use realtime_tests::{Cluster, Stage};
use serde::Deserialize;
use serde_json::{Value, json};

/// The namespace that the resources name.
const NAMESPACE: &str = "team-a";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plan")
}

fn files(ending: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ending)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// What the apiserver says to every Ingress that GKE is to serve: GKE reads the class from the annotation alone.
const OF_GKE: &str = "annotation \"kubernetes.io/ingress.class\" is deprecated";

/// What a server-side apply of the files would make of them; the cluster stays as it is, so every object is a new one.
async fn taken(stage: &Stage, files: &[PathBuf]) -> Result<Vec<Value>> {
    let mut how = vec!["apply", "--server-side", "--dry-run=server", "--validate=strict", "-o", "json"];
    for file in files {
        how.extend(["-f", file.to_str().context("a path in UTF-8")?]);
    }
    let said = stage.kubectl(&how).await?;
    let news = said.err.lines().filter(|line| !line.is_empty() && !line.contains(OF_GKE)).collect::<Vec<_>>();
    ensure!(said.good && news.is_empty(), "{}", news.join("\n"));
    let taken: Value = serde_json::from_str(&said.out)?;
    Ok(taken["items"].as_array().cloned().unwrap_or_else(|| vec![taken]))
}

async fn stage() -> Result<Stage> {
    let stage = Stage::on(Cluster::without_controllers().await?, NAMESPACE).await?;
    // The apiserver warns of pods that fall short of it.
    let label = ["label", "namespace", NAMESPACE, "pod-security.kubernetes.io/warn=restricted"];
    stage.kubectl(&label).await?.good()?;
    Ok(stage)
}

/// Where `there` does not say what was planned: a field that was dropped or that is written another way would be put back for ever.
fn unlike(planned: &Value, there: &Value, path: &str, found: &mut Vec<String>) {
    match (planned, there) {
        (Value::Object(planned), Value::Object(there)) => {
            for (name, value) in planned {
                unlike(value, there.get(name).unwrap_or(&Value::Null), &format!("{path}.{name}"), found);
            }
        }
        (Value::Array(planned), Value::Array(there)) if planned.len() == there.len() => {
            let pairs = planned.iter().zip(there).enumerate();
            pairs.for_each(|(index, (planned, there))| unlike(planned, there, &format!("{path}[{index}]"), found));
        }
        (Value::Number(planned), Value::Number(there)) if planned.as_f64() == there.as_f64() => {}
        (planned, there) if planned == there => {}
        (planned, there) => found.push(format!("{path}: {planned} is {there}")),
    }
}

/// One after the other in one test: the namespace is the one that the files name.
#[tokio::test]
async fn golden_plans_are_taken_as_they_stand_and_what_is_refused_offline_is_refused() -> Result<()> {
    let stage = stage().await?;
    for ending in [".in.yaml", ".out.yaml"] {
        let files = files(ending)?;
        ensure!(files.len() >= 40, "{} files", files.len());
        let there = taken(&stage, &files).await.with_context(|| format!("in *{ending}"))?;
        let mut there = there.iter();
        let mut poor = Vec::new();
        for file in &files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let planned: Vec<Value> = serde_saphyr::from_multiple(&fs::read_to_string(file)?)?;
            for planned in planned {
                let there = there.next().with_context(|| format!("{name}: fewer objects than documents"))?;
                unlike(&planned, there, &format!("{name}: {}", planned["kind"]), &mut poor);
            }
        }
        assert!(poor.is_empty(), "{} findings:\n{}", poor.len(), poor.join("\n"));
    }
    refused(&stage).await
}

/// What comes of a strict create. Not of an apply: `kubectl apply` takes null for nothing at all.
async fn created(stage: &Stage, object: &Value, dry_run: bool) -> Result<kube::Result<Value>> {
    let url = format!("/apis/{API_VERSION}/namespaces/{}/realtimeservices", stage.namespace);
    let how = PostParams { dry_run, field_manager: Some("somebody".to_owned()) };
    let mut request = Request::new(url).create(&how, serde_json::to_vec(object)?)?;
    *request.uri_mut() = format!("{}&fieldValidation=Strict", request.uri()).parse()?;
    Ok(stage.client.request(request).await)
}

/// What is refused, as `refused.yaml` has it.
struct Case {
    spec: Value,
    field: String,
    says: Vec<String>,
    by: By,
}

/// Who refuses it first.
#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    /// The apiserver.
    Schema,
    /// The operator.
    Code,
}

fn cases() -> Result<Vec<Case>> {
    let cases: Vec<Value> = serde_saphyr::from_str(&fs::read_to_string(folder().join("refused.yaml"))?)?;
    let case = |case: &Value| {
        let mut spec = json!({"host": "chat.domain-a.com", "origins": {"allow": ["https://app.domain-b.com"]}});
        let over = case["spec"].as_object().context("fields")?.clone();
        spec.as_object_mut().context("a spec")?.extend(over);
        let (says, by) = (serde_json::from_value(case["says"].clone())?, serde_json::from_value(case["by"].clone())?);
        Ok(Case { spec, field: case["field"].as_str().context("a field")?.to_owned(), says, by })
    };
    cases.iter().map(case).collect()
}

fn object(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": API_VERSION, "kind": "RealtimeService", "metadata": {"name": name}, "spec": spec})
}

async fn refused(stage: &Stage) -> Result<()> {
    let cases = cases()?;
    let mut poor = Vec::new();
    for Case { spec, field, says, by } in &cases {
        let answer = created(stage, &object("chat", spec), true).await?;
        let well = match (&answer, by) {
            (Ok(_), by) => *by == By::Code,
            (Err(kube::Error::Api(status)), By::Schema) => {
                let causes = status.details.as_ref().map_or(&[][..], |details| &details.causes);
                let says = |text: &str| says.iter().all(|word| text.contains(word));
                // Of an unknown field there is a text alone.
                let unknown = status.message.contains(&format!("unknown field \"{field}\""));
                unknown || causes.iter().any(|cause| cause.field == *field && says(&cause.message))
            }
            (Err(_), _) => false,
        };
        if !well {
            poor.push(format!("{spec}\n    {field}: {answer:?}"));
        }
    }
    assert!(poor.is_empty(), "{} of {} are not refused well:\n{}", poor.len(), cases.len(), poor.join("\n"));
    Ok(())
}

#[tokio::test]
async fn what_no_schema_can_see_is_refused_by_the_operator_at_the_same_field() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "refused").await?;
    let _operator = stage.operator().await?;
    let cases: Vec<_> = cases()?.into_iter().filter(|case| case.by == By::Code).collect();
    for (index, Case { spec, .. }) in cases.iter().enumerate() {
        let mut object = object(&format!("chat-{index}"), spec);
        object["spec"]["host"] = format!("chat-{index}.domain-a.com").into();
        created(&stage, &object, false).await??;
    }
    for (index, Case { field, says, .. }) in cases.iter().enumerate() {
        let message = stage.says(&format!("chat-{index}"), "Accepted", "False", "Invalid").await?;
        let named = message.contains(&format!("{field}: ")) && says.iter().all(|word| message.contains(word));
        stage.holds(named, &format!("{field} and {says:?} in {message:?}")).await?;
    }
    Ok(())
}
