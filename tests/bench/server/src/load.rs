//! What the servers are asked to do.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, future, stream};
use realtime_tests::usage::{cpu, memory};
use tokio::{sync::watch, task::JoinSet, time};

use crate::{client::Client, peer::Running};

/// Handshakes at the same time.
const AT_ONCE: usize = 50;
/// Longest wait for memory to settle.
const SETTLE: Duration = Duration::from_secs(15);

/// How much of each.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Idle connections.
    pub idle: usize,
    /// Members of the room.
    pub members: usize,
    /// Broadcasts a second, where they come at a steady pace.
    pub pace: u32,
    /// Seconds of each phase of broadcasts.
    pub seconds: u64,
    /// Acknowledgements.
    pub acks: usize,
    /// Clients that ask for them, one after the other.
    pub askers: usize,
}

/// What one server did.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Handshakes with CONNECT, a second.
    pub connects: f64,
    /// Processor time of one, in ms.
    pub connect_cpu: f64,
    /// Memory of an idle connection, in bytes, with each number of them.
    pub memory: Vec<f64>,
    /// Acknowledgements a second.
    pub acks: f64,
    /// Processor time of 1,000 of them, in s.
    pub ack_cpu: f64,
    /// From publishing to a member at a steady pace, in ms: median, 99th of 100.
    pub latency: (f64, f64),
    /// Processor time of 1,000 deliveries at that pace, in ms.
    pub delivery_cpu: f64,
    /// Deliveries a second, when the next broadcast goes out as soon as all have the one before.
    pub deliveries: f64,
}

/// Everything, one after the other.
///
/// # Errors
/// When a connection is refused or lost.
pub async fn run(server: &Running, amount: &Amount) -> Result<Figures> {
    warm_up(server).await?;
    let Idle { connects, connect_cpu, memory } = idle(server, amount.idle).await?;
    let (acks, ack_cpu) = acks(server, amount).await?;
    let room = Room::fill(server.address, amount.members).await?;
    let (latency, delivery_cpu, room) = steady(server, room, amount).await?;
    let deliveries = flood(room, amount).await?;
    Ok(Figures { connects, connect_cpu, memory: vec![memory], acks, ack_cpu, latency, delivery_cpu, deliveries })
}

/// The first connections cost what no later one does.
///
/// # Errors
/// When a connection is refused or lost.
pub async fn warm_up(server: &Running) -> Result<()> {
    close(connect(server.address, AT_ONCE).await?).await;
    Ok(())
}

async fn connect(server: SocketAddr, count: usize) -> Result<Vec<Client>> {
    stream::iter(0..count).map(|_| Client::connect(server)).buffer_unordered(AT_ONCE).try_collect().await
}

async fn close(clients: Vec<Client>) {
    future::join_all(clients.into_iter().map(Client::close)).await;
}

/// What connections that do nothing cost.
pub struct Idle {
    connects: f64,
    connect_cpu: f64,
    /// Of each, in bytes.
    pub memory: f64,
}

/// So many of them on a server that has none.
///
/// # Errors
/// When a connection is refused or lost.
pub async fn idle(server: &Running, count: usize) -> Result<Idle> {
    let empty = settled(server).await?;
    let (before, began) = (cpu(server.process())?, Instant::now());
    let clients = connect(server.address, count).await?;
    let connects = count as f64 / began.elapsed().as_secs_f64();
    let connect_cpu = (cpu(server.process())? - before).as_secs_f64() * 1000.0 / count as f64;
    let memory = (settled(server).await? - empty) / count as f64;
    close(clients).await;
    Ok(Idle { connects, connect_cpu, memory })
}

/// Memory, when it has not moved by a hundredth for two seconds.
async fn settled(server: &Running) -> Result<f64> {
    let began = Instant::now();
    let mut look = time::interval(Duration::from_millis(500));
    let mut seen: Vec<f64> = Vec::new();
    loop {
        look.tick().await;
        seen.push(memory(server.process())? as f64);
        if let [.., a, b, c, d, now] = seen.as_slice()
            && [a, b, c, d].iter().all(|then| (*then - now).abs() < now / 100.0)
        {
            return Ok(*now);
        }
        if began.elapsed() > SETTLE {
            return Ok(memory(server.process())? as f64);
        }
    }
}

async fn acks(server: &Running, amount: &Amount) -> Result<(f64, f64)> {
    let clients = connect(server.address, amount.askers).await?;
    let each = amount.acks / amount.askers;
    let (before, began) = (cpu(server.process())?, Instant::now());
    let asking = clients.into_iter().map(async |mut client| {
        for number in 0..each {
            client.send(format!(r#"42{number}["echo","hello"]"#)).await?;
            let answer = client.until("43").await?;
            ensure!(answer.to_text()? == format!(r#"43{number}["hello"]"#), "{answer}");
        }
        Ok(client)
    });
    let clients: Vec<Client> = future::try_join_all(asking).await?;
    let done = (each * amount.askers) as f64;
    let figures =
        (done / began.elapsed().as_secs_f64(), (cpu(server.process())? - before).as_secs_f64() * 1000.0 / done);
    close(clients).await;
    Ok(figures)
}

/// Members that listen, and one who publishes.
struct Room {
    publisher: Client,
    shared: Arc<Shared>,
    /// How many deliveries there were.
    heard: watch::Receiver<usize>,
    members: JoinSet<Result<()>>,
    next: usize,
}

struct Shared {
    sent: Mutex<Vec<Instant>>,
    times: Mutex<Vec<f64>>,
    heard: watch::Sender<usize>,
}

impl Room {
    async fn fill(server: SocketAddr, count: usize) -> Result<Self> {
        let clients = connect(server, count).await?;
        let (sender, heard) = watch::channel(0);
        let shared = Arc::new(Shared { sent: Mutex::default(), times: Mutex::default(), heard: sender });
        let joining = clients.into_iter().map(async |mut client| {
            client.send(r#"421["join",{"room":"all"}]"#.to_owned()).await?;
            client.until("431").await?;
            Ok::<_, anyhow::Error>(client)
        });
        let mut members = JoinSet::new();
        for client in future::try_join_all(joining).await? {
            members.spawn_local(listen(client, Arc::clone(&shared)));
        }
        Ok(Self { publisher: Client::connect(server).await?, shared, heard, members, next: 0 })
    }

    async fn publish(&mut self) -> Result<()> {
        let number = self.next;
        self.next += 1;
        lock(&self.shared.sent).push(Instant::now());
        self.publisher.send(format!(r##"42["publish",{{"room":"all","data":"#{number:08}"}}]"##)).await
    }

    /// Waits until so many deliveries were made; fails when a member is gone.
    async fn heard(&mut self, count: usize) -> Result<()> {
        tokio::select! {
            reached = self.heard.wait_for(|heard| *heard >= count) => drop(reached?),
            Some(ended) = self.members.join_next() => ended??,
            // Pings have to be answered, and what the server says to a publisher has to be read.
            lost = async { loop { if let Err(error) = self.publisher.next().await { break error } } } => return Err(lost),
        }
        Ok(())
    }
}

async fn listen(mut client: Client, shared: Arc<Shared>) -> Result<()> {
    loop {
        let message = client.next().await?;
        let text = message.to_text()?;
        let Some((_, rest)) = text.split_once('#') else { continue };
        let number: usize = rest.get(..8).context("a number of 8 digits")?.parse()?;
        let sent = lock(&shared.sent)[number];
        lock(&shared.times).push(sent.elapsed().as_secs_f64() * 1000.0);
        shared.heard.send_modify(|heard| *heard += 1);
    }
}

async fn steady(server: &Running, mut room: Room, amount: &Amount) -> Result<((f64, f64), f64, Room)> {
    let count = u64::from(amount.pace) * amount.seconds;
    let mut pace = time::interval(Duration::from_secs(1) / amount.pace);
    let before = cpu(server.process())?;
    for sent in 0..count {
        // What is due is published, and until then the publisher reads.
        tokio::select! {
            _ = pace.tick() => {}
            result = room.heard(usize::MAX) => result?,
        }
        debug_assert_eq!(room.next as u64, sent);
        room.publish().await?;
    }
    let expected = room.next * amount.members;
    room.heard(expected).await?;
    let took = (cpu(server.process())? - before).as_secs_f64() * 1e6 / expected as f64;
    let mut times = std::mem::take(&mut *lock(&room.shared.times));
    ensure!(times.len() == expected, "{} deliveries instead of {expected}", times.len());
    times.sort_by(f64::total_cmp);
    let share = |of: f64| times[((times.len() - 1) as f64 * of) as usize];
    Ok(((share(0.5), share(0.99)), took, room))
}

async fn flood(mut room: Room, amount: &Amount) -> Result<f64> {
    let (before, began) = (room.next, Instant::now());
    while began.elapsed() < Duration::from_secs(amount.seconds) {
        room.publish().await?;
        let expected = room.next * amount.members;
        room.heard(expected).await?;
    }
    Ok(((room.next - before) * amount.members) as f64 / began.elapsed().as_secs_f64())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A list of numbers is whole at any moment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
