//! The RealtimeService in the cluster wins over the file, and an API that goes away changes nothing. The API is a stand-in of two
//! requests, list and watch; `tests/` has the real one.

mod harness;

use std::{
    fs,
    net::SocketAddr,
    process::Command,
    sync::{Arc, Mutex},
};

use harness::{APP, OTHER, PATH, Request, Server, eventually, manifest};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

fn service(generation: i64, origins: &[&str]) -> Value {
    json!({
        "apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService",
        "metadata": {"name": "chat", "namespace": "prod", "generation": generation, "resourceVersion": generation.to_string(), "uid": "1"},
        "spec": {"host": "chat.domain-a.com", "path": PATH, "origins": {"allow": origins}, "aFieldOfTheFuture": true},
    })
}

/// An API that knows one object.
struct Api {
    address: SocketAddr,
    object: watch::Sender<Value>,
    requests: Arc<Mutex<Vec<String>>>,
    serving: JoinSet<()>,
}

impl Api {
    async fn start(address: &str, object: Value) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (object, receiver) = watch::channel(object);
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, receiver.clone(), Arc::clone(&log)));
            }
        });
        Self { address, object, requests, serving }
    }

    async fn stop(mut self) -> SocketAddr {
        self.serving.shutdown().await;
        self.address
    }
}

async fn serve(mut stream: TcpStream, mut object: watch::Receiver<Value>, log: Arc<Mutex<Vec<String>>>) {
    let mut bytes = Vec::new();
    while stream.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes.drain(..end + 4);
        let line = head.lines().next().unwrap_or_default().to_owned();
        log.lock().expect("the log").push(line.clone());
        if line.contains("watch=true") {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await.expect("sent");
            while object.changed().await.is_ok() {
                let object = object.borrow_and_update().clone();
                let kind = if object["metadata"]["deletionTimestamp"].is_null() { "MODIFIED" } else { "DELETED" };
                let event = json!({"type": kind, "object": object}).to_string() + "\n";
                stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await.expect("sent");
            }
            return;
        }
        let list = json!({
            "apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeServiceList",
            "metadata": {"resourceVersion": "1"}, "items": [object.borrow_and_update().clone()],
        })
        .to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", list.len());
        stream.write_all((head + &list).as_bytes()).await.expect("sent");
    }
}

async fn start(api: SocketAddr, file: bool) -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\n\
         clusters: [{{name: a, cluster: {{server: 'http://{api}'}}}}]\nusers: [{{name: a, user: {{token: t}}}}]\n"
    );
    fs::write(&config, text).expect("a file");
    let path = folder.path().join("chat.yaml");
    fs::write(&path, manifest(r#"{allow: ["https://app.domain-b.com"]}"#)).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_realtime-server"));
    command.env_clear().env("KUBECONFIG", config).env("REALTIME_NAMESPACE", "prod").env("REALTIME_NAME", "chat");
    command
        .env("REALTIME_LISTEN", "127.0.0.1:0")
        .env("REALTIME_ADMIN_LISTEN", "127.0.0.1:0")
        .env("REALTIME_DRAIN", "0s");
    if file {
        command.env("REALTIME_POLICY_FILE", &path);
    }
    // The server waits for the stand-in, which lives on this thread.
    tokio::task::spawn_blocking(move || Server::spawn(&mut command, folder, path)).await.expect("it starts")
}

async fn allows(server: &Server, origin: &str) -> bool {
    server.send(Request::preflight().origin(origin)).await.status == 204
}

#[tokio::test]
async fn the_watch_wins_over_the_file_and_changes_are_live() {
    let api = Api::start("127.0.0.1:0", service(7, &[OTHER])).await;
    let server = start(api.address, true).await;
    eventually("the cluster's version is in force", async || allows(&server, OTHER).await).await;
    assert!(!allows(&server, APP).await);
    let status = server.status().await;
    assert_eq!((&status["policyGeneration"], &status["policySource"]), (&json!(7), &json!("watch")));
    assert_eq!(status["watch"], "Connected");
    server.apply(&manifest(r#"{allow: ["https://app.domain-b.com"], maxAge: 1m}"#));
    api.object.send_replace(service(8, &[APP, OTHER]));
    eventually("the change is live", async || allows(&server, APP).await).await;
    assert_eq!(server.status().await["policyGeneration"], 8);
    let requests = api.requests.lock().expect("the log").clone();
    assert_eq!(requests.len(), 2, "a list and a watch: {requests:?}");
    assert!(requests.iter().all(|line| line.contains("fieldSelector=metadata.name%3Dchat")), "{requests:?}");
}

#[tokio::test]
async fn without_a_file_it_waits_for_the_cluster_and_outlives_it() {
    let api = Api::start("127.0.0.1:0", service(1, &[APP])).await;
    let server = start(api.address, false).await;
    assert!(allows(&server, APP).await);
    let address = api.stop().await;
    eventually("the loss is noticed", async || server.status().await["watch"] == "Disconnected").await;
    assert!(server.metrics().await.contains("policy_watch_connected 0"));
    assert!(allows(&server, APP).await, "the last policy stays in force");
    let _api = Api::start(&address.to_string(), service(2, &[OTHER])).await;
    eventually("the API is back", async || allows(&server, OTHER).await).await;
    assert_eq!(server.status().await["watch"], "Connected");
}

#[tokio::test]
async fn an_invalid_or_deleted_resource_leaves_the_last_policy_in_force() {
    let api = Api::start("127.0.0.1:0", service(1, &[APP])).await;
    let server = start(api.address, false).await;
    api.object.send_replace(service(2, &["https://app.domain-b.com/"]));
    eventually("the problem is shown", async || {
        server.status().await["policyProblems"].to_string().contains("allow[0]")
    })
    .await;
    assert!(allows(&server, APP).await);
    let mut deleted = service(3, &[OTHER]);
    deleted["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    api.object.send_replace(deleted);
    eventually("the loss is shown", async || {
        server.status().await["policyProblems"].to_string().contains("not in the cluster")
    })
    .await;
    assert!(allows(&server, APP).await);
    assert_eq!(server.status().await["policyGeneration"], 1);
}
