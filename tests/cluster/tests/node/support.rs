//! A cluster with a node, an image for its pods, kubectl and HTTP.

use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use local_cluster::{LocalCluster, Options, node_support};
use tokio::sync::{Mutex, OnceCell};

pub const IMAGE: &str = "localhost/web:1";
const PORT: u16 = 8080;

/// Says why a test is skipped, where it has to be.
pub fn supported() -> bool {
    let support = node_support();
    if let Err(missing) = &support {
        eprintln!("skipped: {missing}");
    }
    support.is_ok()
}

/// One node, for tests that need no other; it ends with the last test that holds it.
pub async fn shared() -> Result<Arc<LocalCluster>> {
    static SHARED: Mutex<Weak<LocalCluster>> = Mutex::const_new(Weak::new());
    let mut shared = SHARED.lock().await;
    if let Some(cluster) = shared.upgrade() {
        return Ok(cluster);
    }
    let cluster = Arc::new(with_nodes(1).await?);
    *shared = Arc::downgrade(&cluster);
    Ok(cluster)
}

/// A test's own cluster, with the image.
pub async fn with_nodes(nodes: u8) -> Result<LocalCluster> {
    let assets = LocalCluster::assets(|line| eprintln!("{line}")).await?;
    let began = Instant::now();
    let cluster = LocalCluster::start(&assets, Options { nodes, ..Options::default() }).await?;
    eprintln!("{nodes} nodes are ready after {:?}", began.elapsed());
    cluster.import_image(&image().await?).await?;
    Ok(cluster)
}

/// The archive of an image with the program `web`.
pub async fn image() -> Result<PathBuf> {
    static IMAGE_FILE: OnceCell<(tempfile::TempDir, PathBuf)> = OnceCell::const_new();
    let built = IMAGE_FILE.get_or_try_init(|| async {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("web");
        let mut go = Command::new("go");
        go.args(["build", "-buildvcs=false", "-o"]).arg(&program).arg("./tests/web");
        said(go.env("CGO_ENABLED", "0").current_dir(source), "")?;
        let tools = said(&mut Command::new(source.join("node/build")), "")?;
        let archive = folder.path().join("web.tar");
        let mut node = Command::new(Path::new(&tools).join("node"));
        let output = node.args(["archive", IMAGE]).arg(&program).stdout(std::fs::File::create(&archive)?).status()?;
        ensure!(output.success(), "node archive: {output}");
        anyhow::Ok((folder, archive))
    });
    Ok(built.await?.1.clone())
}

/// The manifest of a pod that runs `web`.
pub fn pod(name: &str, extra: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, labels: {{app: {name}}}}}, spec: {{\
         terminationGracePeriodSeconds: 30, \
         containers: [{{name: web, image: {IMAGE}, imagePullPolicy: Never, readinessProbe: \
         {{httpGet: {{path: /ready, port: {PORT}}}, periodSeconds: 1, failureThreshold: 1}}}}]{extra}}}}}"
    )
}

/// A namespace of a test's own, with the pods in it ready.
pub fn run_pods(cluster: &LocalCluster, namespace: &str, names: &[&str]) -> Result<()> {
    kubectl(cluster, &["create", "namespace", namespace], "")?;
    for name in names {
        kubectl(cluster, &["create", "-n", namespace, "-f", "-"], &pod(name, ""))?;
    }
    let began = Instant::now();
    for name in names {
        await_ready(cluster, namespace, name)?;
    }
    eprintln!("{} pods are ready after {:?}", names.len(), began.elapsed());
    Ok(())
}

pub fn await_ready(cluster: &LocalCluster, namespace: &str, pod: &str) -> Result<()> {
    let ready = ["wait", "-n", namespace, "--for=condition=Ready", "--timeout=60s"];
    kubectl(cluster, &[&ready[..], &[&format!("pod/{pod}")]].concat(), "").map(|_| ())
}

pub fn address(cluster: &LocalCluster, namespace: &str, resource: &str) -> Result<SocketAddr> {
    let path = if resource.starts_with("service/") { "{.spec.clusterIP}" } else { "{.status.podIP}" };
    let output = format!("jsonpath={path}");
    let address: IpAddr = kubectl(cluster, &["get", "-n", namespace, resource, "-o", &output], "")?.parse()?;
    Ok((address, PORT).into())
}

pub fn kubectl(cluster: &LocalCluster, args: &[&str], stdin: &str) -> Result<String> {
    let mut command = cluster.kubectl();
    said(command.args(args), stdin)
}

fn said(command: &mut Command, stdin: &str) -> Result<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("stdin is piped")?.write_all(stdin.as_bytes())?;
    let Output { status, stdout, stderr } = child.wait_with_output()?;
    ensure!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    Ok(String::from_utf8(stdout)?.trim().to_owned())
}

/// The body of a good answer.
pub fn get(address: SocketAddr, path: &str) -> Result<String> {
    request("GET", address, path)
}

pub fn request(method: &str, address: SocketAddr, path: &str) -> Result<String> {
    let limit = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP")?;
    if !head.starts_with("HTTP/1.0 2") {
        bail!("{path}: {head}: {body}");
    }
    Ok(body.to_owned())
}

pub fn eventually<T>(limit: Duration, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match ask() {
            Err(error) if Instant::now() >= deadline => return Err(error.context(format!("not within {limit:?}"))),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
            done => return done,
        }
    }
}
