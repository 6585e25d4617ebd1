//! What recovery costs: memory of an idle connection and CPU of a broadcast, with recovery on against off.
//!
//! `cargo build --release -p realtime-server && cargo run --release -p realtime-server --example recovery-bench [CONNECTIONS] [ROUNDS]`
//!
//! Starts the real program on loopback, on and off in turn; prints the median of each and the ratio. The processor time is the server's own.

#[path = "../../src/usage.rs"]
mod usage;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use anyhow::Context;
use futures::{SinkExt, StreamExt, future::join_all};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

const MANIFEST: &str = "apiVersion: realtime-operator.dev/v1alpha1\nkind: RealtimeService\nmetadata: {name: chat}\n\
    spec: {host: chat.domain-a.com, origins: {allow: [\"https://app.domain-b.com\"]}}\n";
const BROADCASTS: usize = 200;
const PAYLOAD: usize = 200;

struct Server {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

#[derive(Clone, Copy, Debug)]
struct Figures {
    /// KiB of memory for each connection.
    memory: f64,
    /// Microseconds of processor time for each delivery.
    cpu: f64,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let connections = arguments.next().transpose()?.unwrap_or(1000);
    let rounds = arguments.next().transpose()?.unwrap_or(5);
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        for is_on in [round % 2 == 0, round % 2 == 1] {
            let figures = measure(if is_on { "2m" } else { "0s" }, connections).await?;
            if is_on { on.push(figures) } else { off.push(figures) }
        }
    }
    println!("{connections} connections, {BROADCASTS} broadcasts of {PAYLOAD} bytes, {rounds} rounds, medians");
    println!("                                 on        off      ratio");
    type Figure = fn(&Figures) -> f64;
    let rows: [(&str, Figure); 2] =
        [("KiB an idle connection", |figures| figures.memory), ("CPU µs a delivery", |figures| figures.cpu)];
    for (name, figure) in rows {
        let (on, off) = (median(on.iter().map(figure)), median(off.iter().map(figure)));
        println!("{name:<28} {on:>8.2}   {off:>8.2}   {:>8.2}", on / off);
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(window: &str, connections: usize) -> anyhow::Result<Figures> {
    let server = Server::start(window)?;
    let mut publisher = server.client().await?;
    let before = server.resident_kib()?;
    let mut clients = Vec::new();
    while clients.len() < connections {
        let more = join_all((0..100.min(connections - clients.len())).map(|_| server.client())).await;
        clients.extend(more.into_iter().collect::<anyhow::Result<Vec<_>>>()?);
    }
    let memory = (server.resident_kib()? - before) / connections as f64;
    let readers: Vec<_> = clients.into_iter().map(|client| tokio::spawn(read(client))).collect();
    let start = server.cpu_micros()?;
    for number in 0..BROADCASTS {
        let event = json!(["broadcast", {"data": {"number": number, "padding": "x".repeat(PAYLOAD)}}]);
        publisher.send(Message::text(format!("42{number}{event}"))).await?;
        let answer = format!("43{number}[");
        while !matches!(&next(&mut publisher).await?, Message::Text(text) if text.starts_with(&answer)) {}
    }
    for reader in readers {
        reader.await??;
    }
    let deliveries = (BROADCASTS * (connections + 1)) as f64;
    Ok(Figures { memory, cpu: (server.cpu_micros()? - start) / deliveries })
}

type Client = WebSocketStream<TcpStream>;

async fn read(mut client: Client) -> anyhow::Result<()> {
    let mut left = BROADCASTS;
    while left > 0 {
        if matches!(&next(&mut client).await?, Message::Text(text) if text.starts_with("42[\"broadcast\"")) {
            left -= 1;
        }
    }
    Ok(())
}

async fn next(client: &mut Client) -> anyhow::Result<Message> {
    loop {
        let message = client.next().await.context("the server closed")??;
        if message == Message::text("2") {
            client.send(Message::text("3")).await?;
        } else {
            return Ok(message);
        }
    }
}

impl Server {
    fn start(window: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("chat.yaml");
        std::fs::write(&file, MANIFEST)?;
        let program = std::env::current_exe()?.with_file_name("../realtime-server");
        let mut child = Command::new(&program)
            .arg("--policy-file")
            .arg(&file)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--recovery-window", window])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} is missing; build it first", program.display()))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let line: Value = serde_json::from_str(&line)?;
        let address = line["listening"].as_str().context("no address")?.to_owned();
        Ok(Self { child, address, _folder: folder })
    }

    async fn client(&self) -> anyhow::Result<Client> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", self.address);
        let (mut client, _) = tokio_tungstenite::client_async(url, stream).await?;
        client.send(Message::text("40")).await?;
        while !matches!(&next(&mut client).await?, Message::Text(text) if text.starts_with("40")) {}
        Ok(client)
    }

    fn resident_kib(&self) -> anyhow::Result<f64> {
        // What was freed just now is not yet returned otherwise.
        std::thread::sleep(Duration::from_millis(500));
        Ok(usage::memory(self.child.id())? as f64 / 1024.0)
    }

    fn cpu_micros(&self) -> anyhow::Result<f64> {
        Ok(usage::cpu(self.child.id())?.as_secs_f64() * 1e6)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
