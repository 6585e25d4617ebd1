//! The RealtimeService in the cluster: one watch on one object, for as long as the process lives.

use std::time::Duration;

use futures::{StreamExt, pin_mut};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    runtime::watcher,
};
use realtime_crds::{RealtimeService, ValidService};
use tokio::{sync::mpsc, time};

use super::{Policy, Source, Update};

/// After an error the API is asked again after a pause that doubles from this …
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
/// … to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// Which object.
#[derive(Clone, Debug)]
pub struct Object {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
}

/// A client by `KUBECONFIG` or the pod's service account.
///
/// # Errors
/// When neither is there.
pub async fn client() -> Result<Client, kube::Error> {
    Client::try_default().await
}

impl Object {
    /// Sends every version of the object. After an error everything starts anew with a list, so that an API that
    /// answers again is noticed at once and not at the next change.
    pub async fn follow(self, client: Client, updates: mpsc::Sender<Update>) {
        // Not the type itself: a newer operator may know fields that this server does not, and one that it
        // cannot read must be told from an API that is away.
        let resource = ApiResource::erase::<RealtimeService>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(client, &self.namespace, &resource);
        let mut pause = SHORTEST_PAUSE;
        let mut connected = false;
        while !updates.is_closed() {
            let events = watcher::watch_object(api.clone(), &self.name);
            pin_mut!(events);
            while let Some(event) = events.next().await {
                let object = match event {
                    Ok(object) => object,
                    Err(error) => {
                        tracing::warn!(%error, "the Kubernetes API does not answer; the last policy stays in force");
                        break;
                    }
                };
                if !connected {
                    connected = true;
                    updates.send(Update::Connected(true)).await.ok();
                }
                pause = SHORTEST_PAUSE;
                updates.send(self.read(object)).await.ok();
            }
            connected = false;
            updates.send(Update::Connected(false)).await.ok();
            time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn read(&self, object: Option<DynamicObject>) -> Update {
        let Some(object) = object else {
            let message = format!("RealtimeService {}/{} is not in the cluster", self.namespace, self.name);
            return Update::Refused(Source::Watch, vec![message]);
        };
        let service: RealtimeService = match object.try_parse() {
            Ok(service) => service,
            Err(error) => return Update::Refused(Source::Watch, vec![error.to_string()]),
        };
        match ValidService::new(&service) {
            Ok(service) => Update::Loaded(Box::new(Policy::new(&service, Source::Watch))),
            Err(problems) => Update::Refused(Source::Watch, problems.iter().map(ToString::to_string).collect()),
        }
    }
}
