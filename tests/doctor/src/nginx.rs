//! nginx in front of a server, configured as people do it first.

use std::{fs, net::SocketAddr};

use anyhow::Result;
use realtime_ladder::{Process, ports, process, wait};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// A running nginx; dropping it ends it.
#[derive(Debug)]
pub struct Nginx {
    _process: Process,
    _folder: TempDir,
    address: SocketAddr,
}

impl Nginx {
    /// Starts one that passes everything to a port of this machine, and nothing about upgrades.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(upstream: u16) -> Result<Self> {
        let (folder, address) = (tempfile::tempdir()?, ports::free()?);
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration(folder.path().to_string_lossy().as_ref(), address, upstream))?;
        let mut command = process::command(crate::go::program("nginx").await?);
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file).args(["-e", "stderr"]);
        let process = Process::start("nginx", command)?;
        wait::until("nginx listens", async || {
            anyhow::ensure!(process.said().ended.is_none(), "{}", process.tail());
            Ok(TcpStream::connect(address).await.ok().map(drop))
        })
        .await?;
        Ok(Self { _process: process, _folder: folder, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn configuration(folder: &str, listen: SocketAddr, upstream: u16) -> String {
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths: String = paths.iter().map(|name| format!("  {name}_temp_path {folder}/{name};\n")).collect();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{}}\nhttp {{\n{paths}  access_log off;\n  server {{\n    listen {listen};\n    \
         location / {{\n      proxy_pass http://127.0.0.1:{upstream};\n      proxy_set_header Host $host;\n    }}\n  }}\n}}\n"
    )
}
