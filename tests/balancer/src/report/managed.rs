//! Managed certificates: their controller says in their status that they are active, and names them on the Ingress by the
//! names that they have in Google Cloud.

use k8s_openapi::api::networking::v1::Ingress;
use kube::{
    Api, Client, Error, ResourceExt,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use serde_json::json;

use super::unless_deleted;
use crate::{
    gke::{DomainStatus, ManagedCertificate, ManagedCertificateStatus},
    snapshot::{Managed, Snapshot},
    translate::{MANAGED, MANAGED_PREFIX, PRE_SHARED, listed},
};

const ACTIVE: &str = "Active";

pub(super) async fn tell(client: &Client, ingress: &Ingress, snapshot: &Snapshot) -> Result<(), Error> {
    let namespace = ingress.namespace().unwrap_or_default();
    let mut names_there = Vec::new();
    for name in listed(ingress, MANAGED) {
        let Some(Managed { uid, spec, status }) = snapshot.managed_certificate(&namespace, name) else { continue };
        names_there.push(format!("{MANAGED_PREFIX}{uid}"));
        let active = |domain: &String| DomainStatus { domain: domain.clone(), status: ACTIVE.to_owned() };
        let wanted = ManagedCertificateStatus {
            certificate_status: Some(ACTIVE.to_owned()),
            domain_status: spec.domains.iter().map(active).collect(),
        };
        if *status != wanted {
            let kind = ApiResource::erase::<ManagedCertificate>(&());
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &kind);
            let patch = Patch::Merge(json!({"status": wanted}));
            unless_deleted(api.patch_status(name, &PatchParams::default(), &patch).await)?;
        }
    }
    let (wanted, is_ours) = (names_there.join(","), |name: &&str| name.starts_with(MANAGED_PREFIX));
    let is_said = listed(ingress, PRE_SHARED).join(",") == wanted;
    // A name that somebody else wrote stays where no managed certificate takes its place.
    if is_said || (names_there.is_empty() && !listed(ingress, PRE_SHARED).iter().any(is_ours)) {
        return Ok(());
    }
    let api: Api<Ingress> = Api::namespaced(client.clone(), &namespace);
    let value = (!names_there.is_empty()).then_some(wanted);
    let patch = Patch::Merge(json!({"metadata": {"annotations": {PRE_SHARED: value}}}));
    unless_deleted(api.patch(&ingress.name_any(), &PatchParams::default(), &patch).await)
}
