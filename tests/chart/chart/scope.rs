//! A release for some namespaces has no right to write anywhere else.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::rendering::{only, operator};

const WRITING: [&str; 6] = ["create", "update", "patch", "delete", "deletecollection", "*"];

fn rules<'a>(objects: &'a [Value], kind: &'static str) -> impl Iterator<Item = (&'a Value, &'a Value)> {
    let roles = objects.iter().filter(move |object| object["kind"] == kind);
    roles.flat_map(|role| role["rules"].as_array().into_iter().flatten().map(move |rule| (&role["metadata"], rule)))
}

#[tokio::test]
async fn with_namespaces_nothing_cluster_wide_may_be_written() -> Result<()> {
    let objects = operator(json!({"watchNamespaces": ["a", "b"]})).await?;
    for (_, rule) in rules(&objects, "ClusterRole") {
        let verbs = rule["verbs"].as_array().context("verbs")?;
        ensure!(!verbs.iter().any(|verb| WRITING.iter().any(|writing| verb == writing)), "{rule}");
        ensure!(rule["resourceNames"].as_array().is_some_and(|names| !names.is_empty()), "{rule}");
    }
    let places: Vec<_> = rules(&objects, "Role").map(|(metadata, _)| metadata["namespace"].clone()).collect();
    for place in ["a", "b", "realtime-system"] {
        ensure!(places.iter().any(|it| it == place), "no role in {place}");
    }
    ensure!(places.iter().all(|place| ["a", "b", "realtime-system"].iter().any(|it| place == it)), "{places:?}");
    let lease: Vec<_> =
        rules(&objects, "Role").filter(|(metadata, _)| metadata["namespace"] == "realtime-system").collect();
    ensure!(lease.iter().all(|(_, rule)| rule["resources"] == json!(["leases"])), "{lease:?}");
    let args = &only(&objects, "Deployment")?["spec"]["template"]["spec"]["containers"][0]["args"];
    ensure!(args.to_string().contains(r#""--namespace=a","--namespace=b""#), "{args}");
    Ok(())
}

#[tokio::test]
async fn without_the_right_to_watch_definitions_nothing_is_cluster_wide() -> Result<()> {
    let values = json!({"watchNamespaces": ["a"], "rbac": {"watchDefinitions": false}, "warnings": {"enabled": false}});
    for object in operator(values).await? {
        ensure!(object["metadata"]["namespace"].is_string(), "{} has no namespace", object["kind"]);
    }
    Ok(())
}

#[tokio::test]
async fn releases_for_different_namespaces_do_not_collide() -> Result<()> {
    let cluster_wide = async |namespace: &str| -> Result<Vec<Value>> {
        let chart = realtime_tests::helm::Chart::Operator;
        let objects = realtime_tests::helm::objects(chart, namespace, &json!({"watchNamespaces": [namespace]})).await?;
        let names = objects.iter().filter(|object| object["metadata"]["namespace"].is_null());
        Ok(names.map(|object| json!([object["kind"], object["metadata"]["name"]])).collect())
    };
    let (one, other) = (cluster_wide("team-a").await?, cluster_wide("team-b").await?);
    ensure!(!one.is_empty() && one.iter().all(|name| !other.contains(name)), "{one:?} {other:?}");
    Ok(())
}
