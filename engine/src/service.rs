//! The endpoint, as a service of `tower` and of `hyper`.

use std::{
    convert::Infallible,
    fmt::{self, Debug},
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::future::{BoxFuture, Either, FutureExt, Map, MapOk, TryFutureExt};
use http::{Request, Response};
use http_body::Body;
use http_body_util::Empty;
use hyper::service::Service as HyperService;
use tokio::io::{AsyncRead, AsyncWrite};
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
        // Whoever has the connection opens it, and hands it over.
        (_, Ask::WebSocket(_)) => Err(Fault::BadRequest),
    }
}

/// Whether a request is for the endpoint: its path, or one below it.
fn is_for<B>(path: &str, request: &Request<B>) -> bool {
    let below = request.uri().path().strip_prefix(path);
    below.is_some_and(|below| below.is_empty() || below.starts_with('/') || path.ends_with('/'))
}

type Answered<B> = Result<Answer<B>, Fault>;
type Mend<B, E> = fn(Answered<B>) -> Result<Answer<B>, E>;
type Own<B, E> = Map<BoxFuture<'static, Answered<B>>, Mend<B, E>>;
type Inner<F, B> = MapOk<F, fn(Response<B>) -> Answer<B>>;
/// What answers a request.
pub type ResponseFuture<F, B, E> = Either<Own<B, E>, Inner<F, B>>;

/// Answers a request that is for the endpoint, and has every other one answered by `inner`.
fn answer<H, R, B, F, E>(
    sessions: &Arc<Sessions<H>>,
    request: Request<R>,
    inner: impl FnOnce(Request<R>) -> F,
) -> ResponseFuture<F, B, E>
where
    H: EngineIoHandler,
    R: Body + Send + Unpin + 'static,
    R::Error: Debug,
    R::Data: Send,
    B: Send + 'static,
    F: Future<Output = Result<Response<B>, E>>,
{
    if is_for(&sessions.config.req_path, &request) {
        let mended: Mend<B, E> = |answer| Ok(answer.unwrap_or_else(answer::refusal));
        Either::Left(handle(Arc::clone(sessions), request).boxed().map(mended))
    } else {
        let wrapped: fn(Response<B>) -> Answer<B> = |answer| answer.map(http_body_util::Either::Right);
        Either::Right(inner(request).map_ok(wrapped))
    }
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
        answer(&self.sessions, request, |request| self.inner.call(request))
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
        answer(&self.sessions, request, |request| self.inner.call(request))
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
