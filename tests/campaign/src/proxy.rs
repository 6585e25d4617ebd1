//! A reverse proxy between operators and the apiserver. It records what is written, and does wrong what it is told to.

mod asked;
mod faults;
mod record;
mod relay;
mod trap;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{Request, Response, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use kube::Client;
use tokio::{net::TcpListener, sync::broadcast, task::JoinSet};

pub use asked::{Asked, Verb, concerns};
pub use faults::{Fault, On, Rule, Stream};
pub use record::{Entry, Record};
pub use relay::{Cut, End};
pub use trap::{Moment, Trap};

use faults::Faults;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Reply = Response<UnsyncBoxBody<Bytes, Error>>;

/// The proxy; dropping it closes all its connections.
pub struct Proxy {
    shared: Arc<Shared>,
    doors: Mutex<JoinSet<()>>,
}

/// What all connections share.
pub(crate) struct Shared {
    upstream: Client,
    record: Record,
    faults: Faults,
    trap: Mutex<Option<Arc<Trap>>>,
    cuts: broadcast::Sender<Cut>,
}

impl Proxy {
    /// A proxy to where this client leads. The client must not authenticate: those who come through do.
    #[must_use]
    pub fn new(upstream: Client) -> Self {
        let (cuts, _) = broadcast::channel(16);
        let shared =
            Shared { upstream, record: Record::default(), faults: Faults::default(), trap: Mutex::default(), cuts };
        Self { shared: Arc::new(shared), doors: Mutex::default() }
    }

    /// A way in for one operator: whatever comes through it is recorded under this name.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn door(&self, identity: &str) -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("failed to listen")?;
        let address = listener.local_addr()?;
        let (shared, identity) = (self.shared.clone(), Arc::<str>::from(identity));
        self.doors.lock().unwrap_or_else(PoisonError::into_inner).spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    Ok((stream, _)) = listener.accept() => {
                        let (shared, identity) = (shared.clone(), identity.clone());
                        connections.spawn(async move {
                            let serve = service_fn(|request| handle(shared.clone(), identity.clone(), request));
                            // A fault ends connections on purpose.
                            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), serve).await;
                        });
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(address)
    }

    /// What came through.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.shared.record
    }

    /// From now on something goes wrong; the answer counts how often it did.
    pub fn fail(&self, rule: Rule) -> Arc<std::sync::atomic::AtomicUsize> {
        self.shared.faults.add(rule)
    }

    /// From now on all goes well for this service; what hangs is reset.
    pub fn heal(&self, service: &str) {
        self.shared.faults.heal(service);
    }

    /// Ends the watches that are open.
    pub fn cut(&self, cut: Cut) {
        // Nobody watches.
        let _ = self.shared.cuts.send(cut);
    }

    /// Stops everything at one write.
    #[must_use]
    pub fn arm(&self, at: usize, moment: Moment) -> Arc<Trap> {
        let trap = Arc::new(Trap::new(at, moment));
        *self.trap() = Some(trap.clone());
        trap
    }

    /// Takes the trap away; what it holds is reset and was never sent.
    pub fn disarm(&self) {
        if let Some(trap) = self.trap().take() {
            trap.end();
        }
    }

    fn trap(&self) -> std::sync::MutexGuard<'_, Option<Arc<Trap>>> {
        self.shared.trap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn handle(shared: Arc<Shared>, identity: Arc<str>, request: Request<Incoming>) -> Result<Reply, Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let asked = Asked::of(&head.method, &head.uri, &body);
    let number = shared.record.begin(&identity, &asked, &body);
    let trap = shared.trap.lock().unwrap_or_else(PoisonError::into_inner).clone().filter(|_| asked.counts());
    let turn = trap.as_ref().map_or(0, |trap| trap.turn());
    if let Some(trap) = &trap
        && trap.stops_before(turn)
    {
        return Err(trap.hold().await);
    }
    let fault = shared.faults.of(&identity, &asked);
    match fault {
        Some(Fault::Answer { code, retry_after }) => {
            shared.record.end(number, code, &Bytes::new());
            return Ok(refusal(code, retry_after));
        }
        Some(Fault::Reset) => return Err("reset before it was sent".into()),
        Some(Fault::Hang) => {
            shared.faults.healed(&asked).await;
            return Err("hung".into());
        }
        Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::ResetAfterCommit | Fault::Events(_)) | None => {}
    }
    let mut forwarded =
        Request::builder().method(head.method).uri(head.uri.path_and_query().map_or("/", |it| it.as_str()));
    for (name, value) in &head.headers {
        if !matches!(*name, header::HOST | header::CONNECTION | header::CONTENT_LENGTH) {
            forwarded = forwarded.header(name, value);
        }
    }
    let answer = shared.upstream.send(forwarded.body(kube::client::Body::from(body.to_vec()))?).await?;
    let (mut head, body) = answer.into_parts();
    head.headers.remove(header::CONNECTION);
    if asked.verb == Verb::Watch && head.status.is_success() {
        return Ok(Response::from_parts(head, relay::relay(shared, identity, asked, body)));
    }
    let body = body.collect().await?.to_bytes();
    shared.record.end(number, head.status.as_u16(), &if asked.verb.writes() { body.clone() } else { Bytes::new() });
    if fault == Some(Fault::ResetAfterCommit) {
        return Err("reset after it committed".into());
    }
    if let Some(trap) = trap {
        if trap.stops_committed(turn) {
            return Err(trap.hold().await);
        }
        trap.replied(turn);
    }
    head.headers.remove(header::TRANSFER_ENCODING);
    Ok(Response::from_parts(head, whole(body)))
}

fn whole(body: impl Into<Bytes>) -> UnsyncBoxBody<Bytes, Error> {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

/// An error as the apiserver says it.
fn refusal(code: u16, retry_after: Option<u64>) -> Reply {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    };
    let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code,
        "message": format!("{code} on purpose"), "details": {"retryAfterSeconds": retry_after}});
    let mut reply = Response::new(whole(status.to_string()));
    *reply.status_mut() = hyper::StatusCode::from_u16(code).expect("a code of the campaigns");
    reply.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    if let Some(seconds) = retry_after {
        reply.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    reply
}

/// How long what is done "after the reply" leaves the reply to arrive.
pub(crate) const ARRIVAL: Duration = Duration::from_millis(100);
