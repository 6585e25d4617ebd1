//! Programs that the kernel ends together with the process that started them, however that process ends.

use std::{
    ffi::OsStr,
    io,
    process::{Child, Command, Stdio},
    sync::{LazyLock, Mutex, mpsc},
    thread,
};

/// A command that the kernel sends `signal`, such as "KILL", when its parent is gone. Without util-linux's setpriv it is
/// an ordinary one.
pub fn command(program: impl AsRef<OsStr>, signal: &str) -> Command {
    static SETPRIV: LazyLock<bool> = LazyLock::new(|| {
        let probe = Command::new("setpriv").args(["--pdeathsig", "KILL", "true"]).stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    });
    if !*SETPRIV {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", signal, "--"]).arg(program);
    command
}

/// Spawns it. To the kernel the parent is the thread that spawned, and threads of a runtime or a test come and go: one
/// thread, which lives as long as the process, spawns for all.
pub fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
        let (orders, queue) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in queue {
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let (reply, child) = mpsc::channel();
    let orders = SPAWNER.lock().expect("sending does not panic").clone();
    orders.send((command, reply)).expect("the spawner lives as long as the process");
    child.recv().expect("the spawner answers every order")
}
