//! The pods.

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        core::v1::{
            Capabilities, ConfigMapVolumeSource, Container, ContainerPort, EnvVar, HTTPGetAction, KeyToPath,
            PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile,
            SecretVolumeSource, SecurityContext, Volume, VolumeMount,
        },
    },
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};
use realtime_crds::{
    ValidService,
    v1alpha1::{PolicySource, SecretKey, Transport, Workload},
};

use super::{
    Settings, config_map,
    names::{Names, labels, metadata, selector},
    service::{ADMIN_PORT, PORT_NAME, SERVER_PORT},
    timeouts::{Budget, seconds},
};

const CONTAINER: &str = "server";
const POLICY_FOLDER: &str = "/etc/realtime";
const POLICY_VOLUME: &str = "policy";
const KEYS_FOLDER: &str = "/etc/realtime-keys";
const KEYS_FILE: &str = "jwks.json";
const KEYS_VOLUME: &str = "jwks";
const ADMIN_PORT_NAME: &str = "admin";
/// User of the server's image; any that is not root will do.
const USER: i64 = 65532;

pub(crate) fn build(service: &ValidService, settings: &Settings, budget: &Budget) -> Deployment {
    let workload = &service.spec().workload;
    Deployment {
        metadata: metadata(service, Names::of(service).main()),
        spec: DeploymentSpec {
            replicas: Some(workload.replicas),
            selector: selector(service),
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    // A new pod first, then an old one goes: connections always have somewhere to move to.
                    max_unavailable: Some(IntOrString::Int(0)),
                    max_surge: Some(IntOrString::String("25%".to_owned())),
                }),
            }),
            template: PodTemplateSpec {
                metadata: Some(pod_metadata(service, workload)),
                spec: Some(pod(service, settings, budget)),
            },
            ..DeploymentSpec::default()
        },
        ..Deployment::default()
    }
}

fn pod_metadata(service: &ValidService, workload: &Workload) -> ObjectMeta {
    let mut pod_labels = workload.pod_labels.clone();
    pod_labels.extend(labels(service));
    ObjectMeta {
        labels: Some(pod_labels),
        annotations: (!workload.pod_annotations.is_empty()).then(|| workload.pod_annotations.clone()),
        ..ObjectMeta::default()
    }
}

fn pod(service: &ValidService, settings: &Settings, budget: &Budget) -> PodSpec {
    let workload = &service.spec().workload;
    PodSpec {
        service_account_name: Some(Names::of(service).server()),
        automount_service_account_token: Some(service.spec().policy_source == PolicySource::Watch),
        // Kubernetes would put an environment variable for every Service of the namespace into the pod.
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(seconds(budget.termination_grace_period_sec)),
        node_selector: (!workload.node_selector.is_empty()).then(|| workload.node_selector.clone()),
        priority_class_name: workload.priority_class_name.clone(),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(service, settings, budget)],
        volumes: Some(volumes(service)),
        ..PodSpec::default()
    }
}

fn container(service: &ValidService, settings: &Settings, budget: &Budget) -> Container {
    let workload = &service.spec().workload;
    Container {
        name: CONTAINER.to_owned(),
        image: Some(workload.image.clone().unwrap_or_else(|| settings.server_image.clone())),
        env: Some(environment(service, budget)),
        ports: Some(vec![port(PORT_NAME, SERVER_PORT), port(ADMIN_PORT_NAME, ADMIN_PORT)]),
        readiness_probe: Some(probe("/readyz", 5, 2)),
        liveness_probe: Some(probe("/healthz", 10, 3)),
        resources: workload.resources.as_ref().map(|resources| ResourceRequirements {
            requests: (!resources.requests.is_empty()).then(|| resources.requests.clone()),
            limits: (!resources.limits.is_empty()).then(|| resources.limits.clone()),
            claims: None,
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(mounts(service)),
        ..Container::default()
    }
}

fn volumes(service: &ValidService) -> Vec<Volume> {
    let policy = Volume {
        name: POLICY_VOLUME.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: Names::of(service).policy(),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    };
    let keys = secret_of_keys(service).map(|secret| Volume {
        name: KEYS_VOLUME.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.name.clone()),
            items: Some(vec![KeyToPath {
                key: secret.key.clone(),
                path: KEYS_FILE.to_owned(),
                ..KeyToPath::default()
            }]),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    });
    [policy].into_iter().chain(keys).collect()
}

fn mounts(service: &ValidService) -> Vec<VolumeMount> {
    // Folders, not files: the kubelet never refreshes a file that is mounted by subPath.
    let mount = |name: &str, folder: &str| VolumeMount {
        name: name.to_owned(),
        mount_path: folder.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    let keys = secret_of_keys(service).map(|_| mount(KEYS_VOLUME, KEYS_FOLDER));
    [mount(POLICY_VOLUME, POLICY_FOLDER)].into_iter().chain(keys).collect()
}

fn secret_of_keys(service: &ValidService) -> Option<&SecretKey> {
    service.spec().auth.as_ref()?.jwt.jwks.secret_ref.as_ref()
}

/// What needs a new process is environment, so a change of it rolls the pods; the policy is not among it.
fn environment(service: &ValidService, budget: &Budget) -> Vec<EnvVar> {
    let spec = service.spec();
    let transports =
        spec.transports.iter().map(|transport: &Transport| transport.as_str()).collect::<Vec<_>>().join(",");
    let mut variables = vec![
        ("REALTIME_LISTEN", format!("0.0.0.0:{SERVER_PORT}")),
        ("REALTIME_ADMIN_LISTEN", format!("0.0.0.0:{ADMIN_PORT}")),
        ("REALTIME_LOG_FORMAT", "json".to_owned()),
        ("REALTIME_POLICY_FILE", format!("{POLICY_FOLDER}/{}", config_map::FILE)),
        ("REALTIME_PATH", spec.path.clone()),
        ("REALTIME_TRANSPORTS", transports),
        ("REALTIME_PING_INTERVAL", spec.timeouts.ping_interval.to_string()),
        ("REALTIME_PING_TIMEOUT", spec.timeouts.ping_timeout.to_string()),
        ("REALTIME_DETACH", format!("{}s", budget.detach_sec)),
        ("REALTIME_DRAIN", spec.timeouts.drain.to_string()),
    ];
    if spec.policy_source == PolicySource::Watch {
        variables.push(("REALTIME_NAMESPACE", service.namespace().to_owned()));
        variables.push(("REALTIME_NAME", service.name().to_owned()));
    }
    if secret_of_keys(service).is_some() {
        variables.push(("REALTIME_JWKS_FILE", format!("{KEYS_FOLDER}/{KEYS_FILE}")));
    }
    variables
        .into_iter()
        .map(|(name, value)| EnvVar { name: name.to_owned(), value: Some(value), value_from: None })
        .collect()
}

fn port(name: &str, number: u16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(number),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn probe(path: &str, period_seconds: i32, failure_threshold: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(ADMIN_PORT_NAME.to_owned()),
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(3),
        failure_threshold: Some(failure_threshold),
        ..Probe::default()
    }
}
