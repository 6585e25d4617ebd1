//! The port for other replicas: the same gate and the same engine, and nothing that could send a request on. Whoever reaches this port can
//! do what the public one allows, and move a session whose id he knows.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use socketioxide::socket::Sid;
use tower::Service;

use crate::{
    connections::Connections,
    engine::{Engine, query},
    farewell::Farewell,
    gate::Gate,
    lifetime::mover::Mover,
    refusal::FullResponse,
};

/// A replica that goes asks here for the sessions whose WebSockets lead through it.
pub const MOVE_PATH: &str = "/move";
/// How long such a session waits for the right moment.
const PATIENCE: Duration = Duration::from_secs(2);

/// What other replicas reach.
#[derive(Clone, Debug)]
pub struct Inside {
    /// The endpoint behind the gate.
    pub gate: Gate<Engine>,
    /// Every open session.
    pub connections: Arc<Connections>,
    /// Who moves them.
    pub mover: Arc<Mover>,
}

impl Service<Request<Incoming>> for Inside {
    type Response = FullResponse;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<FullResponse, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        if request.uri().path() == MOVE_PATH && request.method() == Method::POST {
            let mut response = Response::new(Full::default());
            *response.status_mut() = self.depart(request.uri().query().unwrap_or_default());
            return Box::pin(std::future::ready(Ok(response)));
        }
        self.gate.call(request)
    }
}

impl Inside {
    fn depart(&self, query: &str) -> StatusCode {
        let sid = query::value(query, "sid").and_then(|sid| sid.parse::<Sid>().ok());
        let Some(handle) = sid.and_then(|sid| self.connections.handle(sid)) else { return StatusCode::NOT_FOUND };
        let mover = Arc::clone(&self.mover);
        tokio::spawn(async move { mover.depart(handle, Farewell::DRAIN, PATIENCE).await });
        StatusCode::ACCEPTED
    }
}
