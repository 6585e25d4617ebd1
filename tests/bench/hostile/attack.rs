//! The attackers, each bounded in count and time.

use std::{
    fmt,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const ORIGINS: usize = 100_000;
const PATH: &str = "/socket.io/?EIO=4&transport=polling";
const ALLOWED: &str = "https://app.domain-b.com";
const PATIENCE: Duration = Duration::from_secs(5);

/// What was done.
#[derive(Default)]
pub(crate) struct Done {
    origins: AtomicUsize,
    large_heads: AtomicUsize,
    slow_heads: AtomicUsize,
    half_upgrades: AtomicUsize,
    large_bodies: AtomicUsize,
}

pub(crate) async fn run(server: SocketAddr, time: Duration) -> Done {
    let done = Done::default();
    let end = Instant::now() + time;
    tokio::join!(
        many_origins(server, end, &done.origins),
        again(end, Duration::from_millis(20), async || large_head(server, &done.large_heads).await),
        again(end, Duration::from_millis(20), async || slow_head(server, &done.slow_heads).await),
        again(end, Duration::from_millis(20), async || half_upgrade(server, &done.half_upgrades).await),
        again(end, Duration::from_millis(200), async || large_body(server, &done.large_bodies).await),
    );
    done
}

/// Starts one attack after the other at this pace and lets each run on; at the most 500 at a time.
async fn again(end: Instant, pace: Duration, attack: impl AsyncFn() -> Option<()>) {
    let mut ticks = tokio::time::interval(pace);
    let mut running = futures::stream::FuturesUnordered::new();
    while Instant::now() < end {
        tokio::select! {
            _ = ticks.tick(), if running.len() < 500 => running.push(attack()),
            Some(_) = futures::StreamExt::next(&mut running), if !running.is_empty() => {}
        }
    }
}

async fn many_origins(server: SocketAddr, end: Instant, count: &AtomicUsize) -> Option<()> {
    let mut stream = TcpStream::connect(server).await.ok()?;
    let mut answer = vec![0; 64 * 1024];
    while count.load(Ordering::Relaxed) < ORIGINS && Instant::now() < end {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let head = format!("GET {PATH} HTTP/1.1\r\nhost: a\r\norigin: https://evil-{number}.example.net\r\n\r\n");
        stream.write_all(head.as_bytes()).await.ok()?;
        if stream.read(&mut answer).await.ok()? == 0 {
            stream = TcpStream::connect(server).await.ok()?;
        }
    }
    Some(())
}

async fn large_head(server: SocketAddr, count: &AtomicUsize) -> Option<()> {
    let mut stream = TcpStream::connect(server).await.ok()?;
    let head = format!("GET {PATH} HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "a".repeat(256 * 1024));
    // The server hangs up before all of it is sent.
    let _ = stream.write_all(head.as_bytes()).await;
    drain(&mut stream).await;
    count.fetch_add(1, Ordering::Relaxed);
    Some(())
}

async fn slow_head(server: SocketAddr, count: &AtomicUsize) -> Option<()> {
    let mut stream = TcpStream::connect(server).await.ok()?;
    stream.write_all(format!("GET {PATH} HTTP/1.1\r\n").as_bytes()).await.ok()?;
    count.fetch_add(1, Ordering::Relaxed);
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stream.write_all(b"x: y\r\n").await.ok()?;
    }
}

async fn half_upgrade(server: SocketAddr, count: &AtomicUsize) -> Option<()> {
    let mut stream = TcpStream::connect(server).await.ok()?;
    let head = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: a\r\norigin: {ALLOWED}\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    count.fetch_add(1, Ordering::Relaxed);
    // Never a CONNECT, never a pong.
    drain(&mut stream).await;
    Some(())
}

async fn large_body(server: SocketAddr, count: &AtomicUsize) -> Option<()> {
    let mut stream = TcpStream::connect(server).await.ok()?;
    stream.write_all(format!("GET {PATH} HTTP/1.1\r\nhost: a\r\norigin: {ALLOWED}\r\n\r\n").as_bytes()).await.ok()?;
    let mut answer = vec![0; 4096];
    let length = timeout(PATIENCE, stream.read(&mut answer)).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&answer[..length]).into_owned();
    let sid = text.split_once("\"sid\":\"")?.1.split_once('"')?.0;
    let head =
        format!("POST {PATH}&sid={sid} HTTP/1.1\r\nhost: a\r\norigin: {ALLOWED}\r\ncontent-length: 10000000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    let _ = stream.write_all(&vec![b'a'; 10_000_000]).await;
    drain(&mut stream).await;
    count.fetch_add(1, Ordering::Relaxed);
    Some(())
}

async fn drain(stream: &mut TcpStream) {
    let mut rest = vec![0; 16 * 1024];
    while let Ok(Ok(length)) = timeout(PATIENCE, stream.read(&mut rest)).await {
        if length == 0 {
            return;
        }
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origins, large_heads, slow_heads, half_upgrades, large_bodies } = self;
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        write!(
            f,
            "{} distinct origins, {} heads of 256 KiB, {} heads that never end, {} half-open upgrades, {} bodies of 10 MB",
            of(origins),
            of(large_heads),
            of(slow_heads),
            of(half_upgrades),
            of(large_bodies)
        )
    }
}
