//! Follows the cluster: a watch for each kind, none of which asks twice for what it was told.

mod source;

use k8s_openapi::{
    api::{
        core::v1::{Secret, Service},
        discovery::v1::EndpointSlice,
        networking::v1::Ingress,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    runtime::watcher,
};
use tokio::{sync::watch, task::JoinSet};

use self::source::Source;
use crate::{
    gke::{BackendConfig, FrontendConfig, ManagedCertificate},
    snapshot::{Objects, Snapshot},
};

/// What the cluster holds, kept up to date. Its watches end with it.
#[derive(Debug)]
pub(crate) struct World {
    ingresses: Source<Ingress>,
    services: Source<Service>,
    slices: Source<EndpointSlice>,
    secrets: Source<Secret>,
    definitions: Source<CustomResourceDefinition>,
    backend_configs: Source<DynamicObject>,
    frontend_configs: Source<DynamicObject>,
    managed_certificates: Source<DynamicObject>,
    changes: watch::Sender<u64>,
    _watches: JoinSet<()>,
}

impl World {
    /// Begins to follow, and returns when everything is known once.
    pub(crate) async fn follow(client: &Client) -> Result<Self, kube::Error> {
        let changes = watch::Sender::new(0);
        let mut watches = JoinSet::new();
        let all = watcher::Config::default;
        let definitions = Source::begin(Api::all(client.clone()), (), all(), &changes, &mut watches);
        let mut of_google = |kind: ApiResource| {
            let api = Api::all_with(client.clone(), &kind);
            Source::begin_when_defined(api, kind, &definitions, &changes, &mut watches)
        };
        let backend_configs = of_google(ApiResource::erase::<BackendConfig>(&()));
        let frontend_configs = of_google(ApiResource::erase::<FrontendConfig>(&()));
        let managed_certificates = of_google(ApiResource::erase::<ManagedCertificate>(&()));
        let world = Self {
            ingresses: Source::begin(Api::all(client.clone()), (), all(), &changes, &mut watches),
            services: Source::begin(Api::all(client.clone()), (), all(), &changes, &mut watches),
            slices: Source::begin(Api::all(client.clone()), (), all(), &changes, &mut watches),
            secrets: Source::begin(
                Api::all(client.clone()),
                (),
                all().fields("type=kubernetes.io/tls"),
                &changes,
                &mut watches,
            ),
            definitions,
            backend_configs,
            frontend_configs,
            managed_certificates,
            changes,
            _watches: watches,
        };
        world.caught_up().await?;
        Ok(world)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::from(Objects {
            ingresses: self.ingresses.state(),
            services: self.services.state(),
            slices: self.slices.state(),
            secrets: self.secrets.state(),
            backend_configs: self.backend_configs.state(),
            frontend_configs: self.frontend_configs.state(),
            managed_certificates: self.managed_certificates.state(),
        })
    }

    /// A number that grows with each change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Returns the number of a change behind everything that the cluster held when this was called.
    pub(crate) async fn caught_up(&self) -> Result<u64, kube::Error> {
        let Self {
            ingresses,
            services,
            slices,
            secrets,
            definitions,
            backend_configs,
            frontend_configs,
            managed_certificates,
            changes,
            _watches: _,
        } = self;
        // What is defined comes first: the other kinds are not watched before.
        definitions.caught_up().await?;
        futures::try_join!(
            ingresses.caught_up(),
            services.caught_up(),
            slices.caught_up(),
            secrets.caught_up(),
            backend_configs.caught_up(),
            frontend_configs.caught_up(),
            managed_certificates.caught_up(),
        )?;
        let mut last = 0;
        changes.send_modify(|number| {
            *number += 1;
            last = *number;
        });
        Ok(last)
    }
}
