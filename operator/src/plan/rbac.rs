//! What the server may read: its own RealtimeService, by name, and where the other pods are; nothing else.

use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use realtime_crds::ValidService;

use super::{
    names::{Names, metadata},
    peers,
};

pub(crate) fn role(service: &ValidService) -> Role {
    let own = PolicyRule {
        api_groups: Some(vec![realtime_crds::GROUP.to_owned()]),
        resources: Some(vec!["realtimeservices".to_owned()]),
        resource_names: Some(vec![service.name().to_owned()]),
        // With a resource name, list and watch are granted for the field selector metadata.name=NAME only.
        verbs: ["get", "list", "watch"].map(str::to_owned).to_vec(),
        ..PolicyRule::default()
    };
    Role {
        metadata: metadata(service, Names::of(service).server()),
        rules: Some([own].into_iter().chain(peers::rule(service)).collect()),
    }
}

pub(crate) fn role_binding(service: &ValidService) -> RoleBinding {
    let name = Names::of(service).server();
    RoleBinding {
        metadata: metadata(service, name.clone()),
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "Role".to_owned(),
            name: name.clone(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name,
            namespace: Some(service.namespace().to_owned()),
            ..Subject::default()
        }]),
    }
}
