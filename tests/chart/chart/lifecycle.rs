//! Install, upgrade and uninstall by the real helm, against a real apiserver.

use std::{fs, path::Path};

use anyhow::{Result, ensure};
use local_cluster::{LocalCluster, Options};
use realtime_chart_tests::release::Release;
use realtime_tests::{helm::Chart, kubectl, wait};
use serde_json::{Value, json};

const SYSTEM: &str = "realtime-system";

async fn kubectl(cluster: &LocalCluster, args: &[&str], stdin: &str) -> Result<String> {
    kubectl::run(cluster.kubectl(), args, stdin).await?.good()
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let there = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &there)?
        } else {
            fs::copy(entry.path(), there).map(|_| ())?
        }
    }
    Ok(())
}

/// The chart as it may have been once: its definition knew no `spec.paused`, and no column of denied origins.
fn older_crds(folder: &Path) -> Result<()> {
    copy(&Chart::Crds.path(), folder)?;
    let file = folder.join("files/realtimeservices.yaml");
    let mut definition: Value = serde_saphyr::from_str(&fs::read_to_string(&file)?)?;
    let version = &mut definition["spec"]["versions"][0];
    if let Some(columns) = version["additionalPrinterColumns"].as_array_mut() {
        columns.retain(|column| column["name"] != "Denied");
    }
    let spec = &mut version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    ensure!(spec.as_object_mut().is_some_and(|fields| fields.remove("paused").is_some()), "there is no spec.paused");
    // JSON is YAML, and the chart looks for the line `metadata:`.
    let metadata = definition["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let text = format!(
        "apiVersion: {}\nkind: {}\nmetadata:\n  name: {metadata}\nspec: {}\n",
        definition["apiVersion"].as_str().unwrap_or_default(),
        definition["kind"].as_str().unwrap_or_default(),
        definition["spec"]
    );
    Ok(fs::write(file, text)?)
}

fn service(more: &str) -> String {
    format!(
        "apiVersion: realtime-operator.dev/v1alpha1\nkind: RealtimeService\nmetadata: {{name: chat}}\nspec: {{host: chat.domain-a.com, \
         origins: {{allow: [\"https://app.domain-b.com\"]}}, exposure: {{none: {{}}}}{more}}}\n"
    )
}

/// Whatever the operator's release has made.
async fn of_release(cluster: &LocalCluster) -> Result<Vec<String>> {
    let kinds = "all,sa,cm,networkpolicy,pdb,role,rolebinding,clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding";
    let selector = "app.kubernetes.io/name=realtime-operator,app.kubernetes.io/managed-by=Helm";
    let names = kubectl(cluster, &["get", kinds, "-A", "-l", selector, "-o", "name"], "").await?;
    Ok(names.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn an_upgrade_brings_the_new_definition_and_an_uninstall_keeps_it_and_the_services() -> Result<()> {
    let assets = LocalCluster::assets(|line| eprintln!("{line}")).await?;
    let cluster = LocalCluster::start(&assets, Options { controller_manager: true, ..Options::default() }).await?;
    let folder = tempfile::tempdir()?;
    older_crds(folder.path())?;
    let admin = cluster.kubeconfig().to_owned();
    let crds = Release::of(Chart::Crds, "realtime-crds", SYSTEM, admin.clone());
    let older = Release { chart: folder.path().to_owned(), ..crds.clone() };
    let operator = Release::of(Chart::Operator, "realtime-operator", SYSTEM, admin);

    let notes = operator.install(&json!({}), &["--create-namespace", "--dry-run=server"]).await?.good()?;
    ensure!(notes.contains("The definition of RealtimeService is not in this cluster"), "{notes}");
    older.install(&json!({}), &["--create-namespace", "--wait"]).await?.good()?;
    let notes = operator.install(&json!({}), &[]).await?.good()?;
    ensure!(notes.contains("kubectl") && !notes.contains("is not in this cluster"), "{notes}");
    ensure!(!of_release(&cluster).await?.is_empty());
    kubectl(&cluster, &["apply", "-f", "-"], &service("")).await?;
    let paused = service(", paused: true");
    ensure!(
        kubectl(&cluster, &["apply", "--validate=strict", "-f", "-"], &paused).await.is_err(),
        "it is an older definition"
    );

    crds.upgrade(&json!({}), &["--wait"]).await?.good()?;
    let taken = wait::until(wait::DEADLINE, async || {
        kubectl(&cluster, &["apply", "--validate=strict", "-f", "-"], &paused).await.map(Some)
    });
    taken.await?;
    let columns = kubectl(&cluster, &["get", "rts"], "").await?;
    ensure!(columns.contains("DENIED") && columns.contains("chat"), "{columns}");

    operator.upgrade(&json!({"replicas": 2, "watchNamespaces": ["default"]}), &[]).await?.good()?;
    let there = of_release(&cluster).await?;
    ensure!(there.iter().any(|name| name.contains("poddisruptionbudget")), "{there:?}");

    operator.uninstall().await?;
    crds.uninstall().await?;
    let left = of_release(&cluster).await?;
    ensure!(left.is_empty(), "{left:?} is left");
    ensure!(kubectl(&cluster, &["get", "rts", "-o", "name"], "").await?.contains("chat"), "the service is gone");
    let roles = kubectl(&cluster, &["get", "clusterroles", "-o", "name"], "").await?;
    ensure!(!roles.contains("realtimeservices-"), "{roles}");

    crds.install(&json!({}), &["--wait"]).await?.good()?;
    operator.install(&json!({}), &[]).await?.good()?;
    cluster.stop().await
}

#[tokio::test]
async fn people_get_their_rights_by_kubernetes_own_roles() -> Result<()> {
    let assets = LocalCluster::assets(|line| eprintln!("{line}")).await?;
    let cluster = LocalCluster::start(&assets, Options { controller_manager: true, ..Options::default() }).await?;
    Release::of(Chart::Crds, "realtime-crds", SYSTEM, cluster.kubeconfig().to_owned())
        .install(&json!({}), &["--create-namespace"])
        .await?
        .good()?;
    for role in ["view", "edit", "admin"] {
        kubectl(
            &cluster,
            &["create", "rolebinding", role, &format!("--clusterrole={role}"), &format!("--user={role}")],
            "",
        )
        .await?;
    }
    // The aggregation of roles and the apiserver's own view of them follow in their time.
    for (user, verb, resource, may) in [
        ("view", "get", "realtimeservices", true),
        ("edit", "patch", "realtimeservices", true),
        ("edit", "get", "realtimeservices", true),
        ("edit", "update", "realtimeservices --subresource=scale", true),
        ("admin", "delete", "realtimeservices", true),
        ("view", "patch", "realtimeservices", false),
        ("edit", "patch", "realtimeservices --subresource=status", false),
    ] {
        let asked: Vec<_> =
            ["auth", "can-i", verb].into_iter().chain(resource.split(' ')).chain(["--as", user]).collect();
        let answer = wait::until(wait::DEADLINE, async || {
            let said = kubectl::run(cluster.kubectl(), &asked, "").await?;
            Ok((said.out.trim() == if may { "yes" } else { "no" }).then_some(()))
        });
        ensure!(answer.await?.is_some(), "{user} {verb} {resource}: not {may}");
    }
    cluster.stop().await
}
