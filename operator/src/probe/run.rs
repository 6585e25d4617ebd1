//! I/O: asks what is due, a few at a time. Only the operator that leads runs it.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use tokio::{
    sync::Semaphore,
    task::{AbortHandle, Id, JoinSet},
    time::sleep_until,
};

use super::{Answer, Probes, Ticket, climb, course::Stage};
use crate::{fleet::ServiceKey, metrics::Metrics};

/// Climbs at the same time.
const CLIMBS: usize = 4;
/// WebSockets that are held open at the same time: they cost little and take long.
const HOLDS: usize = 64;

/// Asks until dropped; `changed` is told of each service with another answer.
pub(crate) async fn run(
    probes: Arc<Probes>,
    authorities: Option<PathBuf>,
    metrics: Arc<Metrics>,
    changed: impl Fn(&ServiceKey),
) {
    let authorities: Option<Arc<Path>> = authorities.map(Arc::from);
    let permits = Permits { climbs: Arc::new(Semaphore::new(CLIMBS)), holds: Arc::new(Semaphore::new(HOLDS)) };
    let mut climbs: JoinSet<Option<Answer>> = JoinSet::new();
    let mut tickets: HashMap<Id, (Ticket, AbortHandle)> = HashMap::new();
    loop {
        // Whatever nobody waits for any more ends, however long it would go on.
        tickets.values().filter(|(ticket, _)| !probes.is_wanted(ticket)).for_each(|(_, climb)| climb.abort());
        let (due, next) = probes.take_due(Instant::now());
        for ticket in due {
            let climb = climbs.spawn(permits.clone().climb(ticket.clone(), authorities.clone()));
            tickets.insert(climb.id(), (ticket, climb));
        }
        metrics.probes_under_way(tickets.len());
        let timer = async {
            match next {
                Some(next) => sleep_until(next.into()).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            Some(ended) = climbs.join_next_with_id() => ended,
            () = timer => continue,
            () = probes.sooner.notified() => continue,
        };
        let (id, answer) = match ended {
            Ok((id, answer)) => (id, answer),
            // It panicked, or was ended above: it says nothing.
            Err(error) => (error.id(), None),
        };
        let Some((ticket, _)) = tickets.remove(&id) else { continue };
        if let Some(answer) = &answer {
            metrics.probed(answer.verdict(), answer.rung);
        }
        if let Some(service) = probes.take_in(&ticket, answer, Instant::now()) {
            changed(&service);
        }
    }
}

#[derive(Clone)]
struct Permits {
    climbs: Arc<Semaphore>,
    holds: Arc<Semaphore>,
}

impl Permits {
    async fn climb(self, ticket: Ticket, authorities: Option<Arc<Path>>) -> Option<Answer> {
        let permits = match ticket.stage {
            Stage::Climb => self.climbs,
            Stage::Hold => self.holds,
        };
        let _permit = permits.acquire().await.ok()?;
        climb::answer(&ticket, authorities.as_deref()).await
    }
}
