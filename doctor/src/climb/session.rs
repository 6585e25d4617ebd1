//! A session by polling, each request on a connection of its own.

use ::http::{HeaderName, HeaderValue, Method, header};
use futures::future::join;
use tokio::time::timeout;

use super::{
    http::Ask,
    line::Line,
    websocket::{self, Read},
};
use crate::{
    Exchange,
    cors::Credentials,
    engine::{self, Open, Revision, Spoken},
    exchange::Answer,
    judge::replicas::{Trial, is_unknown},
};

/// Enough to miss one of two replicas once in 256 times.
const REQUESTS: usize = 8;

type Given = [(HeaderName, HeaderValue)];

/// Says goodbye for a session, so that the server need not wait for it.
pub(super) async fn end(line: &Line, revision: Revision, open: &Open) {
    post(line, revision, open, "1", &[]).await;
}

/// Sends a packet that changes nothing: the answer to a ping, and in revision 3 a ping. go-socket.io takes that only while somebody
/// waits for its answer, as a page always does.
async fn beat(line: &Line, revision: Revision, open: &Open, given: &Given) -> Exchange {
    match revision {
        Revision::Four => post(line, revision, open, "3", given).await,
        Revision::Three => {
            let poll = Ask::polling(&line.target, Method::GET, revision, Some(&open.sid));
            let poll = line.ask(poll.origin(Some(&line.target.origin)).with(given.to_vec()));
            join(post(line, revision, open, "2", given), poll).await.0
        }
    }
}

async fn post(line: &Line, revision: Revision, open: &Open, packet: &str, given: &Given) -> Exchange {
    let body = match revision {
        Revision::Three => format!("{}:{packet}", packet.len()),
        Revision::Four => packet.to_owned(),
    };
    let ask = Ask::polling(&line.target, Method::POST, revision, Some(&open.sid));
    line.ask(ask.origin(Some(&line.target.origin)).with(given.to_vec()).body(body)).await
}

/// One session over many connections.
pub(super) async fn spread(line: &Line, revision: Revision, given: &Given) -> (Trial, Vec<Exchange>) {
    let Some((shown, open)) = begin(line, revision, given).await else {
        return (Trial { failed: vec!["a second session does not begin".to_owned()], ..Trial::default() }, Vec::new());
    };
    let cookies = shown.answer().map(cookies).unwrap_or_default();
    let sent: Vec<_> = cookies.iter().filter(|cookie| crosses(line, cookie)).collect();
    let given = [given, &cookie_header(&sent)[..]].concat();
    let mut trial = Trial::default();
    let mut evidence = vec![shown];
    for _ in 0..REQUESTS {
        let exchange = beat(line, revision, &open, &given).await;
        let kept = trial.kept;
        trial.add(&exchange.outcome);
        // One that went well, and all that did not.
        if trial.kept == kept || kept == 0 {
            evidence.push(exchange);
        }
    }
    if trial.unknown == 0
        && trial.failed.is_empty()
        && line.target.websocket
        && open.upgrades.iter().any(|it| it == "websocket")
    {
        let (moved, exchange) = move_over(line, revision, &open).await;
        trial.moved = moved;
        if moved != Some(true) {
            evidence.push(exchange);
        }
    }
    end(line, revision, &open).await;
    if trial.unknown > 0 && sent.len() < cookies.len() {
        trial.cookie = Some((cookies[0].name.clone(), helps(line, revision, &given).await));
    }
    (trial, evidence)
}

async fn begin(line: &Line, revision: Revision, given: &Given) -> Option<(Exchange, Open)> {
    let ask = Ask::polling(&line.target, Method::GET, revision, None);
    let exchange = line.ask(ask.origin(Some(&line.target.origin)).with(given.to_vec())).await;
    match engine::read(&exchange.answer()?.body) {
        Spoken::Open(_, open) => Some((exchange, open)),
        Spoken::Error(_) | Spoken::Other => None,
    }
}

/// Moves to a WebSocket, as clients with both transports do. None where it fails for another reason than the session's.
async fn move_over(line: &Line, revision: Revision, open: &Open) -> (Option<bool>, Exchange) {
    let (mut exchange, socket, _) = websocket::open(line, revision, Some(&open.sid), Some(&line.target.origin)).await;
    let Some(mut socket) = socket else {
        let unknown = exchange.answer().is_some_and(|answer| engine::is_unknown_session(&answer.body));
        return (unknown.then_some(false), exchange);
    };
    let moved = socket.write("2probe").await
        && timeout(line.target.timeout / 2, async {
            loop {
                match socket.read().await {
                    Read::Text(text) if text == "3probe" => return true,
                    Read::Text(_) | Read::Other => {}
                    Read::Close(..) | Read::End(_) => return false,
                }
            }
        })
        .await
        .unwrap_or(false);
    exchange.frames = socket.end().await;
    (Some(moved), exchange)
}

/// Whether all cookies together keep a session at its replica.
async fn helps(line: &Line, revision: Revision, given: &Given) -> bool {
    let Some((shown, open)) = begin(line, revision, given).await else { return false };
    let cookies = shown.answer().map(cookies).unwrap_or_default();
    let given = [given, &cookie_header(&cookies.iter().collect::<Vec<_>>())[..]].concat();
    let mut is_kept = true;
    for _ in 0..REQUESTS {
        let exchange = beat(line, revision, &open, &given).await;
        is_kept &= exchange.answer().is_some_and(|answer| answer.status.is_success() && !is_unknown(answer));
    }
    end(line, revision, &open).await;
    is_kept
}

struct Cookie {
    name: String,
    pair: String,
    /// Whether browsers send it across sites.
    is_cross_site: bool,
}

fn cookies(answer: &Answer) -> Vec<Cookie> {
    let lines = answer.headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookie = |line: &str| {
        let lower = line.to_ascii_lowercase();
        let has = |attribute: &str| lower.split(';').skip(1).any(|it| it.trim().replace(' ', "") == attribute);
        let pair = line.split(';').next().unwrap_or_default().trim().to_owned();
        let name = pair.split('=').next().unwrap_or_default().to_owned();
        Cookie { name, pair, is_cross_site: has("samesite=none") && has("secure") }
    };
    lines.map(cookie).collect()
}

fn crosses(line: &Line, cookie: &Cookie) -> bool {
    line.target.credentials == Credentials::Include && cookie.is_cross_site
}

fn cookie_header(cookies: &[&Cookie]) -> Vec<(HeaderName, HeaderValue)> {
    let pairs: Vec<_> = cookies.iter().map(|cookie| cookie.pair.as_str()).collect();
    let value = (!pairs.is_empty()).then(|| HeaderValue::from_str(&pairs.join("; ")).ok()).flatten();
    value.map(|value| (header::COOKIE, value)).into_iter().collect()
}
