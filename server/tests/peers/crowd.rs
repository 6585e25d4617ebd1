//! Real clients of every version, by every way, behind Envoy.

use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use crate::{
    ORIGINS,
    envoy::Envoy,
    harness::{Server, manifest},
    replicas,
};

/// Each version of the client by each way, so many times.
async fn crowd(envoy: &Envoy, client: &str, mode: &str, count: usize) -> Value {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/crowd.mjs");
    let mut node = Command::new("node");
    node.arg(program).args(["--url", &format!("http://{}", envoy.address)]);
    node.args(["--client", client, "--mode", mode, "--count", &count.to_string()]);
    let output = node.kill_on_drop(true).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

async fn nobody_is_refused(count: usize) {
    let servers = replicas::<4>();
    let envoy = Envoy::before(&servers).await;
    for client in ["4", "3", "2"] {
        for mode in ["polling", "websocket", "upgrade"] {
            let result = crowd(&envoy, client, mode, count).await;
            println!("{result}");
            assert_eq!(result["refused"], serde_json::json!({}), "{result}");
            assert_eq!((&result["connected"], &result["echoed"]), (&count.into(), &count.into()), "{result}");
            if mode == "upgrade" {
                assert_eq!(result["upgraded"], count, "{result}");
            }
        }
    }
    for server in &servers {
        let metrics = server.metrics().await;
        assert!(metrics.contains(r#"realtime_server_forwarded_total{door="polling",outcome="answered"}"#), "{metrics}");
        assert!(metrics.contains(r#"realtime_server_forwarded_total{door="upgrade",outcome="answered"}"#), "{metrics}");
        // A poll that came after its client's goodbye finds no session, here as with a single server.
        let is_good = |line: &&str| !line.contains("refusals_total{") || line.contains("{code=\"1\"}");
        assert!(!metrics.contains(r#"outcome="gone""#) && metrics.lines().all(|line| is_good(&line)), "{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_every_version_connect_by_every_way_though_requests_reach_any_replica() {
    nobody_is_refused(20).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "10,000 handshakes take minutes"]
async fn ten_thousand_handshakes_and_no_session_id_is_unknown() {
    nobody_is_refused(1112).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_do_not_know_each_other_show_what_would_go_wrong() {
    let servers = std::array::from_fn::<_, 4, _>(|_| Server::start(&manifest(ORIGINS)));
    let envoy = Envoy::before(&servers).await;
    for mode in ["polling", "upgrade"] {
        let result = crowd(&envoy, "4", mode, 20).await;
        println!("{result}");
        assert!(result["refused"]["400 Session ID unknown"].as_u64().unwrap_or(0) > 5, "{result}");
        assert!(result["failed"].as_u64().unwrap() > 10, "{result}");
    }
    let result = crowd(&envoy, "4", "websocket", 20).await;
    assert_eq!(result["echoed"], 20, "a WebSocket stays where it was opened: {result}");
}
