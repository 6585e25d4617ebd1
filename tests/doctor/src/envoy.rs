//! Envoy in front of a server.

use std::{fs, net::SocketAddr};

use anyhow::Result;
use local_balancer::Balancer;
use realtime_ladder::{Process, ports, process, wait};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// A running Envoy; dropping it ends it.
#[derive(Debug)]
pub struct Envoy {
    _process: Process,
    _folder: TempDir,
    cut: SocketAddr,
    no_upgrades: SocketAddr,
}

impl Envoy {
    /// Starts one with two listeners, both to a port of this machine: one cuts each route after 3 s, the other knows no upgrades.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(upstream: u16) -> Result<Self> {
        let (folder, cut, no_upgrades) = (tempfile::tempdir()?, ports::free()?, ports::free()?);
        let file = folder.path().join("envoy.json");
        let configuration = json!({"static_resources": {
            "listeners": [listener(cut, "3s", json!([{"upgrade_type": "websocket"}])), listener(no_upgrades, "0s", json!([]))],
            "clusters": [{"name": "server", "type": "STATIC", "connect_timeout": "5s", "load_assignment": {"cluster_name": "server",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(SocketAddr::from(([127, 0, 0, 1], upstream)))}}]}]}}],
        }});
        fs::write(&file, configuration.to_string())?;
        let mut command = process::command(Balancer::envoy(|_| {}).await?);
        command.arg("--config-path").arg(&file);
        command.args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"]);
        let process = Process::start("Envoy", command)?;
        wait::until("Envoy listens", async || {
            anyhow::ensure!(process.said().ended.is_none(), "{}", process.tail());
            let both = TcpStream::connect(cut).await.is_ok() && TcpStream::connect(no_upgrades).await.is_ok();
            Ok(both.then_some(()))
        })
        .await?;
        Ok(Self { _process: process, _folder: folder, cut, no_upgrades })
    }

    /// The URL of a listener: `cut` or `no-upgrades`.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("http://{}", if name == "cut" { self.cut } else { self.no_upgrades })
    }
}

fn address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

fn listener(listen: SocketAddr, longest: &str, upgrades: Value) -> Value {
    let manager =
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
    json!({"address": address(listen), "filter_chains": [{"filters": [{"name": "http", "typed_config": {
        "@type": manager, "stat_prefix": "http", "upgrade_configs": upgrades,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "server", "timeout": "0s", "max_stream_duration": {"max_stream_duration": longest}}}]}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": router}}],
    }}]}]})
}
