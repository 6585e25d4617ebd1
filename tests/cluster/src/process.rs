//! One program of the cluster, in a process group of its own: Ctrl-C in a terminal reaches its parent, which then stops
//! it in order.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process_group, test_kill_process_group},
};

use crate::{root, tied};

pub(crate) const LOGS: &str = "logs";
const TAIL: u64 = 4_096;
const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// A program of the cluster ended although nobody stopped it.
#[derive(Debug, thiserror::Error)]
#[error("{program} ended early ({status}); the end of its log:\n{log}")]
pub struct Exited {
    program: String,
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
    program: String,
    child: Child,
    log: PathBuf,
    rights: Rights,
}

#[derive(Clone, Copy, Debug)]
enum Rights {
    Own,
    Root,
}

impl Process {
    /// One of the assets, which ends with this process.
    pub(crate) fn start(assets: &Path, data: &Path, program: &str, args: &[String]) -> Result<Self> {
        let executable = assets.join(program);
        anyhow::ensure!(executable.exists(), "{} is missing", executable.display());
        let mut command = tied::command(&executable, "KILL");
        command.args(args).process_group(0);
        Self::spawn(program, data, command, Rights::Own)
    }

    /// One that [`root::grouped`] made, which has to end with this process in a way of its own.
    pub(crate) fn start_as_root(program: &str, data: &Path, command: Command) -> Result<Self> {
        Self::spawn(program, data, command, Rights::Root)
    }

    fn spawn(program: &str, data: &Path, mut command: Command, rights: Rights) -> Result<Self> {
        let log = log_file(data, program);
        let output = open_log(&log)?;
        command.current_dir(data).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = tied::spawn(command).with_context(|| format!("failed to start {program}"))?;
        Ok(Self { program: program.to_owned(), child, log, rights })
    }

    /// An error with the end of the log if the program is no longer running.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait().with_context(|| format!("failed to check {}", self.program))? {
            None => Ok(()),
            Some(status) => Err(Exited { program: self.program.clone(), status, log: log_tail(&self.log) }.into()),
        }
    }

    pub(crate) fn log_tail(&self) -> String {
        log_tail(&self.log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After it was waited for, its number may belong to another process.
        if matches!(self.child.try_wait(), Ok(None))
            && let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
        {
            match self.rights {
                Rights::Own => drop(kill_process_group(group, Signal::KILL)),
                Rights::Root => root::kill_group(group),
            }
            let _ = self.child.wait();
            await_end(group);
        }
    }
}

/// What a program was started through ends before the program itself, which holds its port until then.
fn await_end(group: Pid) {
    let since = Instant::now();
    while test_kill_process_group(group) != Err(Errno::SRCH) && since.elapsed() < LAST_MOMENTS {
        thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn log_file(data: &Path, program: &str) -> PathBuf {
    data.join(LOGS).join(format!("{program}.log"))
}

pub(crate) fn open_log(log: &Path) -> io::Result<File> {
    fs::create_dir_all(log.parent().unwrap_or(log))?;
    File::options().create(true).append(true).open(log)
}

pub(crate) fn log_tail(log: &Path) -> String {
    let tail = || -> io::Result<String> {
        let mut log = File::open(log)?;
        let length = log.metadata()?.len();
        log.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    tail().unwrap_or_else(|error| format!("{}: {error}", log.display()))
}
