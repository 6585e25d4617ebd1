//! The resource → a `watch::Receiver` with the policy in force. Whatever goes wrong with a source, the last policy stays.

pub mod file;
pub mod watch;

use std::{sync::Arc, time::SystemTime};

use origin_policy::OriginPolicy;
use realtime_crds::ValidService;
use tokio::sync::{mpsc, watch as channel};

use crate::{
    auth::expectations::Expectations,
    gate::cors::Cors,
    options::{Options, Settings},
    report::{Report, SourceState},
};

/// Who may connect, and where that was read.
#[derive(Debug)]
pub struct Policy {
    /// What tells this service from any other: namespace, name and uid.
    pub identity: String,
    /// `metadata.generation` of the resource; 0 in a file that names none.
    pub generation: i64,
    /// Where it was read.
    pub source: Source,
    /// The decision.
    pub origins: OriginPolicy,
    /// The response headers that follow from it.
    pub cors: Cors,
    /// What tokens have to say; none where nobody needs one.
    pub auth: Option<Arc<Expectations>>,
    /// What the resource asks for that takes effect at start only.
    pub settings: Settings,
    /// `spec.timeouts.drain`.
    pub drain: std::time::Duration,
    /// `spec.timeouts.maxConnectionAge`.
    pub max_connection_age: std::time::Duration,
}

/// Where a policy was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A file.
    File,
    /// The Kubernetes API.
    Watch,
}

impl Source {
    /// The word in `/status` and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Watch => "watch",
        }
    }
}

/// What a source has to say.
#[derive(Debug)]
pub enum Update {
    /// A valid policy.
    Loaded(Box<Policy>),
    /// What is there now cannot be used.
    Refused(Source, Vec<String>),
    /// The API went away, or answers again.
    Connected(bool),
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing says what to serve.
    #[error(
        "what is to be served? Give --policy-file FILE (a RealtimeService manifest), or --namespace and --name of one in the cluster"
    )]
    NoSource,
    /// A name alone names nothing in a cluster.
    #[error("--name needs --namespace, or a --policy-file to look it up in")]
    NoNamespace,
    /// The file is no good.
    #[error("{file} is not valid:\n{}", .problems.iter().map(|problem| format!("  - {problem}")).collect::<Vec<_>>().join("\n"))]
    Invalid {
        /// The file.
        file: String,
        /// All that is wrong with it.
        problems: Vec<String>,
    },
    /// There is no way to a cluster.
    #[error("failed to find a cluster for {namespace}/{name}")]
    NoCluster {
        /// `metadata.namespace`.
        namespace: String,
        /// `metadata.name`.
        name: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

impl Policy {
    /// The policy of a resource.
    #[must_use]
    pub fn new(service: &ValidService, source: Source) -> Self {
        let origins = service.origins().clone();
        for warning in origins.warnings() {
            tracing::warn!("{}", realtime_crds::Problem::of_origins(warning));
        }
        Self {
            identity: format!("{}/{}/{}", service.namespace(), service.name(), service.uid()),
            generation: service.generation(),
            source,
            cors: Cors::new(&origins),
            origins,
            auth: service.spec().auth.as_ref().map(|auth| Arc::new(Expectations::of_spec(auth))),
            settings: Settings::of_spec(service.spec()),
            drain: service.spec().timeouts.drain.get(),
            max_connection_age: service.spec().timeouts.max_connection_age.get(),
        }
    }
}

/// Opens the sources and waits for the first policy.
///
/// # Errors
/// When there is no source, or the file is no good, or there is no way to a cluster and no file.
pub async fn open(options: &Options, report: &Arc<Report>) -> Result<channel::Receiver<Arc<Policy>>, StartError> {
    let (sender, mut updates) = mpsc::channel(8);
    let mut first = None;
    if let Some(path) = &options.policy_file {
        let file = file::PolicyFile::new(path, options);
        let stamp = file.stamp();
        let policy =
            file.read().map_err(|problems| StartError::Invalid { file: path.display().to_string(), problems })?;
        first = Some(policy);
        tokio::spawn(file.follow(stamp, sender.clone()));
    }
    match (&options.namespace, &options.name) {
        (Some(namespace), Some(name)) => {
            report.watch(SourceState::Disconnected);
            let object = watch::Object { namespace: namespace.clone(), name: name.clone() };
            match watch::client().await {
                Ok(client) => drop(tokio::spawn(object.follow(client, sender))),
                Err(error) if first.is_some() => {
                    tracing::warn!(%error, "no cluster to watch {namespace}/{name} in; the file alone is served");
                    report.refused(Source::Watch, vec![format!("no cluster: {error}")]);
                }
                Err(error) => {
                    let (namespace, name) = (namespace.clone(), name.clone());
                    return Err(StartError::NoCluster { namespace, name, source: Box::new(error) });
                }
            }
        }
        (_, Some(_)) if first.is_none() => return Err(StartError::NoNamespace),
        _ if first.is_none() => return Err(StartError::NoSource),
        _ => {}
    }
    let first = match first {
        Some(policy) => policy,
        None => await_first(&mut updates, report).await,
    };
    let first = Arc::new(first);
    report.policy(&first);
    let (current, receiver) = channel::channel(first);
    tokio::spawn(keep(updates, current, Arc::clone(report)));
    Ok(receiver)
}

async fn await_first(updates: &mut mpsc::Receiver<Update>, report: &Report) -> Policy {
    tracing::info!("waiting for the RealtimeService");
    loop {
        match updates.recv().await.expect("the watch never ends") {
            Update::Loaded(policy) => return *policy,
            Update::Refused(source, problems) => report.refused(source, problems),
            Update::Connected(connected) => report.watch(SourceState::of(connected)),
        }
    }
}

/// Merges the sources: once the watch has delivered, the file has no say any more.
async fn keep(mut updates: mpsc::Receiver<Update>, current: channel::Sender<Arc<Policy>>, report: Arc<Report>) {
    let started_with = current.borrow().settings.clone();
    while let Some(update) = updates.recv().await {
        match update {
            Update::Loaded(policy) => {
                let was = Arc::clone(&current.borrow());
                if was.source == Source::Watch && policy.source == Source::File {
                    continue;
                }
                let policy = Arc::from(policy);
                announce(&was, &policy, &started_with);
                report.needs_restart(policy.settings != started_with);
                report.policy(&policy);
                current.send_replace(policy);
            }
            Update::Refused(Source::File, _) if current.borrow().source == Source::Watch => {}
            Update::Refused(source, problems) => {
                tracing::error!(
                    source = source.as_str(),
                    ?problems,
                    "the resource is not valid; the last policy stays in force"
                );
                report.refused(source, problems);
            }
            Update::Connected(connected) => report.watch(SourceState::of(connected)),
        }
    }
}

fn announce(was: &Policy, policy: &Policy, started_with: &Settings) {
    if was.source == policy.source && was.generation == policy.generation && policy.generation != 0 {
        return;
    }
    tracing::info!(
        source = policy.source.as_str(),
        generation = policy.generation,
        origins = policy.origins.patterns().len(),
        mode = policy.origins.mode().as_str(),
        "policy in force"
    );
    if policy.settings != *started_with && policy.settings != was.settings {
        tracing::warn!(
            "path, transports, pingInterval and pingTimeout take effect at a restart; what this process started with stays"
        );
    }
}

/// Seconds since the epoch, for metrics and `/status`.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
