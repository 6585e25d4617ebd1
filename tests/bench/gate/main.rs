//! What the gate costs: time per decision with 1, 100 and 10,000 patterns, and polling handshakes a second with the gate against
//! without it. `cargo run --release -p realtime-server --example gate-bench`

use std::{
    convert::Infallible,
    hint::black_box,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use http::Request;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use origin_policy::{Config, OriginPolicy, Received};
use realtime_crds::{ValidService, manifest};
use realtime_server::{
    auth::Auth,
    connections::Connections,
    denied::{DeniedOrigins, SentOrigin},
    engine::Engine,
    gate::{FromOrigin, GateLayer},
    lifetime::ages::Ages,
    metrics::Metrics,
    options::{Options, Settings},
    overload::{Admission, Limits},
    policy::{Policy, Source},
    recovery::Recovery,
    refusal::FullResponse,
    report::Report,
    shutdown::Phase,
    sockets,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tower::{Layer, Service, ServiceBuilder};

const ROUNDS: usize = 15;
const CLIENTS: usize = 4;
const HANDSHAKES: usize = 1500;
const APP: &str = "https://app-0.domain-b.com";

fn main() {
    decisions();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(handshakes());
}

fn decisions() {
    println!(
        "{:>9} {:>12} {:>12} {:>12} {:>12}   ns per decision, median of {ROUNDS}",
        "patterns", "first", "last", "wildcard", "denied"
    );
    for count in [1, 100, 10_000] {
        let exact = (0..count).map(|number| format!("https://app-{number}.domain-b.com"));
        let allow = exact.chain(["https://*.preview.domain-b.com".to_owned()]).collect();
        let policy = OriginPolicy::new(&Config { allow, ..Config::default() }).expect("valid");
        let last = format!("https://app-{}.domain-b.com", count - 1);
        let cost = |origin: &str| nanoseconds(&policy, origin);
        let [first, last, wildcard, denied] =
            [APP, &last, "https://pr-7.preview.domain-b.com", "https://evil.domain-c.com"].map(cost);
        println!("{count:>9} {first:>12.1} {last:>12.1} {wildcard:>12.1} {denied:>12.1}");
    }
}

fn nanoseconds(policy: &OriginPolicy, origin: &str) -> f64 {
    const TIMES: u32 = 200_000;
    median((0..ROUNDS).map(|_| {
        let start = Instant::now();
        for _ in 0..TIMES {
            black_box(policy.decide(Received::from(black_box(origin))));
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
    }))
}

async fn handshakes() {
    let text = format!(
        "apiVersion: realtime-operator.dev/v1alpha1\nkind: RealtimeService\nmetadata: {{name: bench}}\n\
         spec: {{host: a.com, origins: {{allow: [\"{APP}\"]}}}}"
    );
    let service = ValidService::new(&manifest::read(&text).expect("valid")[0]).expect("valid");
    let policy = Arc::new(Policy::new(&service, Source::File));
    let (_policy, policy) = watch::channel(policy);
    let metrics = Arc::new(Metrics::new());
    let (_phase, phase) = watch::channel(Phase::Serving);
    let options = Options::parse_from(["realtime-server"]);
    let settings = Settings::of_spec(service.spec());
    let limits = Arc::new(Limits::new(&options, &settings, &metrics));
    let ages = Ages::new(policy.borrow().max_connection_age);
    let connections = Arc::new(Connections::new(Arc::clone(&metrics), Arc::clone(&limits), ages));
    let admission = Admission::new(&options, None, Arc::clone(&metrics));
    let recovery = Recovery::open(options.recovery(), None, &metrics, Arc::clone(&connections));
    let (sessions, numbers) = (Arc::clone(&connections), Arc::clone(&metrics));
    let (engine, io) = Engine::new(settings, (limits, admission), sessions, numbers, phase, Arc::clone(&recovery));
    let report = Arc::new(Report::new(Arc::clone(&metrics)));
    let auth = Auth::open(policy.clone(), None, report, Arc::clone(&metrics)).expect("nobody needs a token");
    sockets::register(&io, &auth, &recovery, &connections, &metrics);
    let denied = Arc::new(DeniedOrigins::new(Arc::clone(&metrics)));
    let with = serve(GateLayer::new(policy, denied, metrics).layer(engine.clone())).await;
    // The engine wants to know the origin of a session; here nobody looks at headers to find out.
    let without = serve(
        ServiceBuilder::new()
            .map_request(|mut request: Request<Incoming>| {
                request.extensions_mut().insert(FromOrigin(Arc::new(SentOrigin::Missing)));
                request
            })
            .service(engine),
    )
    .await;
    round(with).await;
    round(without).await;
    let mut rates = [Vec::new(), Vec::new()];
    for index in 0..2 * ROUNDS {
        // Alternating order: whoever comes second meets a warmer allocator.
        let side = (index + index / 2) % 2;
        rates[side].push(round([with, without][side]).await);
    }
    let ratios = rates[0].iter().zip(&rates[1]).map(|(with, without)| with / without).collect::<Vec<_>>();
    let [with, without] = rates.map(|rates| median(rates.into_iter()));
    println!(
        "polling handshakes/s over {CLIENTS} connections, median of {ROUNDS}: {with:.0} with the gate, {without:.0} without"
    );
    println!(
        "the gate costs {:.1} % (median of paired rounds: {:.1} %)",
        (1.0 - with / without) * 100.0,
        (1.0 - median(ratios.into_iter())) * 100.0
    );
}

async fn serve<S>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = FullResponse, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("a socket");
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

/// Handshakes a second. The sessions are closed again, outside of the time.
async fn round(address: SocketAddr) -> f64 {
    let start = Instant::now();
    let clients = (0..CLIENTS).map(|_| tokio::spawn(client(address)));
    let mut slowest = Duration::ZERO;
    let mut sessions = Vec::new();
    for client in futures::future::join_all(clients).await {
        let (end, sids) = client.expect("no panic");
        slowest = slowest.max(end - start);
        sessions.extend(sids);
    }
    let mut stream = TcpStream::connect(address).await.expect("connected");
    for sid in sessions {
        let target = format!("/socket.io/?EIO=3&transport=polling&sid={sid}");
        let request = format!("POST {target} HTTP/1.1\r\nhost: a\r\norigin: {APP}\r\ncontent-length: 3\r\n\r\n1:1");
        // Any version's close packet will do; the engine reads it by the version in the query.
        assert!(exchange(&mut stream, request.as_bytes()).await.contains(" 200 "), "closed");
    }
    (CLIENTS * HANDSHAKES) as f64 / slowest.as_secs_f64()
}

async fn client(address: SocketAddr) -> (Instant, Vec<String>) {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.set_nodelay(true).expect("a socket");
    // Version 3 joins the namespace by itself, so closing leaves nothing behind.
    let request = format!(
        "GET /socket.io/?EIO=3&transport=polling&t=abc HTTP/1.1\r\nhost: chat.domain-a.com\r\norigin: {APP}\r\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\naccept: */*\r\naccept-language: en\r\n\r\n"
    );
    let mut sids = Vec::with_capacity(HANDSHAKES);
    for _ in 0..HANDSHAKES {
        let answer = exchange(&mut stream, request.as_bytes()).await;
        let (_, rest) = answer.split_once("\"sid\":\"").expect("a session");
        sids.push(rest[..16].to_owned());
    }
    (Instant::now(), sids)
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.expect("sent");
    let mut bytes = Vec::with_capacity(1024);
    loop {
        assert!(stream.read_buf(&mut bytes).await.expect("received") > 0, "closed");
        let text = std::str::from_utf8(&bytes).expect("text");
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        if body.len() >= length.map_or(0, |length| length.parse().expect("a number")) {
            return text.to_owned();
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
