//! The addresses of names, looked up again and again: in a cluster the name is that of a Service without an address of its own, and
//! the answer is its pods. It takes no right in the cluster.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net, sync::Notify, time};

use super::table::Addresses;

/// A look that nobody asked for.
const INTERVAL: Duration = Duration::from_secs(1);
/// However many ask.
const SHORTEST: Duration = Duration::from_millis(100);
/// Answers may be lost.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn follow(names: Vec<String>, port: u16, asked: Arc<Notify>, mut addresses: Addresses) {
    while addresses.are_of_use() {
        if let Some(found) = look(&names, port).await {
            addresses.are(found);
        }
        time::sleep(SHORTEST).await;
        time::timeout(INTERVAL, asked.notified()).await.ok();
    }
}

/// All addresses; none when a name cannot be looked up, so that those that are known stay.
async fn look(names: &[String], port: u16) -> Option<BTreeSet<SocketAddr>> {
    let mut found = BTreeSet::new();
    for name in names {
        let is_whole = name.parse::<SocketAddr>().is_ok()
            || name.rsplit_once(':').is_some_and(|(host, port)| !host.contains(':') && port.parse::<u16>().is_ok());
        let name = if is_whole { name.clone() } else { format!("{name}:{port}") };
        match time::timeout(PATIENCE, net::lookup_host(&name)).await {
            Ok(Ok(answers)) => found.extend(answers),
            Ok(Err(error)) => {
                tracing::debug!(%error, name, "failed to look a replica up");
                return None;
            }
            Err(_) => return None,
        }
    }
    Some(found)
}
