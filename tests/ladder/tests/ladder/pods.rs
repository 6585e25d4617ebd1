//! `make up` where it can: pods from the image, the operator from its chart, a page on another site over wss through Envoy.

use std::{env, fs, net::SocketAddr, path::PathBuf, time::Instant};

use anyhow::{Context, Result, ensure};
use realtime_ladder::{
    Browser, Process,
    manifest::{NAME, PATH, allowing},
    ports, process,
    programs::{self, Program},
    wait,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;

const LAST_LINE: &str = "Ctrl-C ends everything and leaves nothing behind.";
const HOST: &str = "chat.domain-a.com";

/// What it says when all runs.
struct Welcome {
    page: String,
    balancer: SocketAddr,
    authority: PathBuf,
    kubeconfig: String,
    kubectl: String,
}

fn read(lines: &[String]) -> Result<Welcome> {
    let after = |mark: &str| {
        let line = lines.iter().find_map(|line| line.split_once(mark)).map(|(_, rest)| rest);
        line.and_then(|rest| rest.split_whitespace().next()).map(|word| word.trim_matches([';', '"']).to_owned())
    };
    let get = lines.iter().find(|line| line.contains(" get rts -n ")).context("it proposes get rts")?;
    Ok(Welcome {
        page: after("  page     ").context("it names the page")?,
        balancer: after("through Envoy at ").context("it names the load balancer")?.parse()?,
        authority: after("--cacert ").context("it names the authority")?.into(),
        kubeconfig: after("export KUBECONFIG=").context("it names the KUBECONFIG")?,
        kubectl: get.split_whitespace().next().unwrap_or_default().to_owned(),
    })
}

async fn get(welcome: &Welcome, what: &[&str]) -> Result<Value> {
    let mut command = Command::new(&welcome.kubectl);
    command.env("KUBECONFIG", &welcome.kubeconfig).args(["get", "-o", "json"]).args(what);
    let output = command.output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// One screen of the service.
async fn status(welcome: &Welcome) -> Result<String> {
    let mut command = Command::new(Program::Cli.path().await?);
    command.env("KUBECONFIG", &welcome.kubeconfig).args(["status", NAME]);
    let output = command.output().await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(said)
}

/// Network interfaces and mounts: what a node could leave behind.
fn traces() -> Result<(String, usize)> {
    let mut interfaces: Vec<_> = fs::read_dir("/sys/class/net")?.flatten().map(|entry| entry.file_name()).collect();
    interfaces.sort();
    Ok((format!("{interfaces:?}"), fs::read_to_string("/proc/mounts")?.lines().count()))
}

#[tokio::test]
#[ignore = "builds release images first, which takes minutes: make test-node"]
async fn make_up_ends_with_pods_behind_a_load_balancer_and_a_page_on_another_site() -> Result<()> {
    if let Err(missing) = local_cluster::node_support() {
        eprintln!("skipped: {missing}");
        return Ok(());
    }
    let before = traces()?;
    let client = programs::clients().await?.join("node_modules/socket.io-client/dist/socket.io.min.js");
    let folder = tempfile::tempdir()?;
    let port = if env::var_os("UPDATE_DOCS").is_some() { 5173 } else { ports::free()?.port() };
    let mut manifest = allowing(&[&format!("http://localhost:{port}")]);
    manifest["spec"]["exposure"] = json!({"gke": {"managedCertificate": true}});
    manifest["spec"]["workload"] = json!({"replicas": 2});
    let file = folder.path().join("chat.yaml");
    fs::write(&file, manifest.to_string())?;

    let started = Instant::now();
    let mut command = process::command(Program::Cli.path().await?);
    command.arg("up").arg("-f").arg(&file).arg("--client").arg(client).args(["--mode", "node"]);
    command.args(["--page-port", &port.to_string()]).env_remove("KUBECONFIG").env("TMPDIR", folder.path());
    let up = Process::start("kubectl-realtime up", command)?;
    // The images are built when they are not there yet.
    up.line_within(wait::BUILD, "all of its welcome", |line| (line == LAST_LINE).then_some(())).await?;
    println!("up with a node was ready after {:.1?}", started.elapsed());
    let welcome = read(&up.said().out)?;

    let service = get(&welcome, &["rts", NAME]).await?;
    let conditions = service["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.iter().find(|it| it["type"] == "Ready").context("there is a Ready")?;
    ensure!(ready["status"] == "True", "{ready}");
    ensure!(service["status"]["url"] == format!("https://{HOST}{PATH}"), "{}", service["status"]["url"]);
    let pods = get(&welcome, &["pods", "-l", "app.kubernetes.io/name=realtime-server"]).await?;
    let pods = pods["items"].as_array().cloned().unwrap_or_default();
    ensure!(pods.len() == 2 && pods.iter().all(|pod| pod["status"]["phase"] == "Running"), "{pods:?}");
    let operator = get(&welcome, &["deployment", "realtime-operator", "-n", "realtime-system"]).await?;
    ensure!(operator["status"]["availableReplicas"] == 1, "{}", operator["status"]);

    let mut page = Browser::open_with(&welcome.page, (HOST, welcome.balancer), &welcome.authority).await?;
    page.wait_for("chat.state === 'connected'").await?;
    page.fill("#name", "Ana").await?;
    page.fill("#room", "lobby").await?;
    page.click("#join").await?;
    page.wait_for("chat.room === 'lobby'").await?;
    page.fill("#message", "hello over wss").await?;
    page.click("#publish").await?;
    page.wait_for("chat.log.some((it) => it.kind === 'message' && it.text === 'hello over wss')").await?;
    let wss = format!("wss://{HOST}{PATH}/");
    page.opened_websocket(&wss).await?;
    ensure!(page.console()?.is_empty(), "{:?}", page.console()?);
    let screen = status(&welcome).await?;
    println!("{screen}");
    for part in ["Ready=True Available", "cut by the load balancer at 1h", "pods 2/2", "policy current"] {
        ensure!(screen.contains(part), "{part}: {screen}");
    }
    if env::var_os("UPDATE_DOCS").is_some() {
        page.screenshot(&programs::root().join("docs/images/pods.png")).await?;
    }
    page.close().await?;

    up.signal(Signal::INT);
    let status = up.ended(wait::DEADLINE).await?;
    ensure!(status.code() == Some(0), "it ended with {status}: {}", up.tail());
    ensure!(traces()? == before, "it left interfaces or mounts: {:?} before, {:?} after", before, traces()?);
    Ok(())
}
