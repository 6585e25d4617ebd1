//! The pods.

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        core::v1::{
            Capabilities, Container, ContainerPort, EnvVar, HTTPGetAction, Lifecycle, LifecycleHandler,
            PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile, SecurityContext,
            SleepAction, TCPSocketAction, TopologySpreadConstraint,
        },
    },
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};
use realtime_crds::{
    ValidService, pod,
    v1alpha1::{Backplane, Limits, PolicySource, Recovery, RedisBackplane, Transport, Workload},
};

use super::{
    Settings, config_map, health, image, mounted,
    names::{Names, labels, metadata, selector},
    peers, pod_template, publish,
    service::{ADMIN_PORT, PORT_NAME, SERVER_PORT},
    timeouts::{Budget, seconds},
};

const ADMIN_PORT_NAME: &str = "admin";
/// User of the server's image; any that is not root will do.
const USER: i64 = 65532;

pub(crate) fn build(service: &ValidService, settings: &Settings, budget: &Budget) -> Deployment {
    let workload = &service.spec().workload;
    Deployment {
        metadata: metadata(service, Names::of(service).main()),
        spec: DeploymentSpec {
            // Where the load decides, the number is not the plan's.
            replicas: workload.autoscaling.is_none().then_some(workload.replicas),
            min_ready_seconds: i32::try_from(budget.min_ready_sec).ok(),
            selector: selector(service),
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    // A new pod first, then an old one goes: connections always have somewhere to move to.
                    max_unavailable: Some(IntOrString::Int(0)),
                    max_surge: Some(IntOrString::String("25%".to_owned())),
                }),
            }),
            template: pod_template::merge(
                service,
                PodTemplateSpec {
                    metadata: Some(pod_metadata(service, workload)),
                    spec: Some(pod_spec(service, settings, budget)),
                },
            ),
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

fn pod_spec(service: &ValidService, settings: &Settings, budget: &Budget) -> PodSpec {
    let workload = &service.spec().workload;
    PodSpec {
        service_account_name: Some(Names::of(service).server()),
        automount_service_account_token: Some(service.spec().policy_source == PolicySource::Watch),
        // Kubernetes would put an environment variable for every Service of the namespace into the pod.
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(seconds(budget.termination_grace_period_sec)),
        node_selector: (!workload.node_selector.is_empty()).then(|| workload.node_selector.clone()),
        tolerations: (!workload.tolerations.is_empty()).then(|| workload.tolerations.clone()),
        affinity: workload.affinity.clone(),
        topology_spread_constraints: spread(service),
        priority_class_name: workload.priority_class_name.clone(),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(service, settings, budget)],
        volumes: Some(mounted::volumes(service)),
        ..PodSpec::default()
    }
}

/// The user's constraints, or evenly over zones and nodes. For a single pod too: scaling must not change the template.
fn spread(service: &ValidService) -> Option<Vec<TopologySpreadConstraint>> {
    let workload = &service.spec().workload;
    let own = |constraint: &TopologySpreadConstraint| TopologySpreadConstraint {
        label_selector: constraint.label_selector.clone().or_else(|| Some(selector(service))),
        ..constraint.clone()
    };
    let evenly_over = |topology_key: &str| TopologySpreadConstraint {
        topology_key: topology_key.to_owned(),
        max_skew: 1,
        // Better a pod in the wrong place than none.
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(selector(service)),
        ..TopologySpreadConstraint::default()
    };
    match &workload.topology_spread {
        Some(constraints) => (!constraints.is_empty()).then(|| constraints.iter().map(own).collect()),
        None => Some(vec![evenly_over("topology.kubernetes.io/zone"), evenly_over("kubernetes.io/hostname")]),
    }
}

fn container(service: &ValidService, settings: &Settings, budget: &Budget) -> Container {
    let workload = &service.spec().workload;
    let is_bundled = workload.image.is_none();
    let image = workload.image.clone().unwrap_or_else(|| settings.server_image.clone());
    Container {
        name: pod::CONTAINER.to_owned(),
        image_pull_policy: Some(image::pull_policy(&image).to_owned()),
        image: Some(image),
        env: Some(environment(service, budget)),
        ports: Some(ports(service)),
        readiness_probe: Some(match is_bundled {
            true => probe(ADMIN_PORT_NAME, Some("/readyz"), 5, 2),
            false => probe(PORT_NAME, Some(health::path(service)), 5, 2),
        }),
        liveness_probe: Some(match is_bundled {
            true => probe(ADMIN_PORT_NAME, Some("/healthz"), 10, 3),
            false => probe(PORT_NAME, None, 10, 3),
        }),
        lifecycle: (!is_bundled).then(|| keep_serving(budget)),
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
        volume_mounts: Some(mounted::mounts(service)),
        ..Container::default()
    }
}

/// The bundled server goes on serving by itself after SIGTERM; any other is told of its end only when the load balancer has
/// taken it out.
fn keep_serving(budget: &Budget) -> Lifecycle {
    Lifecycle {
        pre_stop: Some(LifecycleHandler {
            sleep: Some(SleepAction { seconds: seconds(budget.detach_sec) }),
            ..LifecycleHandler::default()
        }),
        ..Lifecycle::default()
    }
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
        ("REALTIME_POLICY_FILE", format!("{}/{}", mounted::POLICY_FOLDER, config_map::FILE)),
        ("REALTIME_PATH", spec.path.clone()),
        ("REALTIME_TRANSPORTS", transports),
        ("REALTIME_PING_INTERVAL", spec.timeouts.ping_interval.to_string()),
        ("REALTIME_PING_TIMEOUT", spec.timeouts.ping_timeout.to_string()),
        // An image of the user's own is told of its end when preStop has waited already.
        ("REALTIME_DETACH", format!("{}s", if spec.workload.image.is_none() { budget.detach_sec } else { 0 })),
        ("REALTIME_DRAIN", spec.timeouts.drain.to_string()),
    ];
    variables.extend(limits(&spec.limits, &spec.recovery));
    if spec.policy_source == PolicySource::Watch {
        variables.push(("REALTIME_NAMESPACE", service.namespace().to_owned()));
        variables.push(("REALTIME_NAME", service.name().to_owned()));
    }
    variables.extend(mounted::secrets(service).map(|(mounted, _)| (mounted.variable, mounted.path())));
    if let Some(Backplane { redis: RedisBackplane { stream, max_length, .. } }) = &spec.backplane {
        variables.extend(stream.clone().map(|stream| ("REALTIME_REDIS_STREAM", stream)));
        variables.extend(max_length.map(|length| ("REALTIME_REDIS_MAX_LENGTH", length.to_string())));
    }
    variables.extend(publish::environment(service));
    if spec.workload.image.is_some() {
        // The bundled server reads these live instead, and a change of them rolls none of its pods.
        variables.push(("REALTIME_MAX_CONNECTION_AGE", spec.timeouts.max_connection_age.to_string()));
        variables.push(("REALTIME_ORIGINS", spec.origins.allow.join(",")));
    }
    let variables = variables.into_iter().map(|(name, value)| EnvVar {
        name: name.to_owned(),
        value: Some(value),
        value_from: None,
    });
    variables.chain(peers::environment(service)).chain(spec.workload.env.iter().cloned()).collect()
}

fn limits(limits: &Limits, recovery: &Recovery) -> Vec<(&'static str, String)> {
    let Limits {
        connections_per_pod,
        handshakes_per_second,
        max_message_bytes,
        messages_per_second,
        send_buffer_bytes,
    } = limits;
    let Recovery { window, max_bytes } = recovery;
    let asked = [
        ("REALTIME_MAX_CONNECTIONS", connections_per_pod),
        ("REALTIME_HANDSHAKE_RATE", handshakes_per_second),
        ("REALTIME_MAX_MESSAGE_SIZE", max_message_bytes),
        ("REALTIME_MESSAGE_RATE", messages_per_second),
        ("REALTIME_SEND_BUFFER", send_buffer_bytes),
    ];
    let asked = asked.into_iter().filter_map(|(name, limit)| Some((name, limit.as_ref()?.to_string())));
    let always = [("REALTIME_RECOVERY_WINDOW", window.to_string()), ("REALTIME_RECOVERY_BYTES", max_bytes.to_string())];
    asked.chain(always).collect()
}

fn ports(service: &ValidService) -> Vec<ContainerPort> {
    let always = [port(PORT_NAME, SERVER_PORT), port(ADMIN_PORT_NAME, ADMIN_PORT)];
    always.into_iter().chain(peers::container_port(service)).chain(publish::container_port(service)).collect()
}

pub(super) fn port(name: &str, number: u16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(number),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

/// Asks over HTTP where there is a path, else whether the port takes connections.
fn probe(port: &str, path: Option<&str>, period_seconds: i32, failure_threshold: i32) -> Probe {
    let port = IntOrString::String(port.to_owned());
    Probe {
        tcp_socket: path.is_none().then(|| TCPSocketAction { port: port.clone(), host: None }),
        http_get: path.map(|path| HTTPGetAction {
            path: Some(path.to_owned()),
            port,
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(3),
        failure_threshold: Some(failure_threshold),
        ..Probe::default()
    }
}
