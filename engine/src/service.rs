//! The endpoint, as a service of `tower` and of `hyper`.

use std::{
    convert::Infallible,
    fmt::{self, Debug},
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use engineioxide_core::{ProtocolVersion, Sid};
use futures::future::{BoxFuture, Either, FutureExt, Map, MapOk, TryFutureExt};
use http::{Request, Response, header};
use http_body::Body;
use http_body_util::Empty;
use hyper::service::Service as HyperService;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tower_service::Service as TowerService;

pub use crate::{answer::ResponseBody, request::Fault};
use crate::{
    answer::{self, Answer},
    config::EngineIoConfig,
    handler::EngineIoHandler,
    polling,
    request::{self, Ask},
    sessions::Sessions,
    websocket,
};

/// Serves Engine.IO on its path, and passes every other request on.
pub struct EngineIoService<H: EngineIoHandler, S = NotFoundService> {
    inner: S,
    sessions: Arc<Sessions<H>>,
}

impl<H: EngineIoHandler, S> EngineIoService<H, S> {
    /// The endpoint in front of another service.
    pub fn with_config_inner(inner: S, handler: Arc<H>, config: EngineIoConfig) -> Self {
        Self { inner, sessions: Arc::new(Sessions::new(handler, config)) }
    }

    /// The same for every connection.
    pub fn into_make_service(self) -> MakeEngineIoService<H, S> {
        MakeEngineIoService { service: self }
    }

    /// Whether a request is for this endpoint: its path, or one below it.
    fn is_for<B>(&self, request: &Request<B>) -> bool {
        let path: &str = &self.sessions.config.req_path;
        let below = request.uri().path().strip_prefix(path);
        below.is_some_and(|below| below.is_empty() || below.starts_with('/') || path.ends_with('/'))
    }
}

impl<H: EngineIoHandler, S: Clone> Clone for EngineIoService<H, S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), sessions: Arc::clone(&self.sessions) }
    }
}

impl<H: EngineIoHandler, S> Debug for EngineIoService<H, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineIoService").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

async fn handle<H: EngineIoHandler, R, B>(sessions: Arc<Sessions<H>>, request: Request<R>) -> Result<Answer<B>, Fault>
where
    R: Body + Send + Unpin + 'static,
    R::Error: Debug,
    R::Data: Send,
{
    match request::read(&request, &sessions.config)? {
        (protocol, Ask::Open { reads_binary }) => {
            Ok(polling::open(&sessions, protocol, request.into_parts().0, reads_binary))
        }
        (_, Ask::Poll(sid)) => polling::poll(sessions, sid).await,
        (_, Ask::Post(sid)) => polling::post(sessions, sid, request).await,
        (protocol, Ask::WebSocket(sid)) => switch(sessions, protocol, sid, request),
    }
}

fn switch<H: EngineIoHandler, R: Send + 'static, B>(
    sessions: Arc<Sessions<H>>,
    protocol: ProtocolVersion,
    sid: Option<Sid>,
    mut request: Request<R>,
) -> Result<Answer<B>, Fault> {
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).ok_or(Fault::BadRequest)?;
    let answer = answer::switching(&derive_accept_key(key.as_bytes())).ok_or(Fault::BadRequest)?;
    let stream = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    tokio::spawn(async move {
        match stream.await {
            Ok(stream) => websocket::serve(sessions, TokioIo::new(stream), protocol, sid, parts).await,
            Err(error) => tracing::debug!(%error, "the client went away during its upgrade"),
        }
    });
    Ok(answer)
}

type Answered<B> = Result<Answer<B>, Fault>;
type Mend<B, E> = fn(Answered<B>) -> Result<Answer<B>, E>;
type Own<B, E> = Map<BoxFuture<'static, Answered<B>>, Mend<B, E>>;
type Inner<F, B> = MapOk<F, fn(Response<B>) -> Answer<B>>;
/// What answers a request.
pub type ResponseFuture<F, B, E> = Either<Own<B, E>, Inner<F, B>>;

fn own<B: Send + 'static, E>(answer: impl Future<Output = Answered<B>> + Send + 'static) -> Own<B, E> {
    let mended: Mend<B, E> = |answer| Ok(answer.unwrap_or_else(answer::refusal));
    answer.boxed().map(mended)
}

fn inner<F, B, E>(answer: F) -> Inner<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    let wrapped: fn(Response<B>) -> Answer<B> = |answer| answer.map(http_body_util::Either::Right);
    answer.map_ok(wrapped)
}

impl<H, R, B, S> TowerService<Request<R>> for EngineIoService<H, S>
where
    H: EngineIoHandler,
    R: Body + Send + Unpin + Debug + 'static,
    R::Error: Debug,
    R::Data: Send,
    B: Body + Send + 'static,
    S: TowerService<Request<R>, Response = Response<B>>,
{
    type Response = Answer<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        if self.is_for(&request) {
            Either::Left(own(handle(Arc::clone(&self.sessions), request)))
        } else {
            Either::Right(inner(self.inner.call(request)))
        }
    }
}

impl<H, R, B, S> HyperService<Request<R>> for EngineIoService<H, S>
where
    H: EngineIoHandler,
    R: Body + Send + Unpin + Debug + 'static,
    R::Error: Debug,
    R::Data: Send,
    B: Body + Send + 'static,
    S: HyperService<Request<R>, Response = Response<B>>,
{
    type Response = Answer<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B, S::Error>;

    fn call(&self, request: Request<R>) -> Self::Future {
        if self.is_for(&request) {
            Either::Left(own(handle(Arc::clone(&self.sessions), request)))
        } else {
            Either::Right(inner(self.inner.call(request)))
        }
    }
}

/// A WebSocket whose HTTP part somebody else has done.
type Opened<S> = (S, Request<()>);

impl<H: EngineIoHandler, S> EngineIoService<H, S> {
    fn take<W>(&self, (stream, request): Opened<W>) -> Result<(), Fault>
    where
        W: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (protocol, Ask::WebSocket(sid)) = request::read(&request, &self.sessions.config)? else {
            return Err(Fault::BadRequest);
        };
        let (parts, ()) = request.into_parts();
        tokio::spawn(websocket::serve(Arc::clone(&self.sessions), stream, protocol, sid, parts));
        Ok(())
    }
}

impl<H, S, W> TowerService<Opened<W>> for EngineIoService<H, S>
where
    H: EngineIoHandler,
    W: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Response = ();
    type Error = Fault;
    type Future = Ready<Result<(), Fault>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, opened: Opened<W>) -> Self::Future {
        ready(self.take(opened))
    }
}

impl<H, S, W> HyperService<Opened<W>> for EngineIoService<H, S>
where
    H: EngineIoHandler,
    W: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Response = ();
    type Error = Fault;
    type Future = Ready<Result<(), Fault>>;

    fn call(&self, opened: Opened<W>) -> Self::Future {
        ready(self.take(opened))
    }
}

/// Gives each connection the same service.
pub struct MakeEngineIoService<H: EngineIoHandler, S> {
    service: EngineIoService<H, S>,
}

impl<H: EngineIoHandler, S: Clone, T> TowerService<T> for MakeEngineIoService<H, S> {
    type Response = EngineIoService<H, S>;
    type Error = Infallible;
    type Future = Ready<Result<EngineIoService<H, S>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: T) -> Self::Future {
        ready(Ok(self.service.clone()))
    }
}

impl<H: EngineIoHandler, S> Debug for MakeEngineIoService<H, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MakeEngineIoService").finish_non_exhaustive()
    }
}

/// Nothing is here.
#[derive(Clone, Copy, Debug)]
pub struct NotFoundService;

impl<R> TowerService<Request<R>> for NotFoundService {
    type Response = Response<ResponseBody<Empty<Bytes>>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<R>) -> Self::Future {
        ready(Ok(answer::not_found()))
    }
}

impl<R> HyperService<Request<R>> for NotFoundService {
    type Response = Response<ResponseBody<Empty<Bytes>>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn call(&self, _: Request<R>) -> Self::Future {
        ready(Ok(answer::not_found()))
    }
}
