//! Which replica is where.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::Arc,
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

use super::names::{Names, Tag};

/// Which replica is where.
#[derive(Debug)]
pub(super) struct Table(HashMap<Tag, SocketAddr>);

impl Table {
    pub(super) fn get(&self, tag: Tag) -> Option<SocketAddr> {
        self.0.get(&tag).copied()
    }
}

/// Takes in what a source has to say.
#[derive(Debug)]
pub(super) struct Addresses {
    names: Names,
    table: watch::Sender<Option<Arc<Table>>>,
    last: Option<BTreeSet<SocketAddr>>,
    count: Gauge,
}

impl Addresses {
    pub(super) fn new(names: Names, table: watch::Sender<Option<Arc<Table>>>, count: Gauge) -> Self {
        Self { names, table, last: None, count }
    }

    /// All there are, after a look; whoever waits for one goes on also when there is nothing new.
    pub(super) fn are(&mut self, addresses: BTreeSet<SocketAddr>) {
        if self.last.as_ref() == Some(&addresses) {
            self.table.send_modify(|_| {});
            return;
        }
        tracing::debug!(?addresses, "replicas");
        let named = |address: &SocketAddr| {
            let address = *address;
            self.names.tags(address).map(move |tag| (tag, address)).collect::<Vec<_>>()
        };
        let table = addresses.iter().flat_map(named).collect();
        self.count.set(i64::try_from(addresses.len()).unwrap_or(i64::MAX));
        self.last = Some(addresses);
        self.table.send_replace(Some(Arc::new(Table(table))));
    }

    /// Whether anybody still asks.
    pub(super) fn are_of_use(&self) -> bool {
        !self.table.is_closed()
    }
}
