//! A WebSocket, opened by hand so that the evidence is what was sent.

use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::{client::generate_key, derive_accept_key},
        protocol::{Role, WebSocketConfig},
    },
};

use super::{http::Ask, line::Line};
use crate::{
    Exchange,
    engine::Revision,
    exchange::Frame,
    judge::upgrade::{First, Try},
};

const SHOWN: usize = 40;
const GOODBYE: Duration = Duration::from_millis(500);

/// An open WebSocket, and what went over it.
pub(super) struct Socket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    began: Instant,
    pub(super) frames: Vec<Frame>,
}

/// How a read ended.
pub(super) enum Read {
    Text(String),
    /// Binary, or a ping or pong of WebSocket's own.
    Other,
    Close(u16, String),
    End(String),
}

impl Socket {
    pub(super) async fn read(&mut self) -> Read {
        let (shown, read) = match self.stream.next().await {
            Some(Ok(Message::Text(text))) => (text.to_string(), Read::Text(text.to_string())),
            Some(Ok(Message::Binary(bytes))) => (format!("binary, {} bytes", bytes.len()), Read::Other),
            Some(Ok(Message::Ping(_))) => ("ping".to_owned(), Read::Other),
            Some(Ok(Message::Pong(_))) => ("pong".to_owned(), Read::Other),
            Some(Ok(Message::Frame(_))) => ("frame".to_owned(), Read::Other),
            Some(Ok(Message::Close(frame))) => {
                let (code, reason) =
                    frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                (format!("close {code} {reason}"), Read::Close(code, reason))
            }
            Some(Err(error)) => (format!("(the connection ended: {error})"), Read::End(error.to_string())),
            None => ("(the connection ended)".to_owned(), Read::End("end of stream".to_owned())),
        };
        self.note(false, shown);
        read
    }

    pub(super) async fn write(&mut self, text: &str) -> bool {
        self.note(true, text.to_owned());
        self.stream.send(Message::text(text)).await.is_ok()
    }

    pub(super) async fn end(mut self) -> Vec<Frame> {
        let _ = timeout(GOODBYE, self.stream.close(None)).await;
        self.frames
    }

    fn note(&mut self, is_sent: bool, text: String) {
        // The beginning and the end tell most.
        if self.frames.len() >= SHOWN {
            self.frames.remove(SHOWN / 2);
        }
        self.frames.push(Frame { after: self.began.elapsed(), is_sent, text });
    }
}

/// Opens one; None where it did not open, and the exchange says why.
pub(super) async fn open(
    line: &Line,
    revision: Revision,
    sid: Option<&str>,
    origin: Option<&str>,
) -> (Exchange, Option<Socket>, bool) {
    let key = generate_key();
    let began = Instant::now();
    let ask = Ask::upgrade(&line.target, revision, sid, &key).origin(origin);
    let (mut exchange, upgraded) = line.exchange(ask).await;
    if let Some(rest) = exchange.request.url.strip_prefix("http") {
        exchange.request.url = format!("ws{rest}");
    }
    let accept = exchange.answer().and_then(|answer| answer.value("sec-websocket-accept"));
    let is_accepted = accept.is_some_and(|accept| accept == derive_accept_key(key.as_bytes()));
    let Some(upgraded) = upgraded else { return (exchange, None, is_accepted) };
    let config = WebSocketConfig::default().max_message_size(Some(4 << 20));
    let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(config)).await;
    (exchange, Some(Socket { stream, began, frames: Vec::new() }), is_accepted)
}

/// Opens one and waits for what comes first.
pub(super) async fn attempt(line: &Line, revision: Revision, origin: Option<&str>) -> (Try, Exchange) {
    let (mut exchange, socket, is_accepted) = open(line, revision, None, origin).await;
    let mut first = None;
    if let Some(mut socket) = socket {
        let read = timeout(line.target.timeout / 2, async {
            loop {
                match socket.read().await {
                    Read::Other => {}
                    Read::Text(text) => return First::Text(text),
                    Read::Close(code, reason) => return First::Close(code, reason),
                    Read::End(_) => return First::End,
                }
            }
        });
        first = Some(read.await.unwrap_or(First::Silence));
        exchange.frames = socket.end().await;
    }
    (Try { outcome: exchange.outcome.clone(), first, is_accepted }, exchange)
}
