//! Watches, owns, shutdown: when a reconcile runs, and with what.

mod attempts;
mod held;
mod wanted;
mod written;

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use futures::{
    FutureExt, StreamExt, TryStreamExt,
    channel::mpsc::{UnboundedReceiver, unbounded},
    future::{BoxFuture, Shared},
};
use kube::{
    Client, ResourceExt,
    runtime::{
        Controller, PredicateConfig, WatchStreamExt,
        controller::{self, Action},
        predicates,
        reflector::{self, ObjectRef},
    },
};
use tokio::{sync::watch, task::JoinSet};
use tokio_stream::wrappers::WatchStream;

use crate::{
    apply::Insistence,
    autoscale::Histories,
    children::Children,
    claims::Claims,
    events::DenialLimit,
    fleet::{self, Fleet},
    kept::Kept,
    metrics::Metrics,
    plan::{Kind, Settings},
    probe::{self, Probes},
    reconcile::{Error, reconcile},
    watches::{Patience, Scope, Touched, follow_definition, touch},
};
use attempts::Attempts;
use held::Held;
use wanted::{Listeners, Wanted};
use written::Written;

/// What every reconcile shares.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) identity: String,
    pub(crate) children: Arc<Children>,
    /// Whether the foreign kinds are installed; `None` while that is not known yet.
    pub(crate) definitions: HashMap<Kind, watch::Receiver<Option<bool>>>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) insistence: Insistence,
    pub(crate) written: Written,
    pub(crate) held: Held,
    pub(crate) denials: DenialLimit,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) claims: Claims,
    pub(crate) probes: Arc<Probes>,
    pub(crate) scaling: Histories,
    /// Turn true when the first lists of the services are in: before, somebody else's claim may not be known yet.
    services_listed: Vec<watch::Receiver<bool>>,
    attempts: Attempts,
}

impl Context {
    pub(crate) async fn wait_for_services(&self) {
        for listed in &self.services_listed {
            // A closed channel means that the controller is going.
            let _ = listed.clone().wait_for(|listed| *listed).await;
        }
    }

    /// Forgets what was kept for a service that is gone.
    fn forget(&self, uid: &str) {
        self.attempts.forget(uid);
        self.written.forget(uid);
        self.held.forget(uid);
        self.insistence.forget_service(uid);
        self.probes.forget(uid);
        self.scaling.forget(uid);
    }
}

/// What the operator runs with.
#[derive(Clone)]
pub struct Operator {
    /// Client of the cluster.
    pub client: Client,
    /// Namespaces to look after; none means all.
    pub namespaces: Vec<String>,
    /// What the plan takes from the options.
    pub settings: Settings,
    /// How many services are worked on at the same time.
    pub concurrency: u16,
    /// Whether it connects to services as a page would, where they ask for that.
    pub probes: bool,
    /// File of authorities that it trusts then, besides those of browsers.
    pub probe_ca: Option<PathBuf>,
    /// Name of this process in events.
    pub identity: String,
    /// The metrics.
    pub metrics: Arc<Metrics>,
}

/// A future that every controller waits for.
type Stop = Shared<BoxFuture<'static, ()>>;

impl Operator {
    /// Works until `stop` resolves, then ends what is under way and returns.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) {
        let stop: Stop = stop.boxed().shared();
        let children = Arc::new(Children::default());
        let mut tasks = JoinSet::new();
        let mut definitions = HashMap::new();
        for kind in Kind::ALL {
            if let Some(definition) = kind.definition() {
                let (installed, known) = watch::channel(None);
                tasks.spawn(follow_definition(self.client.clone(), kind, definition, installed, self.metrics.clone()));
                definitions.insert(kind, known);
            }
        }
        let scopes: Vec<_> = match self.namespaces.as_slice() {
            [] => vec![None],
            some => some.iter().cloned().map(Some).collect(),
        };
        let (listing, services_listed): (Vec<_>, Vec<_>) = scopes.iter().map(|_| watch::channel(false)).unzip();
        let ctx = Arc::new(Context {
            client: self.client.clone(),
            settings: self.settings,
            identity: self.identity,
            children: children.clone(),
            definitions,
            fleet: Arc::new(Fleet::default()),
            insistence: Insistence::default(),
            written: Written::default(),
            held: Held::default(),
            denials: DenialLimit::default(),
            attempts: Attempts::new(self.metrics.retrying.clone()),
            metrics: self.metrics,
            claims: Claims::default(),
            probes: Arc::new(Probes::new(self.probes)),
            scaling: Histories::default(),
            services_listed,
        });
        let (channels, heard): (Vec<_>, Vec<_>) = scopes.iter().map(|_| unbounded()).unzip();
        let listeners = Listeners(scopes.iter().cloned().zip(channels).collect());
        let mut listed = Vec::new();
        let (first_round, asked) = watch::channel(false);
        let controllers = scopes.into_iter().zip(heard).zip(listing).map(|((namespace, heard), listing)| {
            let touched = listeners.of(namespace.as_deref());
            let pods_listed = follow_pods(&mut tasks, &ctx, namespace.clone(), touched.clone());
            listed.push(pods_listed);
            let scope = Scope {
                client: ctx.client.clone(),
                namespace: namespace.clone(),
                children: children.clone(),
                touched,
                metrics: ctx.metrics.clone(),
            };
            let synced = follow_all(&mut tasks, &ctx, &scope);
            let known = Known { synced, asked: asked.clone() };
            let wanted = Wanted { ctx: ctx.clone(), namespace, listing, listeners: listeners.clone() };
            one_scope(wanted, self.concurrency, known, heard, stop.clone())
        });
        let controllers: Vec<_> = controllers.collect();
        let answered = {
            let listeners = listeners.clone();
            move |service: &fleet::ServiceKey| listeners.tell(service)
        };
        tasks.spawn(probe::run(ctx.probes.clone(), self.probe_ca, ctx.metrics.clone(), answered));
        let listeners = listeners.clone();
        let changed = move |service: &fleet::ServiceKey| listeners.tell(service);
        tasks.spawn(fleet::scrape(ctx.fleet.clone(), listed, first_round, ctx.metrics.clone(), changed));
        futures::future::join_all(controllers).await;
        tasks.shutdown().await;
    }
}

fn follow_pods(
    tasks: &mut JoinSet<()>,
    ctx: &Context,
    namespace: Option<String>,
    touched: Touched,
) -> watch::Receiver<bool> {
    let (client, fleet, metrics) = (ctx.client.clone(), ctx.fleet.clone(), ctx.metrics.clone());
    let (sender, listed) = watch::channel(false);
    tasks.spawn(async move {
        let changed = |(namespace, name): &fleet::ServiceKey| touch(&touched, namespace, name);
        fleet::follow(client, namespace, &fleet, sender, &metrics, changed).await;
    });
    listed
}

/// What has to be known before the first reconcile.
struct Known {
    /// Turn true when the first lists of the children are in. A reconcile before that would create what is there.
    synced: Vec<watch::Receiver<bool>>,
    /// Turns true when every server was asked once. A status before that would say of each that it is silent.
    asked: watch::Receiver<bool>,
}

/// Servers that do not answer keep nobody waiting longer than this.
const FIRST_ROUND: Duration = Duration::from_secs(5);

/// Follows every kind in one scope; gives what turns true when the first lists are in.
fn follow_all(tasks: &mut JoinSet<()>, ctx: &Context, scope: &Scope) -> Vec<watch::Receiver<bool>> {
    Kind::ALL
        .into_iter()
        .map(|kind| {
            let (sender, synced) = watch::channel(false);
            match ctx.definitions.get(&kind) {
                None => tasks.spawn(scope.clone().follow(kind, sender)),
                Some(installed) => tasks.spawn(follow_while_installed(scope.clone(), kind, installed.clone(), sender)),
            };
            synced
        })
        .collect()
}

async fn follow_while_installed(
    scope: Scope,
    kind: Kind,
    mut installed: watch::Receiver<Option<bool>>,
    synced: watch::Sender<bool>,
) {
    loop {
        let Ok(known) = installed.wait_for(Option::is_some).await.map(|known| *known) else { return };
        if known == Some(true) {
            tokio::select! {
                () = scope.clone().follow(kind, synced.clone()) => {}
                _ = installed.wait_for(|known| *known == Some(false)) => {}
            }
        } else {
            synced.send_replace(true);
            scope.children.keep_only(kind, scope.namespace.as_deref(), &Default::default());
            if installed.wait_for(|known| *known == Some(true)).await.is_err() {
                return;
            }
        }
    }
}

async fn one_scope(
    wanted: Wanted,
    concurrency: u16,
    mut known: Known,
    touched: UnboundedReceiver<ObjectRef<Kept>>,
    stop: Stop,
) {
    let all_synced = async {
        for mut kind in known.synced {
            let _ = kind.wait_for(|synced| *synced).await;
        }
        let _ = tokio::time::timeout(FIRST_ROUND, known.asked.wait_for(|asked| *asked)).await;
    };
    tokio::select! {
        () = all_synced => {}
        () = stop.clone() => return,
    }
    let ctx = wanted.ctx.clone();
    let kinds_changed = futures::stream::select_all(
        ctx.definitions.values().map(|installed| WatchStream::from_changes(installed.clone()).map(|_| ()).boxed()),
    );
    // Its own status writes change no generation, and need no second look.
    let (reader, writer) = reflector::store();
    let shown = ctx.clone();
    let changes = reflector::reflector(writer, wanted.services())
        .applied_objects()
        .inspect_ok(move |service| shown.written.shown(service))
        .predicate_filter(predicates::generation, PredicateConfig::default());
    Controller::for_stream(changes, reader)
        .with_config(controller::Config::default().concurrency(concurrency))
        .trigger_backoff(Patience::default())
        .reconcile_on(touched)
        .reconcile_all_on(kinds_changed)
        .graceful_shutdown_on(stop)
        .run(counted, retry, ctx)
        .for_each(async |result| match result {
            Ok((service, _)) => tracing::debug!(%service, "reconciled"),
            // The service was deleted before its turn came.
            Err(controller::Error::ObjectNotFound(_)) => {}
            Err(error) => tracing::warn!(%error, "reconcile failed"),
        })
        .await;
}

async fn counted(service: Arc<Kept>, ctx: Arc<Context>) -> Result<Action, Error> {
    let uid = service.uid().unwrap_or_default();
    if let Some(rest) = ctx.attempts.rest(&uid) {
        return Ok(Action::requeue(rest));
    }
    let result = reconcile(Arc::new(service.open()), ctx.clone()).await;
    if result.is_ok() {
        ctx.attempts.forget(&uid);
    }
    // Deleted while it was worked on: what that left behind would stay for good.
    if !ctx.metrics.services.has(&*service) {
        ctx.forget(&uid);
    }
    result
}

fn retry(service: Arc<Kept>, error: &Error, ctx: Arc<Context>) -> Action {
    if !ctx.metrics.services.has(&*service) {
        return Action::await_change();
    }
    let uid = service.uid().unwrap_or_default();
    Action::requeue(ctx.attempts.fail(&uid, error.cure(), error.retry_after()))
}
