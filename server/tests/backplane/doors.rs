//! Redis behind users, certificates, Sentinels and as a cluster.

use std::{fs, path::Path, process::Command};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    harness::{Server, eventually, manifest},
    is_connected, pod_with, pods,
    raw::Raw,
    redis::{Redis, free_port},
};

fn openssl(folder: &Path, command: &str) {
    let output = Command::new("openssl").args(command.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority, and a certificate of its for 127.0.0.1.
fn certificates(folder: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(folder, &format!("req -x509 {key} -keyout ca.key -out ca.crt -days 2 -subj /CN=authority"));
    openssl(folder, &format!("req {key} -keyout redis.key -out redis.csr -subj /CN=redis"));
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(
        folder,
        "x509 -req -in redis.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out redis.crt -days 2 -extfile names",
    );
}

async fn crosses(one: &Server, other: &Server) {
    let mut here = Raw::open(one, None, json!({"recovery": false})).await;
    let mut there = Raw::open(other, None, json!({})).await;
    let answer = here.ask("broadcast", json!({"data": 1})).await;
    assert!(answer["error"].is_null(), "{answer}");
    assert_eq!(there.named("broadcast").await[1]["data"], 1);
}

/// What docs/backplane.md says that a user needs.
const RULES: &str = "on >first resetkeys ~socket.io ~sio:session:* resetchannels &socket.io#* +ping +hello +auth +select +client|setname +xadd +xread +xrange +xrevrange +xtrim +xdel +set +getdel +publish +subscribe +unsubscribe +pubsub|numsub";

#[tokio::test]
async fn a_user_with_few_rights_over_tls_is_enough_and_a_new_password_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (ca, cert, key) = (file("ca.crt"), file("redis.crt"), file("redis.key"));
    let tls_port = free_port();
    let secure = tls_port.to_string();
    let tls = [
        "--tls-port",
        &secure,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        "no",
    ];
    let redis = Redis::start_with(&tls);
    let set = |rules: &str| {
        redis.ask(&[&["ACL", "SETUSER", "chat"], rules.split(' ').collect::<Vec<_>>().as_slice()].concat())
    };
    assert_eq!(set(RULES).trim(), "OK");
    let url = |password: &str| format!("rediss://chat:{password}@127.0.0.1:{tls_port}/0");
    let secret = file("url");
    fs::write(&secret, url("first")).unwrap();
    let options = ["--redis-url-file", &secret, "--redis-ca-file", &ca];
    let (one, other) = (pod_with(&options).await, pod_with(&options).await);
    crosses(&one, &other).await;

    set("resetpass >second");
    fs::write(file("next"), url("second")).unwrap();
    fs::rename(file("next"), &secret).unwrap();
    for pod in [&one, &other] {
        eventually("the new password is in use", async || pod.log().contains("the URL of Redis changed")).await;
        is_connected(pod, true).await;
    }
    crosses(&one, &other).await;

    let stranger =
        Server::start_with(&manifest(crate::ORIGINS), &["--redis-url", &url("wrong"), "--redis-ca-file", &ca]);
    eventually("it is not let in", async || stranger.status().await["backplane"]["reason"] == "AuthenticationFailed")
        .await;
    let stranger = Server::start_with(&manifest(crate::ORIGINS), &["--redis-url", &url("second")]);
    eventually("it does not trust", async || stranger.status().await["backplane"]["reason"] == "Unreachable").await;
}

#[tokio::test]
async fn another_master_is_found_through_sentinels() {
    let mut master = Redis::start();
    let follower = Redis::start_with(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let config = format!(
        "port {port}\nsentinel monitor main 127.0.0.1 {} 1\nsentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n",
        master.port
    );
    fs::write(folder.path().join("sentinel.conf"), config).unwrap();
    let sentinel = Redis::start_in(folder, port, &["--sentinel", "--port", &port.to_string()]);
    eventually("the follower is known", async || sentinel.ask(&["SENTINEL", "REPLICAS", "main"]).contains("127.0.0.1"))
        .await;
    eventually("it follows", async || follower.ask(&["INFO", "replication"]).contains("master_link_status:up")).await;
    let [one, other] = pods(&format!("redis+sentinel://127.0.0.1:{port}/main")).await;
    crosses(&one, &other).await;
    master.kill();
    is_connected(&one, false).await;
    for pod in [&one, &other] {
        is_connected(pod, true).await;
    }
    assert!(follower.ask(&["INFO", "replication"]).contains("role:master"));
    crosses(&one, &other).await;
}

#[tokio::test]
async fn a_cluster_is_one_redis() {
    let nodes: Vec<_> = (0..3).map(|_| Redis::start_with(&["--cluster-enabled", "yes"])).collect();
    let addresses: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let mut create = Command::new("redis-cli");
    let created = create.args(["--cluster", "create"]).args(&addresses).arg("--cluster-yes").output().unwrap();
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
    eventually("it is one", async || {
        nodes.iter().all(|node| node.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
    })
    .await;
    let [one, other] = pods(&format!("redis+cluster://{}", addresses.join(","))).await;
    crosses(&one, &other).await;
    let mut client = Raw::open(&one, None, json!({})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    let (pid, id) = (client.hello["pid"].clone(), client.hello["sid"].clone());
    let back = Raw::open(&other, None, json!({"pid": pid})).await;
    assert_eq!(back.hello["sid"], id);
}

#[tokio::test]
async fn a_url_that_is_none_is_said_so_and_kept_secret() {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let secret = folder.path().join("url");
    fs::write(&secret, "http://chat:hush@nowhere").unwrap();
    let server = Server::start_with(&manifest(crate::ORIGINS), &["--redis-url-file", secret.to_str().unwrap()]);
    eventually("it says so", async || server.status().await["backplane"]["reason"] == "BadUrl").await;
    assert!(!server.status().await.to_string().contains("hush") && !server.log().contains("hush"));
    let redis = Redis::start();
    fs::write(folder.path().join("next"), redis.url()).unwrap();
    fs::rename(folder.path().join("next"), &secret).unwrap();
    is_connected(&server, true).await;
}
