//! WebSockets whose session is on another replica: bytes from one to the other. When this replica goes, the other one is asked to move them,
//! so that their clients lose as little as any other.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::stream::{self, StreamExt};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use prometheus_client::metrics::gauge::Gauge;
use rand::seq::SliceRandom;
use tokio::{
    io::{self, AsyncWriteExt, BufReader},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;

use super::forward::Forwarder;
use crate::{http_io::HttpIo, metrics::Metrics};

/// Both ends have switched long before.
const SWITCH: Duration = Duration::from_secs(10);
/// When one side has ended, the other has so long.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Of each direction.
const BUFFER: usize = 4096;
/// Replicas that are asked at a time.
const AT_ONCE: usize = 64;
const LOOK: Duration = Duration::from_millis(50);

/// What a tunnel leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) to: SocketAddr,
    pub(super) sid: String,
}

/// Every tunnel, and every poll that waits at another replica.
#[derive(Debug)]
pub(super) struct Tunnels {
    open: Mutex<Open>,
    waiting: AtomicUsize,
    count: Gauge,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    tunnels: HashMap<u64, (Ends, CancellationToken)>,
}

struct Entry(Arc<Tunnels>, u64);

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.lock().tunnels.remove(&self.1);
        self.0.count.dec();
    }
}

/// A poll that waits at another replica.
pub(super) struct Waiting<'t>(&'t AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Tunnels {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self { open: Mutex::default(), waiting: AtomicUsize::new(0), count: metrics.tunnels.clone() }
    }

    pub(super) fn waits(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(&self.waiting)
    }

    /// Carries bytes until one side ends.
    pub(super) fn open(tunnels: &Arc<Self>, ends: Ends, client: OnUpgrade, peer: OnUpgrade) {
        let cut = CancellationToken::new();
        let mut open = tunnels.lock();
        let number = open.next;
        open.next += 1;
        open.tunnels.insert(number, (ends, cut.clone()));
        drop(open);
        tunnels.count.inc();
        let entry = Entry(Arc::clone(tunnels), number);
        tokio::spawn(async move {
            let _entry = entry;
            let both = async { tokio::try_join!(client, peer) };
            let Ok(Ok((client, peer))) = time::timeout(SWITCH, both).await else {
                return tracing::debug!("the client went away during its upgrade");
            };
            let (Ok(client), Ok(peer)) = (client.downcast::<TokioIo<HttpIo>>(), peer.downcast::<TokioIo<TcpStream>>())
            else {
                return tracing::error!("an upgraded connection is not what was accepted");
            };
            let (early, late) = (client.read_buf, peer.read_buf);
            let (mut client, mut peer) = (client.io.into_inner().into_stream(), peer.io.into_inner());
            let carried = async {
                peer.write_all(&early).await?;
                client.write_all(&late).await?;
                carry(&mut client, &mut peer).await
            };
            if let Some(Err(error)) = cut.run_until_cancelled(carried).await {
                tracing::debug!(%error, "a tunnel ended");
            }
        });
    }

    /// Asks for each to be moved, in an order that has nothing to do with age.
    pub(super) async fn leave(&self, forwarder: &Forwarder, window: Duration) {
        let mut all = self.all();
        all.shuffle(&mut rand::rng());
        let start = Instant::now();
        let slot = |index: usize| start + window.mul_f64(index as f64 / all.len() as f64);
        let turns = all.iter().enumerate().map(|(index, tunnel)| (slot(index), tunnel));
        let asking = stream::iter(turns).for_each_concurrent(AT_ONCE, async |(at, tunnel)| {
            time::sleep_until(at).await;
            self.ask(forwarder, tunnel).await;
        });
        asking.await;
    }

    /// Asks for those that are left, waits so long, and cuts the rest.
    pub(super) async fn finish(&self, forwarder: &Forwarder, limit: Duration) {
        let deadline = Instant::now() + limit;
        stream::iter(self.all()).for_each_concurrent(AT_ONCE, async |tunnel| self.ask(forwarder, &tunnel).await).await;
        while Instant::now() < deadline && (self.waiting.load(Ordering::SeqCst) > 0 || !self.lock().tunnels.is_empty())
        {
            time::sleep(LOOK).await;
        }
        for (_, _, cut) in self.all() {
            cut.cancel();
        }
    }

    async fn ask(&self, forwarder: &Forwarder, (number, ends, cut): &(u64, Ends, CancellationToken)) {
        if self.lock().tunnels.contains_key(number) && !forwarder.ask_to_move(ends).await {
            cut.cancel();
        }
    }

    fn all(&self) -> Vec<(u64, Ends, CancellationToken)> {
        let open = self.lock();
        open.tunnels.iter().map(|(number, (ends, cut))| (*number, ends.clone(), cut.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().expect("nothing panics under this lock")
    }
}

async fn carry(client: &mut TcpStream, peer: &mut TcpStream) -> io::Result<()> {
    let (client_reads, client_writes) = client.split();
    let (peer_reads, peer_writes) = peer.split();
    let (up, down) = (one_way(client_reads, peer_writes), one_way(peer_reads, client_writes));
    tokio::pin!(up, down);
    tokio::select! {
        ended = &mut up => { ended?; time::timeout(LAST_WORDS, down).await.unwrap_or(Ok(())) }
        ended = &mut down => { ended?; time::timeout(LAST_WORDS, up).await.unwrap_or(Ok(())) }
    }
}

async fn one_way(from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
    let mut from = BufReader::with_capacity(BUFFER, from);
    io::copy_buf(&mut from, &mut to).await?;
    to.shutdown().await
}
