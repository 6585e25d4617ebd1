//! Traces, as a receiver gets them: OTLP over HTTP, with protobuf.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{KeyValue, any_value},
    resource::v1::Resource,
    trace::v1::{Span, status::StatusCode},
};
use prost::Message;
use realtime_tests::{CHILDREN, Stage, program, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

use crate::manifests::FIVE_LINES;

/// Something that takes traces.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<Sent>>>);

/// A span, and who sent it.
type Sent = (Option<Resource>, Span);

impl Receiver {
    async fn start() -> Result<(Self, String)> {
        let receiver = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().route("/v1/traces", post(take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((receiver, url))
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().expect("nobody panics with it").iter().map(|(_, span)| span.clone()).collect()
    }

    fn sender(&self) -> BTreeMap<String, String> {
        let all = self.0.lock().expect("nobody panics with it");
        all.first().and_then(|(resource, _)| resource.as_ref()).map(|of| words(&of.attributes)).unwrap_or_default()
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Vec<u8> {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).expect("an export request");
    let mut all = receiver.0.lock().expect("nobody panics with it");
    for of in request.resource_spans {
        let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
        all.extend(spans.map(|span| (of.resource.clone(), span)));
    }
    ExportTraceServiceResponse::default().encode_to_vec()
}

fn words(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let word = |attribute: &KeyValue| {
        Some(match attribute.value.as_ref()?.value.as_ref()? {
            any_value::Value::StringValue(text) => text.clone(),
            any_value::Value::IntValue(number) => number.to_string(),
            other => format!("{other:?}"),
        })
    };
    attributes.iter().filter_map(|attribute| Some((attribute.key.clone(), word(attribute)?))).collect()
}

fn end(process: &Child) -> Result<()> {
    let pid = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw).context("it runs")?;
    Ok(kill_process(pid, Signal::TERM)?)
}

/// Spans leave in batches; with these words, only when the program ends.
const AT_THE_END: (&str, &str) = ("OTEL_BSP_SCHEDULE_DELAY", "3600000");

#[tokio::test]
async fn a_reconcile_is_a_trace_with_its_requests_as_children() -> Result<()> {
    let stage = Stage::new("traces").await?;
    let (receiver, url) = Receiver::start().await?;
    let mut operator = Command::new(program::operator().await?)
        .args(["run", "--admin-listen", "127.0.0.1:0", "--otlp-endpoint", &url])
        .args(["--namespace", &stage.namespace, "--lease-namespace", &stage.namespace])
        .env("KUBECONFIG", stage.kubeconfig_of("realtime-operator").await?)
        .env("HOSTNAME", "operator-7")
        .env(AT_THE_END.0, AT_THE_END.1)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;
    // That it is put back is an Event.
    stage.kubectl(&["delete", "configmap", "chat-policy"]).await?.good()?;
    stage.settled("chat").await?;
    assert!(receiver.spans().is_empty(), "nothing has left yet");
    end(&operator)?;
    let ended = tokio::time::timeout(Duration::from_secs(10), operator.wait()).await??;
    ensure!(ended.success(), "{ended}");

    let spans = receiver.spans();
    let reconciles: Vec<_> = spans.iter().filter(|span| span.name == "reconcile").collect();
    let first = reconciles.iter().min_by_key(|span| span.start_time_unix_nano).context("a reconcile")?;
    assert!(reconciles.iter().all(|span| span.parent_span_id.is_empty()), "each is a trace of its own");
    let said = words(&first.attributes);
    assert_eq!((said["namespace"].as_str(), said["service"].as_str()), ("traces", "chat"));
    assert_eq!((said["generation"].as_str(), said["outcome"].as_str()), ("1", "success"));

    let children: Vec<_> = spans.iter().filter(|span| span.parent_span_id == first.span_id).collect();
    assert!(children.iter().all(|span| span.trace_id == first.trace_id));
    let within = |span: &&&Span| {
        first.start_time_unix_nano <= span.start_time_unix_nano && span.end_time_unix_nano <= first.end_time_unix_nano
    };
    assert_eq!(children.iter().filter(within).count(), children.len(), "a child is no longer than its parent");
    let of = |name: &str| {
        let named = children.iter().filter(|span| span.name == name).map(|span| words(&span.attributes));
        named.map(|said| (said["kind"].clone(), said["name"].clone(), said["result"].clone())).collect::<BTreeSet<_>>()
    };
    let success = || "success".to_owned();
    let expected = CHILDREN.map(|child| (child.kind.to_owned(), child.name("chat"), success()));
    assert_eq!(of("apply"), BTreeSet::from(expected));
    let has = |name: &str, kind: &str| {
        let of_reconcile =
            |span: &&Span| span.name == name && reconciles.iter().any(|it| it.span_id == span.parent_span_id);
        let said = spans.iter().filter(of_reconcile).map(|span| words(&span.attributes));
        said.into_iter().any(|said| said["kind"] == kind && said["result"] == "success")
    };
    assert!(has("status", "RealtimeService") && has("event", "Event"));
    let sender = receiver.sender();
    assert_eq!(
        (sender["service.name"].as_str(), sender["service.instance.id"].as_str()),
        ("realtime-operator", "operator-7")
    );
    assert_eq!(sender["service.version"], env!("CARGO_PKG_VERSION"));
    Ok(())
}

/// A server with a file, and where its clients connect.
async fn server(more: &[&str]) -> Result<(Child, SocketAddr)> {
    let mut process = Command::new(program::server().await?)
        .args(["--policy-file", concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/smallest.yaml")])
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--drain", "0s"])
        .args(more)
        .env(AT_THE_END.0, AT_THE_END.1)
        .env("OTEL_SERVICE_NAME", "chat")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(process.stdout.take().context("a piped output")?).lines();
    let line = lines.next_line().await?.context("the server says where it listens")?;
    let said: Value = serde_json::from_str(&line)?;
    Ok((process, said["listening"].as_str().context("an address")?.parse()?))
}

async fn handshake(address: SocketAddr, query: &str, origin: &str) -> Result<(u16, String)> {
    let url = format!("http://{address}/socket.io/?EIO=4&{query}");
    let answer = realtime_tests::http::client().get(url).header("Origin", origin).send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

const APP: &str = "https://app.domain-b.com";
const OTHER: &str = "https://other.domain-c.com";

#[tokio::test]
async fn a_handshake_is_a_span_with_its_verdict_and_a_poll_is_none() -> Result<()> {
    let (receiver, url) = Receiver::start().await?;
    let (mut process, address) = server(&["--otlp-endpoint", &url]).await?;
    let (status, opened) = handshake(address, "transport=polling", APP).await?;
    assert_eq!(status, 200);
    let sid = opened.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).context("a session")?;
    assert_eq!(handshake(address, "transport=polling", OTHER).await?.0, 403);
    assert_eq!(handshake(address, &format!("transport=polling&sid={sid}"), OTHER).await?.0, 403);
    assert_eq!(handshake(address, "transport=websocket", APP).await?.0, 400, "no upgrade");
    end(&process)?;
    let ended = tokio::time::timeout(Duration::from_secs(10), process.wait()).await??;
    ensure!(ended.success(), "{ended}");

    let spans = receiver.spans();
    let told: Vec<_> = spans.iter().map(|span| (span.name.as_str(), words(&span.attributes))).collect();
    let expected =
        [(APP, "allowed", "", "200"), (OTHER, "denied", "OriginNotListed", "403"), (APP, "allowed", "", "400")];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for ((name, said), (origin, verdict, reason, status)) in told.iter().zip(expected) {
        assert_eq!(*name, "handshake");
        let answers = ["origin", "verdict", "reason", "http.response.status_code"].map(|key| said[key].as_str());
        assert_eq!(answers, [origin, verdict, reason, status]);
        assert_eq!(said["transport"], "polling");
    }
    let bad = |span: &Span| span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error);
    assert!(!spans.iter().any(bad), "a refusal is no error of the server");
    assert_eq!(receiver.sender()["service.name"], "chat", "OpenTelemetry's own variables count");
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_is_away_costs_nothing_but_a_line() -> Result<()> {
    let nobody = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let (mut process, address) = server(&["--otlp-endpoint", &format!("http://{nobody}")]).await?;
    assert_eq!(handshake(address, "transport=polling", APP).await?.0, 200);
    end(&process)?;
    let said = process.stderr.take().context("a piped error output")?;
    let ended = tokio::time::timeout(Duration::from_secs(10), process.wait()).await??;
    ensure!(ended.success(), "{ended}");
    let mut lines = BufReader::new(said).lines();
    let complaint = wait::until(Duration::from_secs(5), async || {
        let line = lines.next_line().await?.context("the log ends without a word on it")?;
        Ok((line.contains("traces do not arrive") && line.contains("refused")).then_some(line))
    });
    complaint.await?.context("the log tells of it").map(|_| ())
}

#[tokio::test]
async fn what_is_no_endpoint_is_said_at_the_start() -> Result<()> {
    let said = Command::new(program::server().await?)
        .args(["--policy-file", "none.yaml", "--otlp-endpoint", "collector:4318"])
        .output()
        .await?;
    ensure!(!said.status.success());
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    ensure!(words.contains("--otlp-endpoint \"collector:4318\" is no URL of http or https"), "{words}");
    Ok(())
}
