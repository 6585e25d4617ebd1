//! The public port: the Socket.IO endpoint behind the gate, `/ready` for the load balancer, and nothing else.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use crate::{
    http_io::{Activity, HttpIo},
    metrics::Metrics,
    refusal::FullResponse,
    shutdown::Phase,
};

/// Path of the load balancer's health check.
pub const READY_PATH: &str = "/ready";
/// Request line and headers together; browsers and load balancers stay far below.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;

/// Everything that a connection needs.
#[derive(Clone, Debug)]
pub struct Public<S> {
    /// The endpoint behind the gate.
    pub gate: S,
    /// What the process is doing.
    pub phase: watch::Receiver<Phase>,
    /// Where connections are counted.
    pub metrics: Arc<Metrics>,
    /// How long bytes may stay unacknowledged before a client counts as lost: it answers no ping either.
    pub lost_after: Duration,
}

/// What is served.
pub trait Served:
    Service<Request<Incoming>, Response = FullResponse, Error = Infallible, Future = Answer> + Clone + Send + 'static
{
}

impl<S> Served for S where
    S: Service<Request<Incoming>, Response = FullResponse, Error = Infallible, Future = Answer>
        + Clone
        + Send
        + 'static
{
}

type Answer = futures::future::BoxFuture<'static, Result<FullResponse, Infallible>>;

impl<S: Served> Public<S> {
    /// Accepts connections until `closed`. They end by themselves after that; `connections` knows when the last one has.
    pub async fn serve(self, listener: TcpListener, closed: CancellationToken, connections: TaskTracker) {
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(connections.spawn(self.clone().connection(stream, closed.clone()))),
                    Err(error) => {
                        // Out of file descriptors, most likely: those that are open must get their turn to end.
                        tracing::warn!(%error, "failed to accept a connection");
                        time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        };
        closed.run_until_cancelled(accept).await;
    }

    async fn connection(self, stream: TcpStream, closed: CancellationToken) {
        stream.set_nodelay(true).ok();
        socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(self.lost_after)).ok();
        let activity = Arc::new(Activity::new());
        let io = TokioIo::new(HttpIo::new(stream, Arc::clone(&activity)));
        let http_connections = self.metrics.http_connections.clone();
        http_connections.inc();
        let service = TowerToHyperService::new(Connection { public: self, activity: Arc::clone(&activity) });
        let serving = http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .serve_connection(io, service)
            .with_upgrades();
        tokio::pin!(serving);
        let idle = async {
            let mut watch = pin!(time::sleep_until(activity.next_look()));
            std::future::poll_fn(|cx| activity.poll_patience(watch.as_mut(), cx)).await;
        };
        tokio::pin!(idle);
        let mut is_ending = false;
        loop {
            tokio::select! {
                // In this order: what the connection just did decides how long it may be idle.
                biased;
                ended = serving.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "connection ended");
                    }
                    break;
                }
                () = closed.cancelled(), if !is_ending => {
                    is_ending = true;
                    serving.as_mut().graceful_shutdown();
                }
                () = idle.as_mut() => break,
            }
        }
        http_connections.dec();
    }
}

/// One connection's view of the service.
#[derive(Clone, Debug)]
struct Connection<S> {
    public: Public<S>,
    activity: Arc<Activity>,
}

impl<S: Served> Service<Request<Incoming>> for Connection<S> {
    type Response = FullResponse;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        self.activity.serves();
        let activity = Arc::clone(&self.activity);
        if request.uri().path() == READY_PATH && matches!(*request.method(), Method::GET | Method::HEAD) {
            activity.served();
            let response = ready(*self.public.phase.borrow());
            return Box::pin(std::future::ready(Ok(response)));
        }
        let answer = self.public.gate.call(request);
        let phase = self.public.phase.clone();
        Box::pin(async move {
            let mut answer = answer.await?;
            activity.served();
            if *phase.borrow() == Phase::Draining && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(answer)
        })
    }
}

fn ready(phase: Phase) -> FullResponse {
    let (status, word) = match phase {
        Phase::Serving => (StatusCode::OK, "ready\n"),
        Phase::Detaching | Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(word.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
