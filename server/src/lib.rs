//! The bundled Socket.IO server of realtime-operator.
//!
//! A request passes `public` → `gate` (the origin policy) → `engine` (Engine.IO's rules) → the engine → `sockets`, which `auth` asks who they are; the policy comes from
//! `policy`, which follows a file or the Kubernetes API; `connections` knows every session, so that policy changes and `shutdown` can
//! close them; `admin` tells about all of it.

pub mod admin;
pub mod auth;
pub mod connections;
pub mod denied;
pub mod engine;
pub mod farewell;
pub mod gate;
pub mod http_io;
pub mod lifetime;
pub mod line;
pub mod logging;
pub mod metrics;
pub mod options;
pub mod overload;
pub mod packet;
pub mod peers;
pub mod policy;
pub mod public;
pub mod publish;
pub mod recovery;
pub mod refusal;
pub mod report;
pub mod shutdown;
pub mod sockets;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{net::TcpListener, sync::watch, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Layer;

pub use options::Options;

use admin::{Admin, Serving};
use auth::Auth;
use connections::Connections;
use denied::DeniedOrigins;
use engine::Engine;
use farewell::Farewell;
use gate::GateLayer;
use lifetime::{
    Rotation,
    ages::Ages,
    marker,
    mover::{Asked, Mover},
    rebalance::Rebalance,
};
use metrics::Metrics;
use origin_policy::Mode;
use overload::{Admission, Limits, memory::Memory};
use peers::{Peers, port::Inside, route::Router};
use policy::Policy;
use public::Public;
use publish::Publish;
use recovery::{Recovery, SocketIo};
use report::Report;
use shutdown::{Drain, Phase, Signals};
use socketioxide::{SendError, SocketError};

/// How long a server that starts waits for Redis.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the server until a signal ends it.
///
/// # Errors
/// When an address is taken or there is no usable policy to start with.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("failed to listen for signals")?;
    let memory = Memory::open(options.memory_limit).map(Arc::new);
    let metrics = Metrics::new().with_limits(&options, memory.as_ref().map(|memory| memory.limit()));
    let metrics = Arc::new(metrics);
    let report = Arc::new(Report::new(Arc::clone(&metrics)));
    let denied = Arc::new(DeniedOrigins::new(Arc::clone(&metrics)));
    let (phase, phase_receiver) = watch::channel(Phase::Serving);
    let (serving, serving_receiver) = watch::channel(None);

    let listener = bind(options.listen).await?;
    let admin_listener = bind(options.admin_listen).await?;
    let peer_listener = match options.peers.peer_listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let addresses = (listener.local_addr()?, admin_listener.local_addr()?);
    let admin = Admin {
        report: Arc::clone(&report),
        denied: Arc::clone(&denied),
        metrics: Arc::clone(&metrics),
        phase: phase_receiver.clone(),
        serving: serving_receiver,
    };
    tokio::spawn(admin.serve(admin_listener));

    let policy = tokio::select! {
        policy = policy::open(&options, &report) => policy?,
        _ = signals.next() => return Ok(()),
    };
    let settings = policy.borrow().settings.clone().with(&options);
    let limits = Arc::new(Limits::new(&options, &settings, &metrics));
    let ages = Ages::new(options.max_connection_age.unwrap_or_else(|| policy.borrow().max_connection_age));
    let connections = Arc::new(Connections::new(Arc::clone(&metrics), Arc::clone(&limits), ages));
    let auth = Auth::open(policy.clone(), options.jwks_file.clone(), Arc::clone(&report), Arc::clone(&metrics))?;
    let recovery = Recovery::open(options.recovery(), options.redis.place(), &metrics, Arc::clone(&connections));
    if let Some(shared) = recovery.shared() {
        // Who is let in before that would find no session and could not publish.
        tokio::select! {
            () = shared.connected(PATIENCE) => {}
            _ = signals.next() => return Ok(()),
        }
    }
    let publish = Publish::open(&options.publish, options.redis.place(), &recovery, &metrics).await?;
    serving.send_replace(Some(Serving {
        policy: policy.clone(),
        path: settings.path.clone(),
        connections: Arc::clone(&connections),
        recovery: Arc::clone(&recovery),
        publish: publish.clone(),
    }));
    if let Some(memory) = &memory {
        tokio::spawn(Arc::clone(memory).watch(Arc::clone(&metrics)));
    }
    let admission = Admission::new(&options, memory, Arc::clone(&metrics));
    let lost_after = settings.ping_interval + settings.ping_timeout;
    let peers = match &peer_listener {
        Some(listener) => {
            let identity = policy.borrow().identity.clone();
            Some(Peers::open(&options, listener.local_addr()?, &identity, (&limits, lost_after), &metrics).await?)
        }
        None => None,
    };
    let (engine, io) = Engine::new(
        settings.clone(),
        (limits, admission),
        Arc::clone(&connections),
        Arc::clone(&metrics),
        phase_receiver.clone(),
        Arc::clone(&recovery),
    );
    sockets::register(&io, &auth, &recovery, &connections, &metrics);
    recovery.start();
    auth.start(&io);
    let router = Router::new(engine.clone(), peers.clone(), &settings.path);
    let gate = GateLayer::new(policy.clone(), Arc::clone(&denied), Arc::clone(&metrics)).layer(router);
    let mover = Arc::new(Mover::new(engine.clone(), Arc::clone(&metrics), marking(io)));
    let rotation = Rotation {
        connections: Arc::clone(&connections),
        mover: Arc::clone(&mover),
        metrics: Arc::clone(&metrics),
        policy: policy.clone(),
        fixed: options.max_connection_age,
        phase: phase_receiver.clone(),
    };
    tokio::spawn(rotation.run());
    // Clients that are moved to another replica come back as themselves only where both know their sessions.
    if let (Some(shared), Some(after)) = (recovery.shared().filter(|_| recovery.is_on()), options.rebalance.after()) {
        let rebalance = Rebalance {
            connections: Arc::clone(&connections),
            mover: Arc::clone(&mover),
            metrics: Arc::clone(&metrics),
            shared: shared.clone(),
            policy: policy.clone(),
            fixed: options.max_connection_age,
            after,
            over: options.rebalance.rebalance_over,
        };
        tokio::spawn(rebalance.run(phase_receiver.clone()));
    }
    let (closed, tracker) = (CancellationToken::new(), TaskTracker::new());
    if let Some(listener) = peer_listener {
        // The replica that the client speaks with has counted the verdict.
        let uncounted = GateLayer::new(policy.clone(), Arc::clone(&denied), Arc::default()).layer(engine.clone());
        let inside = Inside { gate: uncounted, connections: Arc::clone(&connections), mover: Arc::clone(&mover) };
        let phase = phase_receiver.clone();
        let port = Public { gate: inside, phase, metrics: Arc::clone(&metrics), lost_after };
        tokio::spawn(port.serve(listener, closed.clone(), tracker.clone()));
    }
    let public = Public { gate, phase: phase_receiver, metrics, lost_after };
    let accepting = tokio::spawn(public.serve(listener, closed.clone(), tracker.clone()));
    tokio::spawn(enforce(policy.clone(), engine.clone(), Arc::clone(&connections), denied));

    announce(addresses, publish.as_ref().and_then(|publish| publish.address()), &settings);
    let signal = signals.next().await;
    tracing::info!(signal, connections = connections.count(), "shutting down");
    let window = options.drain.unwrap_or_else(|| policy.borrow().drain);
    if let Some(publish) = &publish {
        publish.stop().await;
    }
    if let Some(shared) = recovery.shared() {
        shared.peers.go();
    }
    let drain = Drain { connections, mover, peers, engine, phase, detach: options.detach, window };
    drain.run(&mut signals).await;
    if let Some(shared) = recovery.shared() {
        shared.peers.leave();
    }
    closed.cancel();
    accepting.await.ok();
    tracker.close();
    time::timeout(Duration::from_secs(2), tracker.wait()).await.ok();
    Ok(())
}

async fn bind(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("failed to listen on {address}"))
}

/// Puts the marker of a move into a client's buffer.
fn marking(io: SocketIo) -> lifetime::mover::Ask {
    Box::new(move |sid| match io.get_socket(sid).map(|socket| socket.emit(marker::name(), &())) {
        Some(Ok(())) => Asked::Sent,
        Some(Err(SendError::Socket(SocketError::InternalChannelFull))) => Asked::Full,
        Some(Err(SendError::Socket(SocketError::Closed) | SendError::Serialize(_))) | None => Asked::NoSocket,
    })
}

/// Closes the sessions that a new policy does not allow.
async fn enforce(
    mut policy: watch::Receiver<Arc<Policy>>,
    engine: Engine,
    connections: Arc<Connections>,
    denied: Arc<DeniedOrigins>,
) {
    while policy.changed().await.is_ok() {
        let policy = Arc::clone(&policy.borrow_and_update());
        denied.forget_allowed(&policy.origins);
        // Twice: a session that was decided upon before the change may be registered just after the first look.
        for pause in [Duration::ZERO, Duration::from_millis(500)] {
            time::sleep(pause).await;
            let is_kept = |origin: &denied::SentOrigin| policy.origins.decide(origin.received()).is_allowed();
            let gone = connections.select(|origin| policy.origins.mode() == Mode::Report || is_kept(origin));
            if !gone.is_empty() {
                tracing::info!(connections = gone.len(), "closing connections whose origin is no longer allowed");
                engine.close(&gone, Farewell::ORIGIN).await;
            }
        }
    }
}

/// One line on standard output, for programs that start this one on port 0.
fn announce(
    (listening, admin): (std::net::SocketAddr, std::net::SocketAddr),
    publish: Option<std::net::SocketAddr>,
    settings: &options::Settings,
) {
    let addresses =
        serde_json::json!({"listening": listening, "admin": admin, "publish": publish, "path": settings.path});
    println!("{addresses}");
    let transports = settings.transports.iter().map(|transport| transport.as_str()).collect::<Vec<_>>().join(",");
    tracing::info!(%listening, %admin, path = settings.path, transports, "serving");
}
