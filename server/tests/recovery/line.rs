//! The line between a client and the server: it can be cut, or go dead without the server's notice.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

/// How the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Whole,
    /// Connections end, and new ones are refused.
    Cut,
}

/// A line that listens on an address of its own.
pub struct Line {
    pub address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    condition: watch::Sender<Condition>,
    /// Ends of the server's that nobody reads or closes.
    dead: Arc<Mutex<Vec<TcpStream>>>,
    freeze: watch::Sender<u64>,
    accepting: AbortHandle,
}

impl Line {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(Mutex::new(target));
        let dead: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (condition, _) = watch::channel(Condition::Whole);
        let (freeze, _) = watch::channel(0);
        let accepting = tokio::spawn({
            let (target, dead, condition, freeze) = (target.clone(), dead.clone(), condition.clone(), freeze.clone());
            async move {
                loop {
                    let (near, _) = listener.accept().await.unwrap();
                    let target = *target.lock().unwrap();
                    let passing = pass(near, target, condition.subscribe(), freeze.subscribe(), dead.clone());
                    tokio::spawn(passing);
                }
            }
        });
        Self { address, target, condition, dead, freeze, accepting: accepting.abort_handle() }
    }

    /// Ends all connections at both ends, and takes no new ones until it is mended.
    pub fn cut(&self) {
        self.condition.send_replace(Condition::Cut);
    }

    pub fn mend(&self) {
        self.condition.send_replace(Condition::Whole);
    }

    /// The client's ends close, the server's stay open.
    pub fn die(&self) {
        self.freeze.send_modify(|number| *number += 1);
    }

    /// Leads new connections elsewhere.
    pub fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = target;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
        self.dead.lock().unwrap().clear();
        self.condition.send_replace(Condition::Cut);
    }
}

async fn pass(
    mut near: TcpStream,
    target: SocketAddr,
    mut condition: watch::Receiver<Condition>,
    mut freeze: watch::Receiver<u64>,
    dead: Arc<Mutex<Vec<TcpStream>>>,
) {
    if *condition.borrow_and_update() == Condition::Cut {
        return;
    }
    freeze.borrow_and_update();
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = condition.changed() => {}
        changed = freeze.changed() => {
            if changed.is_ok() {
                dead.lock().unwrap().push(far);
            }
        }
    }
}
