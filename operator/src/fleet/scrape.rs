//! I/O: asks the servers. Quickly while a policy is on its way, now and then at rest.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use reqwest::{Client, redirect::Policy};
use tokio::sync::watch;

use super::{Fleet, MISSES, Report, ServiceKey};
use crate::{
    metrics::{Metrics, Scraped},
    plan::ADMIN_PORT,
};

/// How often a server is asked whose policy is not the one that is wanted.
const SOON: Duration = Duration::from_secs(1);
/// How often a server is asked at rest.
const AT_REST: Duration = Duration::from_secs(15);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const AT_ONCE: usize = 256;
/// Longest answer that is read; a server's own is a quarter of it.
const LONGEST_ANSWER: usize = 64 * 1024;

struct Question {
    service: ServiceKey,
    pod: String,
    uid: String,
    address: SocketAddr,
}

/// Asks every server in turn until dropped. `changed` is told of each service with something new to say.
pub(crate) async fn scrape(
    fleet: Arc<Fleet>,
    listed: Vec<watch::Receiver<bool>>,
    first_round: watch::Sender<bool>,
    metrics: Arc<Metrics>,
    changed: impl Fn(&ServiceKey),
) {
    for mut pods in listed {
        // A closed channel means that the watch has ended; the other scopes are asked all the same.
        let _ = pods.wait_for(|listed| *listed).await;
    }
    let client = Client::builder()
        .timeout(ANSWER_TIMEOUT)
        .no_proxy()
        // A pod says nothing of where else there is something to ask.
        .redirect(Policy::none())
        .build()
        .expect("a client without TLS needs nothing of the system");
    let mut asked: HashMap<(ServiceKey, String), Instant> = HashMap::new();
    let mut pace = tokio::time::interval(SOON);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let due = due(&fleet, &mut asked);
        let mut answers = stream::iter(due)
            .map(|question| async {
                let answer = ask(&client, &question).await;
                (question, answer)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((question, answer)) = answers.next().await {
            metrics.scraped(answer.as_ref().err().copied().unwrap_or(Scraped::Success));
            if fleet.report(&question, answer.ok()) {
                changed(&question.service);
            }
        }
        first_round.send_replace(true);
    }
}

fn due(fleet: &Fleet, asked: &mut HashMap<(ServiceKey, String), Instant>) -> Vec<Question> {
    let now = Instant::now();
    let fleet = fleet.lock();
    let mut due = Vec::new();
    for (service, team) in fleet.iter() {
        for (name, pod) in &team.pods {
            let current = pod.report.as_ref().is_some_and(|report| report.generation >= team.wanted);
            // Whoever never answers, as a server of the user's own may not, is asked less and less often.
            let soon = (SOON * 2u32.pow(pod.misses.min(4))).min(AT_REST);
            let every = if current { AT_REST } else { soon };
            let key = (service.clone(), name.clone());
            if asked.get(&key).is_none_or(|last| now.duration_since(*last) + SOON / 2 > every) {
                asked.insert(key, now);
                let address = SocketAddr::new(pod.address, ADMIN_PORT);
                due.push(Question { service: service.clone(), pod: name.clone(), uid: pod.uid.clone(), address });
            }
        }
    }
    asked.retain(|(service, pod), _| fleet.get(service).is_some_and(|team| team.pods.contains_key(pod)));
    due
}

async fn ask(client: &Client, question: &Question) -> Result<Report, Scraped> {
    let response =
        client.get(format!("http://{}/status", question.address)).send().await.map_err(|error| miss(&error))?;
    let response = response.error_for_status().map_err(|error| miss(&error))?;
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(|error| miss(&error))?);
        if body.len() > LONGEST_ANSWER {
            return Err(Scraped::Invalid);
        }
    }
    Report::read(&body).map_err(|error| {
        tracing::warn!(pod = question.pod, %error, "a server's status cannot be read");
        Scraped::Invalid
    })
}

fn miss(error: &reqwest::Error) -> Scraped {
    if error.is_timeout() {
        Scraped::Timeout
    } else if error.is_status() {
        Scraped::HttpError
    } else {
        Scraped::Unreachable
    }
}

impl Fleet {
    /// Takes in an answer; true when it says something new.
    fn report(&self, question: &Question, report: Option<Report>) -> bool {
        let mut fleet = self.lock();
        let pod = fleet.get_mut(&question.service).and_then(|team| team.pods.get_mut(&question.pod));
        let Some(pod) = pod.filter(|pod| pod.uid == question.uid) else { return false };
        let Some(report) = report else {
            pod.misses = pod.misses.saturating_add(1);
            return pod.misses == MISSES;
        };
        let new = pod.report.as_ref() != Some(&report) || pod.misses >= MISSES;
        pod.misses = 0;
        pod.report = Some(report);
        new
    }
}
