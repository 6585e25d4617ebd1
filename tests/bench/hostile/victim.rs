//! Those who may connect: WebSockets that send an echo every 20 ms and note how long the answer took.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{SinkExt, StreamExt};
use tokio_tungstenite::{connect_async, tungstenite::Message, tungstenite::client::IntoClientRequest};

const PACE: Duration = Duration::from_millis(20);

#[derive(Default)]
pub(crate) struct RoundTrips(Vec<f64>);

pub(crate) struct Victims {
    trips: Arc<Mutex<Vec<f64>>>,
    lost: Arc<AtomicUsize>,
}

impl Victims {
    pub(crate) async fn connect(server: SocketAddr, count: usize) -> Self {
        let victims = Self { trips: Arc::default(), lost: Arc::default() };
        for _ in 0..count {
            let url = format!("ws://{server}/socket.io/?EIO=4&transport=websocket");
            let mut request = url.into_client_request().expect("a request");
            request.headers_mut().insert("Origin", "https://app.domain-b.com".parse().expect("a value"));
            let (socket, _) = connect_async(request).await.expect("an allowed client connects");
            let (trips, lost) = (Arc::clone(&victims.trips), Arc::clone(&victims.lost));
            tokio::spawn(async move {
                talk(socket, &trips).await;
                lost.fetch_add(1, Ordering::Relaxed);
            });
        }
        victims
    }

    pub(crate) fn take(&mut self) -> RoundTrips {
        let mut trips = std::mem::take(&mut *self.trips.lock().expect("nothing panics under this lock"));
        trips.sort_by(f64::total_cmp);
        RoundTrips(trips)
    }

    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Returns when the connection is gone.
async fn talk(
    mut socket: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
    trips: &Mutex<Vec<f64>>,
) -> Option<()> {
    socket.send(Message::text("40")).await.ok()?;
    let mut pace = tokio::time::interval(PACE);
    loop {
        pace.tick().await;
        let asked = Instant::now();
        socket.send(Message::text(r#"420["echo","x"]"#)).await.ok()?;
        loop {
            let message = socket.next().await?.ok()?;
            match message.to_text().unwrap_or_default() {
                "2" => socket.send(Message::text("3")).await.ok()?,
                text if text.starts_with("430") => break,
                _ => {}
            }
        }
        trips.lock().expect("nothing panics under this lock").push(asked.elapsed().as_secs_f64() * 1000.0);
    }
}

impl RoundTrips {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn p50_ms(&self) -> f64 {
        self.at(0.5)
    }

    pub(crate) fn p99_ms(&self) -> f64 {
        self.at(0.99)
    }

    pub(crate) fn max_ms(&self) -> f64 {
        self.at(1.0)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    fn at(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share) as usize).copied().unwrap_or(f64::NAN)
    }
}
