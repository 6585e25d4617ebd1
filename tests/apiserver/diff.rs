//! `kubectl-realtime diff` by an account that may only read: what it says before something is applied.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result};
use realtime_tests::{Child, Cluster, Stage, program};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::manifests::service;

/// `kubectl-realtime`, built with the operator.
pub(crate) async fn kubectl_realtime() -> Result<PathBuf> {
    Ok(program::folder().await?.join("kubectl-realtime"))
}

/// What the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("{self:?}"))
    }
}

/// Runs the program with a file as standard input.
pub(crate) async fn run(kubeconfig: Option<&Path>, args: &[&str], stdin: &str) -> Result<Said> {
    let mut command = Command::new(kubectl_realtime().await?);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    match kubeconfig {
        Some(kubeconfig) => command.env("KUBECONFIG", kubeconfig),
        None => command.env_remove("KUBECONFIG"),
    };
    let mut child = command.spawn().context("failed to run it")?;
    let mut input = child.stdin.take().expect("stdin is piped");
    input.write_all(stdin.as_bytes()).await?;
    drop(input);
    let output = child.wait_with_output().await?;
    let text = |bytes| String::from_utf8(bytes).context("it said no UTF-8");
    Ok(Said { status: output.status.code(), out: text(output.stdout)?, err: text(output.stderr)? })
}

/// Somebody who may get the objects of this namespace one by one, and nothing else.
const READER: &str = r#"
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules:
  - {apiGroups: [realtime-operator.dev], resources: [realtimeservices], verbs: [get]}
  - {apiGroups: [""], resources: [serviceaccounts, configmaps, services], verbs: [get]}
  - {apiGroups: [apps], resources: [deployments], verbs: [get]}
  - {apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [get]}
  - {apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [get]}
  - {apiGroups: [rbac.authorization.k8s.io], resources: [roles, rolebindings], verbs: [get]}
  - {apiGroups: [cloud.google.com], resources: [backendconfigs], verbs: [get]}
  - {apiGroups: [gateway.networking.k8s.io], resources: [httproutes], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader}]
"#;

struct Reader {
    stage: Stage,
    kubeconfig: PathBuf,
}

impl Reader {
    async fn on(stage: Stage) -> Result<Self> {
        let granted = READER.replace("name: reader}]", &format!("name: reader, namespace: {}}}]", stage.namespace));
        stage.cluster.kubectl(&["-n", &stage.namespace, "create", "-f", "-"], &granted).await?.good()?;
        let kubeconfig = stage.kubeconfig_of("reader").await?;
        Ok(Self { stage, kubeconfig })
    }

    async fn diff(&self, more: &[&str], manifest: &str) -> Result<Said> {
        let args = [&["diff", "-f", "-", "-n", &self.stage.namespace], more].concat();
        run(Some(&self.kubeconfig), &args, manifest).await
    }

    /// Applies it, and waits until the operator has nothing more to do.
    async fn apply(&self, manifest: &str, child: &str) -> Result<()> {
        self.stage.apply(manifest).await?;
        let wanted = format!("{child} chat");
        self.stage
            .eventually(&wanted, async || {
                let services = self.stage.services().get("chat").await?;
                let seen =
                    services.status.and_then(|status| status.observed_generation) == services.metadata.generation;
                Ok((seen && self.stage.kinds("chat").await?.contains(&Child::of(child).kind)).then_some(()))
            })
            .await?;
        self.stage.quiet().await
    }
}

fn changes(answer: &Value) -> Vec<String> {
    let word = |change: &Value, name: &str| change[name].as_str().unwrap_or_default().to_owned();
    let changes = answer["changes"].as_array().into_iter().flatten();
    changes.map(|change| format!("{} {}", word(change, "kind"), word(change, "action"))).collect()
}

fn reasons(answer: &Value) -> Vec<&str> {
    answer["effects"].as_array().into_iter().flatten().filter_map(|effect| effect["reason"].as_str()).collect()
}

const THREE: &str = "workload: {replicas: 3}";

#[tokio::test]
async fn a_file_is_compared_with_the_cluster_by_somebody_who_may_only_get() -> Result<()> {
    let reader = Reader::on(Stage::new("diff").await?).await?;
    let _operator = reader.stage.operator().await?;
    let file = service("chat", THREE);

    let before = reader.diff(&["--json"], &file).await?;
    let answer = before.json()?;
    assert_eq!((before.status, &answer["reason"]), (Some(1), &json!("New")), "{before:?}");
    assert!(changes(&answer).iter().all(|change| change.ends_with(" created")), "{answer}");

    reader.apply(&file, "Deployment").await?;
    let same = reader.diff(&[], &file).await?;
    assert_eq!((same.status, same.out.as_str()), (Some(0), "RealtimeService diff/chat: no difference\n"), "{same:?}");
    let same = reader.diff(&["--json"], &file).await?.json()?;
    assert_eq!((&same["verdict"], &same["reason"]), (&json!("same"), &json!("NoDifference")));

    let fewer = file.replace("https://app.domain-b.com", "https://new.domain-b.com");
    let origins = reader.diff(&[], &fewer).await?;
    assert_eq!(origins.status, Some(1));
    let expected = "What this does to connections of diff/chat (3 pods):\n  - origins only: no connection is closed, except, within a \
                    second, those of origins that are no longer allowed: https://app.domain-b.com\n";
    assert!(origins.out.ends_with(expected), "{}", origins.out);
    assert!(
        origins.out.contains("\n-    - https://app.domain-b.com\n+    - https://new.domain-b.com\n"),
        "{}",
        origins.out
    );
    let answer = reader.diff(&["--json"], &fewer).await?.json()?;
    assert_eq!(changes(&answer), ["RealtimeService changed", "ConfigMap changed"]);

    let image = service("chat", "workload: {replicas: 3, image: 'example.com/chat:2'}");
    let answer = reader.diff(&["--json"], &image).await?.json()?;
    // The pods of an image of one's own do not look for each other, and need affinity.
    let changed = ["RealtimeService", "Role", "ConfigMap", "BackendConfig", "Deployment"];
    assert_eq!(changes(&answer), changed.map(|kind| format!("{kind} changed")));
    let rollout = &answer["effects"][0];
    assert_eq!(rollout["because"], json!(["spec.workload.image"]));
    assert_eq!((&rollout["pods"], &rollout["waves"], &rollout["seconds"]), (&json!(3), &json!(3), &json!(180)));
    assert_eq!((&rollout["impact"], &rollout["service"]), (&json!("moves"), &json!("diff/chat")));
    let image = reader.diff(&[], &image).await?;
    assert!(image.out.contains("\n+        image: example.com/chat:2\n"), "{}", image.out);
    assert!(
        image.out.contains("  - workload.image: a rollout of 3 pods; connections move over about 3 min ("),
        "{}",
        image.out
    );
    keeps_what_others_scaled(&reader).await?;
    another_way_in(&reader).await
}

/// `kubectl scale` sets what the file does not name, and applying the file leaves it.
async fn keeps_what_others_scaled(reader: &Reader) -> Result<()> {
    let file = service("chat", "");
    reader.apply(&file, "Deployment").await?;
    reader.stage.kubectl(&["scale", "rts/chat", "--replicas=2"]).await?.good()?;
    reader
        .stage
        .eventually("two pods are asked for", async || {
            let deployment = reader.stage.child(Child::of("Deployment"), "chat").await?;
            Ok((deployment["spec"]["replicas"] == 2).then_some(()))
        })
        .await?;
    reader.stage.quiet().await?;
    let same = reader.diff(&[], &file).await?;
    assert_eq!(same.status, Some(0), "{same:?}");
    Ok(())
}

/// The old route is kept, and its end is announced.
async fn another_way_in(reader: &Reader) -> Result<()> {
    let gateway = service("chat", "exposure: {gateway: {parentRefs: [{name: edge}]}}");
    let said = reader.diff(&["--json"], &gateway).await?;
    let answer = said.json()?;
    assert_eq!((said.status, &answer["reason"]), (Some(1), &json!("WayInMoves")), "{said:?}");
    assert_eq!(reasons(&answer), ["WayInMoves", "OldUrlUnserved", "Rollout"], "{answer}");
    for change in ["HTTPRoute created", "Ingress kept", "BackendConfig kept", "Deployment changed"] {
        assert!(changes(&answer).contains(&change.to_owned()), "{change}: {answer}");
    }
    reader.apply(&gateway, "HTTPRoute").await?;
    let kept = reader.diff(&[], &gateway).await?;
    assert_eq!(kept.status, Some(0), "nothing is left to apply: {kept:?}");
    assert!(kept.out.contains("Ingress diff/chat: kept until the new way in carries traffic\n"), "{kept:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_in_the_way_or_missing_is_said_and_is_no_difference() -> Result<()> {
    let stage = Stage::on(Cluster::start(false).await?, "diff-missing").await?;
    let reader = Reader::on(stage).await?;
    let _operator = reader.stage.operator().await?;
    reader.stage.kubectl(&["create", "configmap", "chat-policy"]).await?.good()?;
    let file = service("chat", "");
    reader.stage.apply(&file).await?;
    reader.stage.says("chat", "ResolvedRefs", "False", "KindMissing").await?;
    reader.stage.quiet().await?;
    let answer = reader.diff(&["--json"], &file).await?.json()?;
    for change in ["BackendConfig kind-missing", "ConfigMap foreign"] {
        assert!(changes(&answer).contains(&change.to_owned()), "{change}: {answer}");
    }
    let said = reader.diff(&[], &file).await?;
    for line in [
        "BackendConfig diff-missing/chat: not created, this cluster has no such kind\n",
        "ConfigMap diff-missing/chat-policy: left alone, it belongs to somebody else\n",
    ] {
        assert!(said.out.contains(line), "{said:?}");
    }
    Ok(())
}

#[tokio::test]
async fn who_may_not_read_is_told_so_with_2_and_an_invalid_file_is_3() -> Result<()> {
    let stage = Stage::new("diff-forbidden").await?;
    stage.kubectl(&["create", "serviceaccount", "nobody"]).await?.good()?;
    let kubeconfig = stage.kubeconfig_of("nobody").await?;
    let file = service("chat", "");
    let said = run(Some(&kubeconfig), &["diff", "-f", "-", "-n", "diff-forbidden", "--json"], &file).await?;
    assert_eq!((said.status, &said.json()?["reason"]), (Some(2), &json!("Forbidden")), "{said:?}");
    assert!(said.err.starts_with("not allowed to get RealtimeService diff-forbidden/chat: "), "{said:?}");

    let invalid = service("chat", "timeouts: {maxConnectionAge: 30d}");
    let said = run(Some(&kubeconfig), &["diff", "-f", "-"], &invalid).await?;
    assert_eq!(said.status, Some(3), "{said:?}");
    Ok(())
}
