//! What is left of a cluster with nodes, however it ends: nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use local_cluster::LocalCluster;

use crate::support::{eventually, run_pods, supported, with_nodes};

/// Names the file that a test, started as a process of its own, reports to.
const REPORT: &str = "LOCAL_CLUSTER_NODE_REPORT";

#[tokio::test]
async fn stopping_it_leaves_nothing() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let (settings, mounts) = (settings()?, mounts()?);
    let cluster = with_nodes(2).await?;
    run_pods(&cluster, "left", &["web"])?;
    assert_eq!(self::mounts()?, mounts, "a node's mounts are its own");
    let traces = Traces::of(&cluster, std::process::id())?;
    assert_eq!(traces.left()?.len(), traces.all().len(), "all of them are there while it runs");
    // Of the control plane, 4; the DNS; of the network, 1; of each node, 7; of the pod, 3.
    assert!(traces.processes.len() >= 23, "{traces:?}");
    cluster.stop().await?;
    assert_eq!(traces.left()?, BTreeSet::new());
    assert_eq!((self::settings()?, self::mounts()?), (settings, mounts));
    Ok(())
}

#[tokio::test]
async fn dropping_it_leaves_nothing() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let cluster = with_nodes(1).await?;
    run_pods(&cluster, "left", &["web"])?;
    let traces = Traces::of(&cluster, std::process::id())?;
    drop(cluster);
    assert_eq!(traces.left()?, BTreeSet::new());
    Ok(())
}

/// This test starts itself as another process, which starts a cluster and is then killed.
#[tokio::test]
async fn killing_the_process_that_holds_it_leaves_nothing_but_a_folder() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    if let Some(report) = std::env::var_os(REPORT) {
        let cluster = with_nodes(1).await?;
        run_pods(&cluster, "left", &["web"])?;
        let part = Path::new(&report).with_extension("part");
        fs::write(&part, Traces::of(&cluster, std::process::id())?.write())?;
        fs::rename(&part, &report)?;
        std::thread::park();
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let report = directory.path().join("report");
    let this = "leftovers::killing_the_process_that_holds_it_leaves_nothing_but_a_folder";
    let mut child = Command::new(std::env::current_exe()?).args([this, "--exact"]).env(REPORT, &report).spawn()?;
    let reported = eventually(Duration::from_secs(180), || Ok(fs::read_to_string(&report)?));
    let traces = reported.and_then(|report| Traces::read(&report));
    let there = traces.as_ref().map(Traces::left).map_err(|error| anyhow::anyhow!("{error:#}"));
    child.kill()?;
    child.wait()?;
    let mut traces = traces?;
    assert_eq!(there??.len(), traces.all().len());
    // The next cluster removes it, and another test may have started one.
    traces.folder = PathBuf::new();
    eventually(Duration::from_secs(20), || {
        let left = traces.left()?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
}

/// What tells that a cluster runs.
#[derive(Debug, Default)]
struct Traces {
    folder: PathBuf,
    network: u8,
    /// Each with the time of its start, as numbers are used again.
    processes: BTreeSet<String>,
    cgroups: BTreeSet<PathBuf>,
}

impl Traces {
    fn of(cluster: &LocalCluster, owner: u32) -> Result<Self> {
        let network = cluster.host_address().context("it has nodes")?.octets()[1];
        let name = format!("realtime-{network}");
        let mounts = fs::read_to_string("/proc/mounts")?;
        let mounted = mounts.lines().filter(|line| line.starts_with("cgroup"));
        let cgroups = mounted.filter_map(|line| Some(Path::new(line.split(' ').nth(1)?).join(&name))).collect();
        let folder = cluster.kubeconfig().parent().context("a folder")?.to_owned();
        let processes = processes(owner, &folder)?;
        Ok(Self { folder, network, processes, cgroups })
    }

    fn all(&self) -> BTreeSet<String> {
        let paths = self.cgroups.iter().chain(Some(&self.folder)).filter(|path| !path.as_os_str().is_empty());
        let paths = paths.map(|path| path.display().to_string());
        self.processes.iter().cloned().chain(paths).chain([self.link(), self.routes()]).collect()
    }

    fn link(&self) -> String {
        format!("/sys/class/net/realtime-{}", self.network)
    }

    fn routes(&self) -> String {
        format!("route to 10.{}.", self.network)
    }

    /// Those of them that are there now. Mounts and rules are in namespaces, which last as long as their processes.
    fn left(&self) -> Result<BTreeSet<String>> {
        let routes = String::from_utf8(Command::new("ip").args(["route", "show", "table", "all"]).output()?.stdout)?;
        let is_there = |trace: &String| {
            if *trace == self.routes() {
                return routes.contains(&format!("10.{}.", self.network));
            }
            if trace.starts_with('/') { Path::new(trace).exists() } else { runs(trace) }
        };
        Ok(self.all().into_iter().filter(is_there).collect())
    }

    fn write(&self) -> String {
        let lines = |set: &mut dyn Iterator<Item = String>| set.collect::<Vec<_>>().join("\t");
        let cgroups = lines(&mut self.cgroups.iter().map(|path| path.display().to_string()));
        let processes = lines(&mut self.processes.iter().cloned());
        format!("{}\n{}\n{processes}\n{cgroups}\n", self.folder.display(), self.network)
    }

    fn read(report: &str) -> Result<Self> {
        let [folder, network, processes, cgroups] = report.lines().collect::<Vec<_>>()[..] else {
            anyhow::bail!("{report}")
        };
        Ok(Self {
            folder: folder.into(),
            network: network.parse()?,
            processes: processes.split('\t').map(str::to_owned).collect(),
            cgroups: cgroups.split('\t').map(PathBuf::from).collect(),
        })
    }
}

/// The fields of /proc/PID/stat after the name: parent's number the second, time of start the twentieth.
fn stat(pid: &str) -> Option<(u32, String)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    // One that has ended and is not yet waited for is none that runs.
    (fields.first() != Some(&"Z")).then_some(())?;
    Some((fields.get(1)?.parse().ok()?, (*fields.get(19)?).to_owned()))
}

fn runs(process: &str) -> bool {
    let Some((pid, started)) = process.split_once('@') else { return false };
    stat(pid).is_some_and(|(_, since)| since == started)
}

/// All that a process started for a cluster, and what those started: tests with clusters of their own run beside it.
fn processes(owner: u32, folder: &Path) -> Result<BTreeSet<String>> {
    let pids = fs::read_dir("/proc")?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let running: BTreeMap<u32, (u32, String)> = pids.filter_map(|pid| Some((pid.parse().ok()?, stat(&pid)?))).collect();
    let is_of_it = |pid: u32| {
        let ancestors = std::iter::successors(Some(pid), |pid| running.get(pid).map(|(parent, _)| *parent));
        let mut below_owner = ancestors.take_while(|pid| *pid != owner);
        below_owner.any(|pid| fs::read_link(format!("/proc/{pid}/fd/2")).is_ok_and(|log| log.starts_with(folder)))
    };
    Ok(running.iter().filter(|(pid, _)| is_of_it(**pid)).map(|(pid, (_, since))| format!("{pid}@{since}")).collect())
}

/// What kubelet and kube-proxy are known to change on the machine that they run on.
fn settings() -> Result<Vec<String>> {
    let names = ["vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward"];
    names.iter().map(|name| Ok(fs::read_to_string(Path::new("/proc/sys").join(name))?)).collect()
}

/// This process's mounts that look like a node's.
fn mounts() -> Result<Vec<String>> {
    let mounts = fs::read_to_string("/proc/mounts")?;
    let like = |line: &&str| ["containerd", "kubelet", "/cni", "/run/state"].iter().any(|it| line.contains(it));
    Ok(mounts.lines().filter(like).map(str::to_owned).collect())
}
