//! The admin port: for the kubelet, Prometheus and the operator. Nothing of it is reachable through the public port.

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::StatusCode, http::header, response::IntoResponse, routing::get};
use serde::Serialize;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    connections::Connections,
    denied::{DeniedOrigin, DeniedOrigins},
    metrics::Metrics,
    policy::Policy,
    publish::{self, Publish},
    recovery::{Recovery, shared},
    report::{KeyFacts, Report, SourceState},
    shutdown::Phase,
};

/// Lines of the table of denied origins that `/status` shows.
const SHOWN: usize = 10;
/// Problems of a policy that `/status` shows; the log has all.
const MOST_PROBLEMS: usize = 20;

/// What the admin port tells about.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The policy and its sources.
    pub report: Arc<Report>,
    /// Denied origins.
    pub denied: Arc<DeniedOrigins>,
    /// Numbers.
    pub metrics: Arc<Metrics>,
    /// What the process is doing.
    pub phase: watch::Receiver<Phase>,
    /// The policy and the path once there is a policy.
    pub serving: watch::Receiver<Option<Serving>>,
}

/// What is known once there is a policy.
#[derive(Clone, Debug)]
pub struct Serving {
    /// The policy in force.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// Path of the Socket.IO endpoint.
    pub path: String,
    /// Sessions.
    pub connections: Arc<Connections>,
    /// What is kept for clients that come back, and shared with other replicas.
    pub recovery: Arc<Recovery>,
    /// How programs publish, if they can.
    pub publish: Option<Arc<Publish>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    version: &'static str,
    phase: &'static str,
    policy_generation: Option<i64>,
    policy_source: Option<&'static str>,
    policy_since: Option<u64>,
    watch: SourceState,
    policy_problems: Vec<String>,
    needs_restart: bool,
    auth: Option<KeyFacts>,
    mode: Option<&'static str>,
    path: Option<String>,
    connections: usize,
    connections_moving: usize,
    /// None without one.
    backplane: Option<shared::Report>,
    /// None where programs cannot publish.
    publish: Option<publish::Report>,
    denied_origins: Vec<DeniedOrigin>,
}

impl Admin {
    /// Serves until the process ends.
    pub async fn serve(self, listener: TcpListener) {
        let router = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/status", get(status))
            .with_state(self);
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the admin port ended");
        }
    }
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    let phase = *admin.phase.borrow();
    match (admin.serving.borrow().is_some(), phase) {
        (true, Phase::Serving) => (StatusCode::OK, "ready\n"),
        (false, Phase::Serving) => (StatusCode::SERVICE_UNAVAILABLE, "waiting for a policy\n"),
        (_, Phase::Detaching | Phase::Draining) => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], admin.metrics.text())
}

async fn status(State(admin): State<Admin>) -> Json<Status> {
    let facts = admin.report.facts();
    let serving = admin.serving.borrow().clone();
    let policy = serving.as_ref().map(|serving| Arc::clone(&serving.policy.borrow()));
    let problems = facts.problems.iter().take(MOST_PROBLEMS);
    let problems = problems.map(|(source, problem)| format!("{}: {problem}", source.as_str())).collect();
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        phase: match *admin.phase.borrow() {
            Phase::Serving => "serving",
            Phase::Detaching => "detaching",
            Phase::Draining => "draining",
        },
        policy_generation: facts.generation,
        policy_source: facts.source.map(|source| source.as_str()),
        policy_since: facts.generation.map(|_| facts.since),
        watch: facts.watch,
        policy_problems: problems,
        needs_restart: facts.needs_restart,
        auth: facts.keys,
        mode: policy.as_ref().map(|policy| policy.origins.mode().as_str()),
        connections: serving.as_ref().map_or(0, |serving| serving.connections.count()),
        connections_moving: serving.as_ref().map_or(0, |serving| serving.connections.moving()),
        backplane: serving.as_ref().and_then(|serving| serving.recovery.shared()).map(shared::Shared::report),
        publish: serving.as_ref().and_then(|serving| Some(serving.publish.as_ref()?.report())),
        path: serving.map(|serving| serving.path),
        denied_origins: policy.map_or_else(Vec::new, |policy| admin.denied.top(SHOWN, &policy.origins)),
    })
}
