//! One program of the control plane, in a process group of its own: Ctrl-C in a terminal reaches its parent, which
//! then stops it in order.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::tied;

pub(crate) const LOGS: &str = "logs";
const TAIL: u64 = 4_096;

/// A program of the control plane ended although nobody stopped it.
#[derive(Debug, thiserror::Error)]
#[error("{program} ended early ({status}); the end of its log:\n{log}")]
pub struct Exited {
    program: &'static str,
    status: ExitStatus,
    log: String,
}

impl Exited {
    pub(crate) fn port_was_taken(&self) -> bool {
        self.log.contains("address already in use")
    }
}

/// A running program; dropping it kills its process group and waits for its end.
#[derive(Debug)]
pub(crate) struct Process {
    program: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(assets: &Path, data: &Path, program: &'static str, args: &[String]) -> Result<Self> {
        let executable = assets.join(program);
        anyhow::ensure!(executable.exists(), "{} is missing", executable.display());
        fs::create_dir_all(data.join(LOGS))?;
        let log = data.join(LOGS).join(format!("{program}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        let mut command = tied::command(&executable, "KILL");
        command
            .args(args)
            .current_dir(data)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        let child = tied::spawn(command).with_context(|| format!("failed to start {}", executable.display()))?;
        Ok(Self { program, child, log })
    }

    /// An error with the end of the log if the program is no longer running.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait().with_context(|| format!("failed to check {}", self.program))? {
            None => Ok(()),
            Some(status) => Err(Exited { program: self.program, status, log: self.log_tail() }.into()),
        }
    }

    pub(crate) fn log_tail(&self) -> String {
        let tail = || -> io::Result<String> {
            let mut log = File::open(&self.log)?;
            let length = log.metadata()?.len();
            log.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
            let mut bytes = Vec::new();
            log.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        tail().unwrap_or_else(|error| format!("{}: {error}", self.log.display()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After it was waited for, its number may belong to another process.
        if matches!(self.child.try_wait(), Ok(None)) {
            if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = self.child.wait();
        }
    }
}
