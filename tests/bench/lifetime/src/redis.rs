//! A real Redis that pods reach.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Stdio},
};

use anyhow::{Context, Result, ensure};
use local_cluster::tied;
use realtime_tests::wait;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A Redis that keeps nothing on disk.
pub struct Redis {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Redis {
    /// Starts one, and returns when it answers.
    pub async fn start(address: Ipv4Addr) -> Result<Self> {
        let port = TcpListener::bind((address, 0))?.local_addr()?.port();
        let (address, folder) = (SocketAddr::from((address, port)), tempfile::tempdir()?);
        let redis = Self { child: spawn(address, folder.path())?, address, folder };
        redis.answers().await?;
        Ok(redis)
    }

    /// SIGKILL: whatever it held is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again where it was, empty.
    pub async fn start_again(&mut self) -> Result<()> {
        self.child = spawn(self.address, self.folder.path())?;
        self.answers().await
    }

    async fn answers(&self) -> Result<()> {
        let up = wait::until(wait::DEADLINE, async || Ok(self.ping().await.ok()));
        ensure!(up.await?.is_some(), "redis-server does not answer at {}", self.address);
        Ok(())
    }

    /// As a client writes it.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    async fn ping(&self) -> Result<()> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        ensure!(&answer == b"+PONG", "no Redis");
        Ok(())
    }
}

fn spawn(address: SocketAddr, folder: &Path) -> Result<Child> {
    let mut redis = tied::command("redis-server", "KILL");
    redis.args(["--bind", &address.ip().to_string(), "--port", &address.port().to_string(), "--protected-mode", "no"]);
    redis.args(["--save", "", "--appendonly", "no", "--dir"]).arg(folder);
    redis.stdout(Stdio::null()).stderr(Stdio::inherit());
    tied::spawn(redis).context("failed to run redis-server: install the package of that name")
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
