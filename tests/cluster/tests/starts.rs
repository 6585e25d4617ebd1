//! The control plane starts, does what a control plane does, and leaves nothing behind.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use local_cluster::{LocalCluster, Options};

#[tokio::test]
async fn serves_collects_garbage_and_leaves_nothing() -> Result<()> {
    let assets = LocalCluster::assets(|line| eprintln!("{line}")).await?;
    let began = Instant::now();
    let mut cluster =
        LocalCluster::start(&assets, Options { controller_manager: true, audit: true, ..Options::default() }).await?;
    eprintln!("started in {:?}", began.elapsed());

    assert_eq!(kubectl(&cluster, &["get", "--raw", "/readyz"], "")?, "ok");
    kubectl(&cluster, &["get", "namespace", "default"], "")?;

    kubectl(&cluster, &["create", "configmap", "owner"], "")?;
    let uid = kubectl(&cluster, &["get", "configmap", "owner", "-o", "jsonpath={.metadata.uid}"], "")?;
    let child = format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: child, ownerReferences: \
         [{{apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}}}]}}}}"
    );
    kubectl(&cluster, &["create", "-f", "-"], &child)?;
    kubectl(&cluster, &["delete", "configmap", "owner"], "")?;
    kubectl(&cluster, &["wait", "--for=delete", "configmap/child", "--timeout=60s"], "")?;

    let audit = fs::read_to_string(cluster.audit_log().context("audit was asked for")?)?;
    let collected = audit.lines().map(serde_json::from_str).collect::<Result<Vec<serde_json::Value>, _>>()?;
    assert!(collected.iter().all(|event| event["stage"] == "ResponseComplete"));
    assert!(collected.iter().any(|event| event["verb"] == "delete"
        && event["objectRef"]["name"] == "child"
        && event["user"]["username"] == "system:kube-controller-manager"));

    let address = cluster.address();
    kubectl(&cluster, &["create", "configmap", "kept"], "")?;
    cluster.stop_apiserver().await?;
    assert!(std::net::TcpStream::connect(address).is_err());
    cluster.start_apiserver().await?;
    assert_eq!(cluster.address(), address);
    kubectl(&cluster, &["get", "configmap", "kept"], "")?;

    cluster.stop_etcd().await?;
    assert!(kubectl(&cluster, &["get", "configmap", "kept", "--request-timeout=1s"], "").is_err());
    cluster.start_etcd().await?;
    kubectl(&cluster, &["get", "configmap", "kept"], "")?;

    cluster.stop_controller_manager().await?;
    kubectl(&cluster, &["create", "namespace", "waits"], "")?;
    assert!(kubectl(&cluster, &["get", "serviceaccount", "default", "-n", "waits"], "").is_err());
    cluster.start_controller_manager().await?;
    let account = ["wait", "-n", "waits", "--for=create", "serviceaccount/default", "--timeout=60s"];
    kubectl(&cluster, &account, "")?;

    let token = kubectl(&cluster, &["create", "token", "default"], "")?;
    let nobody = cluster.kubeconfig_with_token("nobody", &token)?;
    let mut as_nobody = cluster.kubectl();
    as_nobody.env("KUBECONFIG", &nobody).args(["auth", "can-i", "list", "secrets"]);
    assert_eq!(String::from_utf8(as_nobody.output()?.stdout)?.trim(), "no");

    let folder = cluster.kubeconfig().parent().context("a folder")?.to_owned();
    assert_eq!(processes_that_name(&folder)?, 3);
    cluster.stop().await?;
    assert_eq!(processes_that_name(&folder)?, 0);
    assert!(!folder.exists());
    Ok(())
}

#[tokio::test]
async fn dropping_it_leaves_nothing() -> Result<()> {
    let assets = LocalCluster::assets(|line| eprintln!("{line}")).await?;
    let cluster = LocalCluster::start(&assets, Options::default()).await?;
    let folder = cluster.kubeconfig().parent().context("a folder")?.to_owned();
    assert_eq!(processes_that_name(&folder)?, 2);
    drop(cluster);
    assert_eq!(processes_that_name(&folder)?, 0);
    assert!(!folder.exists());
    Ok(())
}

/// This test starts itself as another process, which starts a cluster in a thread that ends, and is then killed.
#[test]
fn it_outlives_the_thread_that_started_it_but_not_the_process() -> Result<()> {
    const CHILD: &str = "LOCAL_CLUSTER_TEST_CHILD";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let assets = runtime.block_on(LocalCluster::assets(|line| eprintln!("{line}")))?;
    if let Some(report) = std::env::var_os(CHILD) {
        let start = move || runtime.block_on(LocalCluster::start(&assets, Options::default()));
        let cluster = std::thread::spawn(start).join().expect("no panic")?;
        let folder = cluster.kubeconfig().parent().context("a folder")?;
        let part = Path::new(&report).with_extension("part");
        fs::write(&part, folder.to_string_lossy().as_bytes())?;
        fs::rename(&part, &report)?;
        std::thread::park();
        return Ok(());
    }
    if !Command::new("setpriv").args(["--pdeathsig", "KILL", "true"]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: setpriv of util-linux is not here");
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let report = directory.path().join("folder");
    let this = "it_outlives_the_thread_that_started_it_but_not_the_process";
    let mut child = Command::new(std::env::current_exe()?).args([this, "--exact"]).env(CHILD, &report).spawn()?;
    let started = eventually(Duration::from_secs(120), || Ok(report.exists()));
    let folder = started.and_then(|()| Ok(fs::read_to_string(&report)?));
    let running = folder.as_ref().map(|folder| processes_that_name(Path::new(folder)));
    child.kill()?;
    child.wait()?;
    let folder = folder.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    // The child itself does not have the folder in its command line.
    assert_eq!(running.map_err(|error| anyhow::anyhow!("{error:#}"))??, 2);
    eventually(Duration::from_secs(10), || Ok(processes_that_name(Path::new(folder))? == 0))?;
    // The next cluster removes what the killed process could not.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    drop(runtime.block_on(LocalCluster::start(&assets, Options::default()))?);
    assert!(!Path::new(folder).exists());
    Ok(())
}

#[tokio::test]
async fn a_program_that_ends_early_is_named_with_the_end_of_its_log() -> Result<()> {
    let assets = tempfile::tempdir()?;
    for program in ["etcd", "kube-apiserver"] {
        let path = assets.path().join(program);
        fs::write(&path, format!("#!/bin/sh\necho {program}: no luck today >&2\nexit 7\n"))?;
        Command::new("chmod").arg("+x").arg(&path).status()?;
    }
    let error = LocalCluster::start(assets.path(), Options::default()).await.expect_err("nothing serves");
    let text = format!("{error:#}");
    assert!(text.contains("ended early (exit status: 7)") && text.contains("no luck today"), "{text}");
    Ok(())
}

fn kubectl(cluster: &LocalCluster, args: &[&str], stdin: &str) -> Result<String> {
    let mut command = cluster.kubectl();
    let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("stdin is piped")?.write_all(stdin.as_bytes())?;
    let Output { status, stdout, stderr } = child.wait_with_output()?;
    ensure!(status.success(), "kubectl {}: {}", args.join(" "), String::from_utf8_lossy(&stderr));
    Ok(String::from_utf8(stdout)?.trim().to_owned())
}

fn processes_that_name(folder: &Path) -> Result<usize> {
    let folder = folder.to_string_lossy();
    let processes = fs::read_dir("/proc")?.flatten();
    let command_line = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).ok();
    Ok(processes.filter_map(command_line).filter(|line| String::from_utf8_lossy(line).contains(&*folder)).count())
}

fn eventually(limit: Duration, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + limit;
    while !condition()? {
        ensure!(Instant::now() < deadline, "not within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
