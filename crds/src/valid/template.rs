//! What a `podTemplate` may not do: break the service.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};

use crate::{
    Problem,
    v1alpha1::{PodTemplate, Workload},
};

/// Name of the server's container.
pub const CONTAINER: &str = "server";
/// Volumes that the operator mounts into it.
pub const VOLUMES: [&str; 5] = ["policy", "jwks", "redis-url", "redis-ca", "publish-token"];
/// Where it mounts them.
pub const FOLDERS: [&str; 5] = [
    "/etc/realtime",
    "/etc/realtime-keys",
    "/etc/realtime-redis-url",
    "/etc/realtime-redis-ca",
    "/etc/realtime-publish",
];
/// Ports of the server's container by name.
pub const PORTS: [(&str, i32); 4] = [("http", 8080), ("admin", 8081), ("peers", 8082), ("publish", 8083)];

pub(super) fn read(workload: &Workload) -> Result<Option<PodTemplateSpec>, Vec<Problem>> {
    let Some(template) = &workload.pod_template else { return Ok(None) };
    let template = PodTemplate::read(template)?;
    let mut problems = Vec::new();
    let mut refuse = |field: &str, message: String| {
        problems.push(Problem::invalid(format!("spec.workload.podTemplate.{field}"), message));
    };
    let labels = template.metadata.as_ref().and_then(|meta| meta.labels.as_ref());
    for key in labels.into_iter().flat_map(|labels| labels.keys()) {
        if key.starts_with("app.kubernetes.io/") || key.starts_with("realtime-operator.dev/") {
            refuse("metadata.labels", format!("{key} is the operator's: the Service finds the pods by it"));
        }
    }
    if let Some(pod) = &template.spec {
        of_pod(pod, &mut refuse);
        of_names(pod, &mut refuse);
        for (index, container) in pod.containers.iter().enumerate() {
            let at = format!("spec.containers[{index}]");
            match container.name.as_str() {
                CONTAINER => of_server(container, &at, &mut refuse),
                _ => of_neighbour(container, &at, &mut refuse),
            }
        }
    }
    if problems.is_empty() { Ok(Some(template)) } else { Err(problems) }
}

fn of_pod(pod: &PodSpec, refuse: &mut impl FnMut(&str, String)) {
    if pod.termination_grace_period_seconds.is_some() {
        refuse("spec.terminationGracePeriodSeconds", "follows from spec.timeouts.drain: change that".to_owned());
    }
    if pod.service_account_name.is_some() || pod.automount_service_account_token.is_some() {
        let message = "is the operator's: the server reads its policy as this account; see spec.policySource";
        refuse("spec.serviceAccountName", message.to_owned());
    }
    if pod.service_account.is_some() {
        refuse("spec.serviceAccount", "is the old name of serviceAccountName, which is the operator's".to_owned());
    }
    if pod.active_deadline_seconds.is_some() {
        refuse("spec.activeDeadlineSeconds", "is for pods that come to an end: a Deployment's do not".to_owned());
    }
    if pod.ephemeral_containers.is_some() {
        refuse("spec.ephemeralContainers", "are added to pods that run: use kubectl debug".to_owned());
    }
    if pod.restart_policy.as_deref().is_some_and(|policy| policy != "Always") {
        refuse("spec.restartPolicy", "must be Always, as in any Deployment".to_owned());
    }
    if pod.host_network == Some(true) {
        refuse("spec.hostNetwork", "must stay false: two pods on one node would want the same ports".to_owned());
    }
    for (index, volume) in pod.volumes.iter().flatten().enumerate() {
        if VOLUMES.contains(&volume.name.as_str()) {
            refuse(
                &format!("spec.volumes[{index}].name"),
                format!("{} is the operator's: choose another name", volume.name),
            );
        }
    }
}

/// A list of containers is merged by name; an init container of the server's name would be another one.
fn of_names(pod: &PodSpec, refuse: &mut impl FnMut(&str, String)) {
    let first = pod.init_containers.iter().flatten().map(|container| ("initContainers", container));
    let containers = pod.containers.iter().map(|container| ("containers", container));
    let mut seen = BTreeSet::new();
    let mut index = [0; 2];
    for (list, container) in containers.chain(first) {
        let (name, is_first) = (container.name.as_str(), list == "initContainers");
        let at = format!("spec.{list}[{}].name", index[usize::from(is_first)]);
        index[usize::from(is_first)] += 1;
        if name.is_empty() {
            refuse(&at, format!("is required; the server's own container is called {CONTAINER:?}"));
        } else if !seen.insert(name) || (is_first && name == CONTAINER) {
            refuse(&at, format!("there is another container called {name:?}: choose another name"));
        }
    }
}

fn of_server(container: &Container, at: &str, refuse: &mut impl FnMut(&str, String)) {
    for (index, port) in container.ports.iter().flatten().enumerate() {
        let named = PORTS.iter().any(|(name, _)| port.name.as_deref() == Some(name));
        if named || PORTS.iter().any(|(_, number)| port.container_port == *number) {
            let message = "8080 (http), 8081 (admin), 8082 (peers) and 8083 (publish) are the server's, and its names are: choose others";
            refuse(&format!("{at}.ports[{index}]"), message.to_owned());
        }
    }
    for (index, variable) in container.env.iter().flatten().enumerate() {
        if variable.name.starts_with("REALTIME_") {
            let message = format!("{} is the operator's: it follows from the spec", variable.name);
            refuse(&format!("{at}.env[{index}].name"), message);
        }
    }
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let path = mount.mount_path.trim_end_matches('/');
        let over = |folder: &str| path == folder || path.starts_with(&format!("{folder}/"));
        if FOLDERS.iter().any(|folder| over(folder)) {
            refuse(
                &format!("{at}.volumeMounts[{index}].mountPath"),
                format!("{} hides the operator's files: choose another folder", mount.mount_path),
            );
        }
    }
    if container.image.is_some() {
        refuse(&format!("{at}.image"), "is spec.workload.image".to_owned());
    }
    if container.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.pre_stop.is_some()) {
        let message = "is the operator's: what a pod does before it goes follows from spec.timeouts";
        refuse(&format!("{at}.lifecycle.preStop"), message.to_owned());
    }
    if container.restart_policy.is_some() {
        refuse(
            &format!("{at}.restartPolicy"),
            "must stay away: the server is started again whenever it ends".to_owned(),
        );
    }
}

fn of_neighbour(container: &Container, at: &str, refuse: &mut impl FnMut(&str, String)) {
    if container.image.is_none() {
        let message =
            format!("a container beside {CONTAINER:?} needs an image; the server's own is called {CONTAINER:?}");
        refuse(&format!("{at}.image"), message);
    }
    for (index, port) in container.ports.iter().flatten().enumerate() {
        if PORTS.iter().any(|(name, number)| port.container_port == *number || port.name.as_deref() == Some(name)) {
            refuse(
                &format!("{at}.ports[{index}]"),
                "8080 (http), 8081 (admin), 8082 (peers) and 8083 (publish) are the server's: choose others".to_owned(),
            );
        }
    }
}
