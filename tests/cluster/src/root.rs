//! Commands that need root's rights: as they are where this process has them, else through sudo.

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// Never asks for a password.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    if is_root() {
        return with_path(Command::new(program));
    }
    let mut command = Command::new("sudo");
    command.args(["--non-interactive", "--"]).arg(program);
    command
}

/// In a process group of its own, which has the child's number.
pub(crate) fn grouped(program: impl AsRef<OsStr>) -> Command {
    if is_root() {
        let mut command = command(program);
        command.process_group(0);
        return command;
    }
    // With a terminal, sudo may run its command behind another one, in another group.
    let mut command = Command::new("setsid");
    command.args(["sudo", "--non-interactive", "--"]).arg(program);
    command
}

/// Kills a process group of [`grouped`]. Who runs sudo may kill sudo, but not what it runs.
pub(crate) fn kill_group(group: Pid) {
    if is_root() {
        let _ = kill_process_group(group, Signal::KILL);
        return;
    }
    let mut kill = command("sh");
    kill.args(["-c", &format!("kill -s KILL -- -{}", group.as_raw_nonzero())]);
    succeeds(kill);
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub(crate) fn succeeds(mut command: Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Who became root without a login has the PATH of somebody else. sudo has one of its own.
fn with_path(mut command: Command) -> Command {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(OsString::from(":/usr/local/sbin:/usr/sbin:/sbin"));
    command.env("PATH", path);
    command
}
