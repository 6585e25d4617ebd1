//! A program as a child process: its lines as they come, signals, and an orderly end. Threads read and wait, so that it
//! may outlive the runtime of the test that started it, as what tests share does.

use std::{
    convert::Infallible,
    ffi::OsStr,
    io::{self, BufRead, BufReader, Read, Write},
    process::{ChildStdin, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use local_cluster::tied;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::{
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use crate::wait::DEADLINE;

const TAIL: usize = 25;
/// Between a request to end and force, where a test has failed or is over.
const GRACE: Duration = Duration::from_secs(10);

/// What a program said so far.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Lines of standard output.
    pub out: Vec<String>,
    /// Lines of standard error.
    pub err: Vec<String>,
    /// How it ended, if it has.
    pub ended: Option<ExitStatus>,
    open: usize,
}

/// A running program; dropping it asks it to end, and insists after a while.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: Pid,
    stdin: Option<ChildStdin>,
    said: watch::Receiver<Said>,
    /// Nothing comes from here; it closes when the program has ended.
    over: Mutex<mpsc::Receiver<Infallible>>,
}

/// A command that the kernel ends together with this test's process.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    tied::command(program, "TERM")
}

impl Process {
    /// Starts it; `name` is for messages.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn start(name: &str, mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = tied::spawn(command).with_context(|| format!("failed to start {name}"))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process has a number")?;
        let (sender, said) = watch::channel(Said { open: 2, ..Said::default() });
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let stdin = child.stdin.take();
        let (out, err) = (sender.clone(), sender.clone());
        thread::spawn(move || read(stdout, &out, |said| &mut said.out));
        thread::spawn(move || read(stderr, &err, |said| &mut said.err));
        let (alive, over) = mpsc::channel();
        thread::spawn(move || {
            // Until here its number is its own, so that a signal cannot reach another process.
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            let status = child.wait().ok();
            sender.send_modify(|said| said.ended = status);
            drop(alive);
        });
        Ok(Self { name: name.to_owned(), pid, stdin, said, over: Mutex::new(over) })
    }

    /// What it said so far, and how it ended.
    #[must_use]
    pub fn said(&self) -> Said {
        self.said.borrow().clone()
    }

    /// Follows what it says.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Said> {
        self.said.clone()
    }

    /// The first line of standard output that `find` finds something in.
    ///
    /// # Errors
    /// When it ends before that, or the deadline passes.
    pub async fn line<T>(&self, what: &str, find: impl FnMut(&str) -> Option<T>) -> Result<T> {
        self.line_within(DEADLINE, what, find).await
    }

    /// The same with a limit of its own.
    ///
    /// # Errors
    /// When it ends before that, or the limit passes.
    pub async fn line_within<T>(
        &self,
        limit: Duration,
        what: &str,
        mut find: impl FnMut(&str) -> Option<T>,
    ) -> Result<T> {
        let mut said = self.said.clone();
        let deadline = Instant::now() + limit;
        let mut seen = 0;
        loop {
            let (found, over) = {
                let said = said.borrow_and_update();
                let found = said.out[seen..].iter().find_map(|line| find(line));
                seen = said.out.len();
                (found, said.ended.is_some() && said.open == 0)
            };
            match found {
                Some(found) => return Ok(found),
                None if over => bail!("{} did not say {what}: {}", self.name, self.tail()),
                None => {}
            }
            let changed = timeout_at(deadline, said.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                bail!("{} did not say {what} within {DEADLINE:?}: {}", self.name, self.tail());
            }
        }
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// When it reads no more.
    pub fn write(&mut self, line: &str) -> Result<()> {
        let write = |stdin: &mut ChildStdin| writeln!(stdin, "{line}").and_then(|()| stdin.flush());
        let written = self.stdin.as_mut().map_or(Err(io::ErrorKind::BrokenPipe.into()), write);
        written.with_context(|| format!("{} reads no more: {}", self.name, self.tail()))
    }

    /// Ends its input, which to the drivers of clients is the order to end, and waits a while for that.
    pub fn end_input(&mut self) {
        drop(self.stdin.take());
        self.ends(GRACE);
    }

    fn ends(&mut self, limit: Duration) -> bool {
        let over = self.over.get_mut().unwrap_or_else(PoisonError::into_inner);
        over.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Disconnected)
    }

    /// Sends a signal, if it still runs.
    pub fn signal(&self, signal: Signal) {
        if self.said.borrow().ended.is_none() {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Waits for its end, at most `limit`.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn ended(&self, limit: Duration) -> Result<ExitStatus> {
        let mut said = self.said.clone();
        let ended = timeout(limit, said.wait_for(|said| said.ended.is_some())).await;
        let ended = ended.map(|said| said.map(|said| said.ended));
        if let Ok(Ok(_)) = ended {
            // What it said last may be on its way; whoever it started may hold the pipe for longer.
            let _ = timeout(GRACE, said.wait_for(|said| said.open == 0)).await;
        }
        match ended {
            Ok(Ok(status)) => status.context("it has ended"),
            Ok(Err(_)) => bail!("{}: nobody waits for it", self.name),
            Err(_) => bail!("{} runs on after {limit:?}: {}", self.name, self.tail()),
        }
    }

    /// The end of what it said.
    #[must_use]
    pub fn tail(&self) -> String {
        let Said { out, err, ended, open: _ } = self.said();
        let last = |lines: &[String]| lines[lines.len().saturating_sub(TAIL)..].join("\n  ");
        let ended = ended.map_or("it runs".to_owned(), |status| status.to_string());
        format!("{ended}; its output ends\n  {}\nand its errors\n  {}", last(&out), last(&err))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        if !self.ends(GRACE) {
            self.signal(Signal::KILL);
            self.ends(GRACE);
        }
    }
}

fn read(output: impl Read, said: &watch::Sender<Said>, lines: fn(&mut Said) -> &mut Vec<String>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
        said.send_modify(|said| lines(said).push(text));
        line.clear();
    }
    said.send_modify(|said| said.open -= 1);
}
