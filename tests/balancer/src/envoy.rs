//! The Envoy process: found, started, and asked.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use local_cluster::tied;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde_json::json;
use tokio::sync::watch;

use crate::{Error, admin::Admin, xds};

const DEADLINE: Duration = Duration::from_secs(20);
const SHORTEST: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(50);
const TAIL: u64 = 4_000;

/// A running Envoy. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Envoy {
    child: Child,
    log: PathBuf,
    admin: Admin,
    rejected: BTreeMap<String, u64>,
    end: watch::Receiver<Option<String>>,
}

impl Envoy {
    /// Starts it with the configuration that is served on a socket.
    pub(crate) async fn start(
        binary: &Path,
        folder: &Path,
        publisher: &Path,
        log: &Path,
        workers: u32,
    ) -> Result<Self, Error> {
        let socket = folder.join("admin.sock");
        let bootstrap = json!({
            "node": {"id": "local-balancer", "cluster": "local-balancer"},
            "admin": {"address": {"pipe": {"path": socket, "mode": 0o600}}},
            "dynamic_resources": {"cds_config": xds::source(), "lds_config": xds::source()},
            "static_resources": {"clusters": [{
                "name": xds::CONFIGURATION,
                "type": "STATIC",
                "connect_timeout": "5s",
                "circuit_breakers": {"thresholds": [{"max_connections": u32::MAX, "max_requests": u32::MAX}]},
                "load_assignment": {
                    "cluster_name": xds::CONFIGURATION,
                    "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": publisher}}}}]}],
                },
            }]},
        });
        let configuration = folder.join("bootstrap.json");
        fs::write(&configuration, bootstrap.to_string()).map_err(Error::Files)?;
        let output = File::create(log).map_err(Error::Files)?;
        let mut command = tied::command(binary, "KILL");
        command
            .arg("--config-path")
            .arg(&configuration)
            .args(["--concurrency", &workers.to_string(), "--disable-hot-restart", "--log-level", "info"])
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(Error::Files)?)
            .stderr(output);
        let child = tied::spawn(command).map_err(|source| Error::Start { binary: binary.to_owned(), source })?;
        let end = notice_the_end(Pid::from_child(&child));
        let admin = Admin::new(socket);
        let mut envoy = Self { child, log: log.to_owned(), admin, rejected: BTreeMap::new(), end };
        let began = Instant::now();
        while !envoy.admin.is_ready().await {
            envoy.check()?;
            if began.elapsed() > DEADLINE {
                return Err(Error::NotReady { log: envoy.log_tail() });
            }
            tokio::time::sleep(SHORTEST * 5).await;
        }
        Ok(envoy)
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Returns when the versions that these statistics name are in force.
    pub(crate) async fn in_force(&mut self, versions: &BTreeMap<String, String>) -> Result<(), Error> {
        let began = Instant::now();
        let mut pause = SHORTEST;
        loop {
            let texts = self.admin.texts().await?;
            let is_behind =
                |(stat, version): &(&String, &String)| texts.get(&format!("{stat}.version_text")) != Some(*version);
            let Some((behind, _)) = versions.iter().find(is_behind) else { return Ok(()) };
            let rejected = self.admin.rejected().await?;
            let count = |counts: &BTreeMap<String, u64>, stat: &String| {
                counts.get(&format!("{stat}.update_rejected")).copied().unwrap_or(0)
            };
            let refused = versions.keys().find(|stat| count(&rejected, stat) > count(&self.rejected, stat));
            let refused = refused.cloned().or_else(|| (began.elapsed() > DEADLINE).then(|| behind.clone()));
            self.rejected = rejected;
            if let Some(what) = refused {
                return Err(Error::Refused { what, log: self.log_tail() });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// Returns when the process has ended, though nobody stopped it.
    pub(crate) async fn ended(&mut self) -> Error {
        let how = self.end.wait_for(Option::is_some).await.ok().and_then(|how| how.clone());
        Error::Ended { how: how.unwrap_or_default(), log: self.log_tail() }
    }

    fn check(&mut self) -> Result<(), Error> {
        match self.end.borrow().clone() {
            None => Ok(()),
            Some(how) => Err(Error::Ended { how, log: self.log_tail() }),
        }
    }

    fn log_tail(&self) -> String {
        let tail = || -> io::Result<String> {
            let mut log = File::open(&self.log)?;
            log.seek(SeekFrom::Start(fs::metadata(&self.log)?.len().saturating_sub(TAIL)))?;
            let mut bytes = Vec::new();
            log.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        tail().unwrap_or_else(|error| format!("{}: {error}", self.log.display()))
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A thread that lasts as long as the process: it waits, and leaves the process' remains to who owns it.
fn notice_the_end(process: Pid) -> watch::Receiver<Option<String>> {
    let (sender, receiver) = watch::channel(None);
    thread::spawn(move || {
        let how = match waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => format!("with status {code}"),
                (None, Some(signal)) => format!("by signal {signal}"),
                (None, None) => "for no known reason".to_owned(),
            },
            Ok(None) => "for no known reason".to_owned(),
            Err(error) => format!("unnoticed: {error}"),
        };
        sender.send_replace(Some(how));
    });
    receiver
}
