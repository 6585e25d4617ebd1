//! A load balancer that deals requests out in turn and knows nothing of sessions: Envoy, as it is.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Server, eventually};

pub struct Envoy {
    child: Child,
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Envoy {
    pub async fn before(servers: &[Server]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let found = Command::new(root.join("tests/setup")).arg("envoy").output().unwrap();
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        let binary = String::from_utf8(found.stdout).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("envoy.json");
        let endpoints: Vec<_> =
            servers.iter().map(|server| json!({"endpoint": {"address": at(server.public)}})).collect();
        let bootstrap = json!({
            "static_resources": {
                "listeners": [{"address": at(port), "filter_chains": [{"filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                        "stat_prefix": "public",
                        "upgrade_configs": [{"upgrade_type": "websocket"}],
                        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                            {"match": {"prefix": "/"}, "route": {"cluster": "pods", "timeout": "0s"}},
                        ]}]},
                        "http_filters": [{
                            "name": "envoy.filters.http.router",
                            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
                        }],
                    },
                }]}]}],
                "clusters": [{
                    "name": "pods", "type": "STATIC", "lb_policy": "ROUND_ROBIN", "connect_timeout": "1s",
                    "circuit_breakers": {"thresholds": [
                        {"max_connections": 100_000, "max_requests": 100_000, "max_pending_requests": 100_000, "max_retries": 100},
                    ]},
                    "load_assignment": {"cluster_name": "pods", "endpoints": [{"lb_endpoints": endpoints}]},
                }],
            },
        });
        std::fs::write(&file, bootstrap.to_string()).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(binary.trim())
            .arg("--config-path")
            .arg(&file)
            // One worker: each would begin its own turn.
            .args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let envoy = Self { child, address: port, _folder: folder };
        eventually("Envoy listens", async || tokio::net::TcpStream::connect(port).await.is_ok()).await;
        envoy
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn at(address: SocketAddr) -> serde_json::Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}
