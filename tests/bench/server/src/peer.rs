//! The servers: each a process on a core of its own.

use std::{
    fmt, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// The page that every client says it is of.
pub const ORIGIN: &str = "https://app.domain-b.com";

const MANIFEST: &str = "apiVersion: realtime-operator.dev/v1alpha1\nkind: RealtimeService\nmetadata: {name: chat}\n\
    spec: {host: chat.domain-a.com, origins: {allow: ['https://app.domain-b.com']}}\n";

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The bundled server as it is.
    Bundled,
    /// The bundled server, which keeps nothing for clients that come back; the other two do not either.
    WithoutRecovery,
    /// socket.io 4 on Node, with ws.
    Node,
    /// zishang520's server in Go.
    Go,
}

impl Peer {
    /// In the order of the table.
    pub const ALL: [Self; 4] = [Self::Bundled, Self::WithoutRecovery, Self::Node, Self::Go];
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bundled => "bundled server",
            Self::WithoutRecovery => "bundled, recovery off",
            Self::Node => "Node socket.io 4.8",
            Self::Go => "Go zishang520 v3",
        })
    }
}

/// One that runs.
pub struct Running {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Running {
    /// Starts it on the first core.
    ///
    /// # Errors
    /// When it is not built, or does not start.
    pub fn start(peer: Peer) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]);
        match peer {
            Peer::Bundled | Peer::WithoutRecovery => {
                let file = folder.path().join("chat.yaml");
                fs::write(&file, MANIFEST)?;
                command.arg(bundled()?).arg("--policy-file").arg(file);
                command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log", "error"]);
                if peer == Peer::WithoutRecovery {
                    command.args(["--recovery-window", "0s"]);
                }
            }
            Peer::Node => {
                command.arg("node").arg(root.join("tests/clients/plain.mjs"));
            }
            Peer::Go => {
                let built = Command::new(root.join("tests/bench/server/setup")).stderr(Stdio::inherit()).output()?;
                ensure!(built.status.success(), "the Go server is not built");
                command.arg(String::from_utf8(built.stdout)?.trim());
            }
        }
        let mut process = command.stdout(Stdio::piped()).spawn().context("failed to start taskset of util-linux")?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("piped")?).read_line(&mut line)?;
        let said: serde_json::Value = serde_json::from_str(&line).with_context(|| format!("{peer} said {line:?}"))?;
        let address = said["listening"].as_str().and_then(|text| text.parse().ok()).context("an address")?;
        Ok(Self { process, address, _folder: folder })
    }

    /// Its number.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn bundled() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("realtime-server");
    ensure!(program.exists(), "{} is not there: cargo build --release -p realtime-server", program.display());
    Ok(program)
}
