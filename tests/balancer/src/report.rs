//! What the cluster is told, as GKE's controllers tell it: the address in an Ingress' status, a Warning for an Ingress that is
//! not taken over, and that managed certificates are served.

mod managed;

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::api::networking::v1::Ingress;
use kube::{
    Api, Client, Error, Resource, ResourceExt,
    api::{Patch, PatchParams},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde_json::json;

use crate::{SyncError, snapshot::Snapshot};

/// GKE's controller calls itself so.
const CONTROLLER: &str = "loadbalancer-controller";

pub(crate) struct Report {
    client: Client,
    recorder: Recorder,
    /// What each Ingress was told last, by uid: the same is not said twice.
    told: BTreeMap<String, String>,
}

impl Report {
    pub(crate) fn new(client: Client) -> Self {
        let recorder = Recorder::new(client.clone(), Reporter::from(CONTROLLER));
        Self { client, recorder, told: BTreeMap::new() }
    }

    /// Tells about an Ingress that is in force.
    pub(crate) async fn programmed(
        &mut self,
        ingress: &Ingress,
        address: IpAddr,
        snapshot: &Snapshot,
    ) -> Result<(), Error> {
        self.told.remove(&ingress.uid().unwrap_or_default());
        managed::tell(&self.client, ingress, snapshot).await?;
        let address = address.to_string();
        let status = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
        let written = status.iter().flat_map(|balancer| balancer.ingress.iter().flatten());
        if written.map(|entry| entry.ip.as_deref()).eq([Some(address.as_str())]) {
            return Ok(());
        }
        let api: Api<Ingress> = Api::namespaced(self.client.clone(), &ingress.namespace().unwrap_or_default());
        let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}});
        unless_deleted(api.patch_status(&ingress.name_any(), &PatchParams::default(), &Patch::Merge(status)).await)
    }

    /// Tells about an Ingress that is not taken over.
    pub(crate) async fn refused(&mut self, ingress: &Ingress, errors: &[SyncError]) -> Result<(), Error> {
        let (reason, note) = SyncError::note(errors);
        let uid = ingress.uid().unwrap_or_default();
        if self.told.get(&uid) == Some(&note) {
            return Ok(());
        }
        let event = Event {
            type_: EventType::Warning,
            reason: reason.to_owned(),
            note: Some(note.clone()),
            action: reason.to_owned(),
            secondary: None,
        };
        self.recorder.publish(&event, &ingress.object_ref(&())).await?;
        self.told.insert(uid, note);
        Ok(())
    }
}

fn unless_deleted<T>(outcome: Result<T, Error>) -> Result<(), Error> {
    match outcome {
        Ok(_) => Ok(()),
        Err(Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}
