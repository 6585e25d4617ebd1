//! `kubectl-realtime up`, which is what `make up` runs, from its first line to what it leaves behind.

use std::{
    collections::BTreeSet,
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use realtime_ladder::{
    Browser, Cluster, Process,
    manifest::{NAME, allowing},
    ports, process,
    programs::{self, Program},
    wait,
};
use rustix::process::Signal;

use crate::APP;

const LAST_LINE: &str = "Ctrl-C ends everything and leaves nothing behind.";
/// Nobody waits longer for Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `up` with temporary files of its own, so that what it leaves behind can be told from what others do.
struct Up {
    process: Process,
    folder: tempfile::TempDir,
    listen: SocketAddr,
    page: SocketAddr,
}

/// What it says when all runs.
struct Welcome {
    page: String,
    kubeconfig: PathBuf,
    /// The `kubectl get rts` that it proposes.
    get: String,
    text: String,
}

impl Up {
    async fn start(kubeconfig: Option<&Path>) -> Result<Self> {
        Self::start_at(kubeconfig, ports::free()?, ports::free()?).await
    }

    async fn start_at(kubeconfig: Option<&Path>, listen: SocketAddr, page: SocketAddr) -> Result<Self> {
        let client = programs::clients().await?.join("node_modules/socket.io-client/dist/socket.io.min.js");
        let folder = tempfile::tempdir()?;
        let manifest = folder.path().join("chat.yaml");
        fs::write(&manifest, allowing(&[APP, &format!("http://localhost:{}", page.port())]).to_string())?;
        let temporary = folder.path().join("temporary");
        fs::create_dir(&temporary)?;
        let mut command = process::command(Program::Cli.path().await?);
        command.arg("up").arg("-f").arg(&manifest).arg("--client").arg(client);
        command.args(["--listen", &listen.to_string(), "--page-port", &page.port().to_string()]);
        command.args(["--mode", "processes"]);
        command.env_remove("KUBECONFIG").envs(kubeconfig.map(|kubeconfig| ("KUBECONFIG", kubeconfig)));
        command.env("TMPDIR", temporary);
        let process = Process::start("kubectl-realtime up", command)?;
        Ok(Self { process, folder, listen, page })
    }

    async fn welcome(&self) -> Result<Welcome> {
        let is_last = |line: &str| (line == LAST_LINE).then_some(());
        self.process.line("all of its welcome", is_last).await?;
        let lines = self.process.said().out;
        let rest = |start: &str| lines.iter().find_map(|line| line.trim().strip_prefix(start).map(str::trim));
        Ok(Welcome {
            page: rest("page ").context("it names the page")?.to_owned(),
            kubeconfig: rest("export KUBECONFIG=").context("it names the KUBECONFIG")?.into(),
            get: lines
                .iter()
                .find(|line| line.contains(" get rts -n "))
                .context("it proposes get rts")?
                .trim()
                .to_owned(),
            text: lines.join("\n"),
        })
    }

    /// Presses Ctrl-C, and checks that nothing stays; gives the time that took.
    async fn interrupt(self) -> Result<Duration> {
        self.end(Signal::INT).await
    }

    async fn end(self, signal: Signal) -> Result<Duration> {
        let told = Instant::now();
        self.process.signal(signal);
        let status = self.process.ended(wait::DEADLINE).await?;
        let took = told.elapsed();
        ensure!(status.code() == Some(0), "{signal:?} ends it with {status}: {}", self.process.tail());
        ensure!(took < PATIENCE, "{signal:?} took {took:?}: {}", self.process.tail());
        ensure!(self.processes()?.is_empty(), "it left processes: {:?}", self.processes()?);
        let files: Vec<_> = fs::read_dir(self.temporary())?.flatten().map(|entry| entry.path()).collect();
        ensure!(files.is_empty(), "it left files: {files:?}");
        for address in [self.listen, self.page] {
            ensure!(ports::is_free(address), "somebody listens on {address}");
        }
        Ok(took)
    }

    fn temporary(&self) -> PathBuf {
        self.folder.path().join("temporary")
    }

    /// Command lines of the processes that have its temporary folder in their environment.
    fn processes(&self) -> Result<Vec<String>> {
        let mark = format!("TMPDIR={}", self.temporary().display());
        let read = |entry: &fs::DirEntry, file: &str| {
            let text = fs::read(entry.path().join(file)).unwrap_or_default();
            String::from_utf8_lossy(&text).replace('\0', " ")
        };
        let entries = fs::read_dir("/proc")?.flatten();
        let marked = entries.filter(|entry| read(entry, "environ").split(' ').any(|variable| variable == mark));
        Ok(marked.map(|entry| read(&entry, "cmdline")).collect())
    }
}

async fn enter(page: &mut Browser, name: &str) -> Result<()> {
    page.wait_for("chat.state === 'connected'").await?;
    page.fill("#name", name).await?;
    page.fill("#room", "lobby").await?;
    page.click("#join").await?;
    page.wait_for("chat.room === 'lobby'").await.map(|_| ())
}

async fn say(page: &mut Browser, text: &str) -> Result<()> {
    page.fill("#message", text).await?;
    page.click("#publish").await
}

async fn hear(page: &mut Browser, name: &str, text: &str) -> Result<()> {
    let heard = format!("chat.log.some((it) => it.kind === 'message' && it.name === '{name}' && it.text === '{text}')");
    page.wait_for(&heard).await.map(|_| ())
}

#[tokio::test]
async fn make_up_ends_with_a_page_that_talks() -> Result<()> {
    // The picture shows the ports that a reader will see.
    let documents = env::var_os("UPDATE_DOCS").is_some();
    let [listen, page] = match documents {
        true => [8080, 5173].map(|port| SocketAddr::from(([127, 0, 0, 1], port))),
        false => [ports::free()?, ports::free()?],
    };
    let started = Instant::now();
    let up = Up::start_at(None, listen, page).await?;
    let welcome = up.welcome().await?;
    println!("up was ready after {:.1?}", started.elapsed());
    assert_eq!(welcome.page, format!("http://localhost:{}", up.page.port()));
    assert!(welcome.text.contains(&format!("http://{}/oursocketio", up.listen)), "{}", welcome.text);

    let running = up.processes()?;
    for program in ["etcd", "kube-apiserver", "kube-controller-manager", "realtime-operator", "realtime-server"] {
        assert!(running.iter().any(|command| command.contains(program)), "{program} runs: {running:?}");
    }

    let mut ana = Browser::open(&welcome.page).await?;
    let mut ben = Browser::open(&welcome.page).await?;
    enter(&mut ana, "Ana").await?;
    enter(&mut ben, "Ben").await?;
    say(&mut ana, "hello from the other site").await?;
    hear(&mut ben, "Ana", "hello from the other site").await?;
    say(&mut ben, "I hear you").await?;
    hear(&mut ana, "Ben", "I hear you").await?;
    ana.wait_for("document.getElementById('presence').textContent === '2 people here'").await?;
    ana.click("#echo").await?;
    ana.wait_for("document.getElementById('round-trip').textContent.startsWith('round trip ')").await?;
    assert_eq!(ana.console()?, Vec::<String>::new());
    if documents {
        let images = programs::root().join("docs/images");
        fs::create_dir_all(&images)?;
        ana.screenshot(&images.join("chat.png")).await?;
    }

    let pasted = format!("export KUBECONFIG={}\n{}", welcome.kubeconfig.display(), welcome.get);
    let shown = tokio::process::Command::new("sh").args(["-c", &pasted]).output().await?;
    let table = String::from_utf8(shown.stdout)?;
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    assert!(table.starts_with("NAME") && table.lines().any(|line| line.starts_with(NAME)), "{table}");

    let api = api(&welcome.kubeconfig)?;
    let took = up.interrupt().await?;
    println!("Ctrl-C took {took:.1?} with two pages connected");
    assert!(ports::is_free(api), "somebody listens on {api}");
    ana.close().await?;
    ben.close().await
}

/// The address in a kubeconfig file.
fn api(kubeconfig: &Path) -> Result<SocketAddr> {
    let text = fs::read_to_string(kubeconfig)?;
    let (_, rest) = text.split_once("https://").context("a kubeconfig names a server")?;
    let address: String = rest.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
    address.parse().with_context(|| format!("{address} is an address"))
}

#[tokio::test]
async fn an_early_end_leaves_nothing_behind_either() -> Result<()> {
    let moments = [
        "starting a control plane",
        "installing the definition",
        "starting the operator",
        "applying",
        "starting the bundled server",
    ];
    for moment in moments {
        let up = Up::start(None).await?;
        up.process.line(moment, |line| line.starts_with(moment).then_some(())).await?;
        let took = up.interrupt().await.context(moment)?;
        println!("Ctrl-C took {took:.1?} after {moment:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_terminal_that_is_closed_ends_it_like_ctrl_c() -> Result<()> {
    let up = Up::start(None).await?;
    up.welcome().await?;
    up.end(Signal::HUP).await.map(|_| ())
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_and_leaves_nothing_behind() -> Result<()> {
    let up = Up::start(None).await?;
    let taken = std::net::TcpListener::bind(up.page)?;
    let status = up.process.ended(wait::DEADLINE).await?;
    assert_eq!(status.code(), Some(3), "{}", up.process.tail());
    let error = up.process.said().err.join("\n");
    assert!(error.contains("--page-port"), "{error}");
    drop(taken);
    assert_eq!(up.processes()?, Vec::<String>::new());
    assert_eq!(fs::read_dir(up.temporary())?.count(), 0);
    Ok(())
}

/// What there is in the default namespace, and definitions.
async fn inventory(cluster: &Cluster) -> Result<BTreeSet<String>> {
    let kinds = "all,configmaps,secrets,serviceaccounts,roles,rolebindings,ingresses,leases,customresourcedefinitions";
    let names = cluster.kubectl(&["get", kinds, "-n", "default", "-o", "name"]).await?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// What the control plane itself puts there comes a moment after its start.
async fn furnished(cluster: &Cluster) -> Result<BTreeSet<String>> {
    let question = async || {
        let inventory = inventory(cluster).await?;
        Ok(["configmap/kube-root-ca.crt", "serviceaccount/default"]
            .iter()
            .all(|name| inventory.contains(*name))
            .then_some(inventory))
    };
    Ok(wait::until("the default namespace is furnished", question).await?.0)
}

#[tokio::test]
async fn up_with_a_kubeconfig_uses_that_cluster_and_takes_out_what_it_put_in() -> Result<()> {
    let cluster = Cluster::empty().await?;
    let before = furnished(&cluster).await?;
    let up = Up::start(Some(cluster.local.kubeconfig())).await?;
    let welcome = up.welcome().await?;
    assert_eq!(welcome.kubeconfig, cluster.local.kubeconfig());
    let table = cluster.kubectl(&["get", "rts", "-n", "default"]).await?;
    assert!(table.lines().any(|line| line.starts_with(NAME)), "{table}");
    let meanwhile = inventory(&cluster).await?;
    assert!(meanwhile.contains("deployment.apps/chat"), "{meanwhile:?}");
    let mut page = Browser::open(&welcome.page).await?;
    enter(&mut page, "Ana").await?;
    page.close().await?;

    let took = up.interrupt().await?;
    println!("Ctrl-C took {took:.1?} with a cluster of KUBECONFIG");
    is_as_before(&cluster, &before).await
}

#[tokio::test]
async fn an_early_end_takes_out_what_was_put_into_the_cluster_of_a_kubeconfig() -> Result<()> {
    let cluster = Cluster::empty().await?;
    let before = furnished(&cluster).await?;
    for moment in ["installing the definition", "applying", "starting the bundled server"] {
        let up = Up::start(Some(cluster.local.kubeconfig())).await?;
        up.process.line(moment, |line| line.starts_with(moment).then_some(())).await?;
        up.interrupt().await.context(moment)?;
        is_as_before(&cluster, &before).await.context(moment)?;
    }
    Ok(())
}

/// What belongs to a deleted Deployment is the garbage collector's, a moment later.
async fn is_as_before(cluster: &Cluster, before: &BTreeSet<String>) -> Result<()> {
    let question = async || {
        let after = inventory(cluster).await?;
        let (left, lost): (Vec<_>, Vec<_>) = (after.difference(before).collect(), before.difference(&after).collect());
        ensure!(left.is_empty() && lost.is_empty(), "left in the cluster: {left:?}; lost from it: {lost:?}");
        Ok(Some(()))
    };
    wait::until("the cluster is as it was before", question).await.map(|_| ())
}
