//! A real Redis that pods reach.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
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
    _folder: tempfile::TempDir,
}

impl Redis {
    /// Starts one, and returns when it answers.
    pub async fn start(address: Ipv4Addr) -> Result<Self> {
        let port = TcpListener::bind((address, 0))?.local_addr()?.port();
        let folder = tempfile::tempdir()?;
        let mut redis = tied::command("redis-server", "KILL");
        redis.args(["--bind", &address.to_string(), "--port", &port.to_string(), "--protected-mode", "no"]);
        redis.args(["--save", "", "--appendonly", "no", "--dir"]).arg(folder.path());
        redis.stdout(Stdio::null()).stderr(Stdio::inherit());
        let child = tied::spawn(redis).context("failed to run redis-server: install the package of that name")?;
        let redis = Self { child, address: SocketAddr::from((address, port)), _folder: folder };
        let up = wait::until(wait::DEADLINE, async || Ok(redis.ping().await.ok()));
        ensure!(up.await?.is_some(), "redis-server does not answer at {}", redis.address);
        Ok(redis)
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

impl Drop for Redis {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
