//! What holds for the pods.

use std::collections::BTreeSet;

use proptest::prelude::*;
use realtime_crds::{ValidService, v1alpha1::PolicySource};
use realtime_operator::plan::{Child, Kind};
use serde_json::Value;

use crate::{checks::child, settings};

type Checked = Result<(), TestCaseError>;

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn pod(children: &[Child]) -> &Value {
    &child(children, Kind::Deployment)["spec"]["template"]
}

/// Kubernetes refuses two of one name.
fn unique(items: &[Value], key: &str) -> Checked {
    let mut seen = BTreeSet::new();
    let twice = items.iter().map(|item| item[key].to_string()).find(|name| !seen.insert(name.clone()));
    prop_assert!(twice.is_none(), "two have the {key} {twice:?}");
    Ok(())
}

/// The server is there with all that it needs, whatever the pod template says.
pub fn server(service: &ValidService, children: &[Child]) -> Checked {
    let (spec, template) = (service.spec(), pod(children));
    let labels = &template["metadata"]["labels"];
    let selector = &child(children, Kind::Deployment)["spec"]["selector"]["matchLabels"];
    prop_assert!(selector.as_object().is_some_and(|all| all.iter().all(|(key, value)| labels[key] == *value)));
    let own = &spec.workload.pod_labels;
    prop_assert!(own.iter().all(|(key, value)| labels[key] == **value), "labels are lost");

    let pod = &template["spec"];
    let containers = list(pod, "containers");
    unique(containers, "name")?;
    unique(list(pod, "volumes"), "name")?;
    let servers: Vec<_> = containers.iter().filter(|container| container["name"] == "server").collect();
    let [server] = servers[..] else { return Err(TestCaseError::fail(format!("{} servers", servers.len()))) };
    let image = spec.workload.image.clone().unwrap_or(settings().server_image);
    prop_assert!(server["image"] == *image);
    for (name, number) in [("http", 8080), ("admin", 8081)] {
        let is_it = |port: &&Value| port["name"] == name && port["containerPort"] == number;
        prop_assert!(list(server, "ports").iter().filter(is_it).count() == 1, "no port {name}");
    }
    unique(list(server, "ports"), "containerPort")?;
    let environment = list(server, "env");
    unique(environment, "name")?;
    unique(list(server, "volumeMounts"), "mountPath")?;
    let value = |name: &str| environment.iter().find(|it| it["name"] == name).and_then(|it| it["value"].as_str());
    prop_assert!(value("REALTIME_PATH") == Some(&spec.path));
    prop_assert!(value("REALTIME_POLICY_FILE") == Some("/etc/realtime/policy.yaml"));
    prop_assert!(value("REALTIME_DRAIN") == Some(&spec.timeouts.drain.to_string()));
    let watches = spec.policy_source == PolicySource::Watch;
    prop_assert!(value("REALTIME_NAME").is_some() == watches);
    prop_assert!(pod["automountServiceAccountToken"] == watches);
    let is_mounted = |volume: &str| list(server, "volumeMounts").iter().any(|mount| mount["name"] == volume);
    let policy =
        list(pod, "volumes").iter().find(|volume| volume["name"] == "policy").map(|it| &it["configMap"]["name"]);
    prop_assert!(policy == Some(&child(children, Kind::ConfigMap)["metadata"]["name"]) && is_mounted("policy"));
    let has_keys = spec.auth.as_ref().is_some_and(|auth| auth.jwt.jwks.secret_ref.is_some());
    prop_assert!(is_mounted("jwks") == has_keys && value("REALTIME_JWKS_FILE").is_some() == has_keys);
    prop_assert!(pod["serviceAccountName"] == child(children, Kind::ServiceAccount)["metadata"]["name"]);
    for probe in ["readinessProbe", "livenessProbe"] {
        let handlers = ["httpGet", "tcpSocket", "exec", "grpc"].iter().filter(|it| server[probe].get(**it).is_some());
        prop_assert!(handlers.count() == 1, "{probe} has not one handler");
    }
    Ok(())
}

/// The Pod Security Standard `restricted`.
pub fn restricted(children: &[Child]) -> Checked {
    const VOLUMES: [&str; 8] =
        ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];
    let pod = &pod(children)["spec"];
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        prop_assert!(pod[field] != true, "{field}");
    }
    let of_pod = &pod["securityContext"];
    prop_assert!(of_pod["runAsNonRoot"] == true && of_pod["runAsUser"] != 0);
    prop_assert!(of_pod["seccompProfile"]["type"] == "RuntimeDefault");
    for volume in list(pod, "volumes") {
        let kinds = volume.as_object().into_iter().flatten().filter(|(name, _)| *name != "name");
        prop_assert!(kinds.map(|(kind, _)| kind.as_str()).all(|kind| VOLUMES.contains(&kind)), "{volume}");
    }
    for container in list(pod, "containers").iter().chain(list(pod, "initContainers")) {
        let context = &container["securityContext"];
        prop_assert!(context["allowPrivilegeEscalation"] == false && context["privileged"] != true, "{container}");
        prop_assert!(list(&context["capabilities"], "drop").iter().any(|dropped| dropped == "ALL"), "{container}");
        prop_assert!(list(&context["capabilities"], "add").iter().all(|added| added == "NET_BIND_SERVICE"));
        prop_assert!(context["runAsNonRoot"] != false && context["runAsUser"] != 0);
        prop_assert!(list(container, "ports").iter().all(|port| port["hostPort"].is_null()));
    }
    Ok(())
}
