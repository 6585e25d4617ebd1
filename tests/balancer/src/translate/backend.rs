//! A backend of an Ingress → a port of a Service with the settings of its BackendConfig.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::{
    core::v1::{Service, ServicePort},
    networking::v1::{IngressBackend, ServiceBackendPort},
};
use kube::ResourceExt;
use serde::Deserialize;

use super::{Class, SyncError, health};
use crate::{
    gke::{AffinityConfig, BackendConfigSpec, CustomHeaders},
    model::{Affinity, Backend, BackendId, Header},
    snapshot::Snapshot,
};

const ANNOTATIONS: [&str; 2] = ["cloud.google.com/backend-config", "beta.cloud.google.com/backend-config"];
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Default, Deserialize)]
struct BackendConfigs {
    #[serde(default)]
    default: String,
    #[serde(default)]
    ports: BTreeMap<String, String>,
}

pub(crate) fn resolve(
    namespace: &str,
    reference: &IngressBackend,
    class: Class,
    snapshot: &Snapshot,
) -> Result<(BackendId, Backend), SyncError> {
    let reference = reference.service.as_ref().ok_or(SyncError::NotAService)?;
    let wanted = reference.port.clone().unwrap_or_default();
    let full_name = format!("{namespace}/{}", reference.name);
    let service =
        snapshot.service(namespace, &reference.name).ok_or_else(|| SyncError::NoService(full_name.clone()))?;
    let port = find_port(service, &wanted)
        .ok_or_else(|| SyncError::NoPort { service: full_name.clone(), port: shown(&wanted) })?;
    let id = BackendId { namespace: namespace.to_owned(), service: reference.name.clone(), port: port.port };
    let port_name = port.name.clone().unwrap_or_default();
    let backend = if class.is_gke() {
        let (name, spec) = backend_config(namespace, service, port, &full_name, &shown(&wanted), snapshot)?;
        of_gke(port_name, &name, &spec, class)?
    } else {
        Backend {
            port_name,
            timeout: None,
            drain: None,
            affinity: Affinity::None,
            health_check: None,
            request_headers: Vec::new(),
            response_headers: Vec::new(),
        }
    };
    Ok((id, backend))
}

fn find_port<'a>(service: &'a Service, wanted: &ServiceBackendPort) -> Option<&'a ServicePort> {
    let mut ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    match (&wanted.name, wanted.number) {
        (Some(name), _) => ports.find(|port| port.name.as_ref() == Some(name)),
        (None, Some(number)) => ports.find(|port| port.port == number),
        (None, None) => None,
    }
}

fn shown(port: &ServiceBackendPort) -> String {
    let number = || port.number.map(|number| number.to_string()).unwrap_or_default();
    port.name.clone().unwrap_or_else(number)
}

fn backend_config(
    namespace: &str,
    service: &Service,
    port: &ServicePort,
    full_name: &str,
    shown: &str,
    snapshot: &Snapshot,
) -> Result<(String, BackendConfigSpec), SyncError> {
    let annotations = service.annotations();
    let Some(annotation) = ANNOTATIONS.iter().find_map(|key| annotations.get(*key)) else {
        return Ok((String::new(), BackendConfigSpec::default()));
    };
    let refused = |why: String| SyncError::BadBackendConfigAnnotation {
        service: full_name.to_owned(),
        port: shown.to_owned(),
        why,
    };
    let configs: BackendConfigs = serde_json::from_str(annotation)
        .map_err(|error| refused(format!("the annotation is no JSON of BackendConfigs: {error}")))?;
    let by_port = port.name.as_ref().and_then(|name| configs.ports.get(name));
    let name = by_port.or_else(|| configs.ports.get(&port.port.to_string())).unwrap_or(&configs.default);
    if name.is_empty() {
        return Err(refused("no BackendConfig name found for service port.".to_owned()));
    }
    let config = snapshot
        .backend_config(namespace, name)
        .ok_or_else(|| SyncError::NoBackendConfig { service: full_name.to_owned(), port: shown.to_owned() })?;
    Ok((format!("{namespace}/{name}"), config.clone()))
}

fn of_gke(port_name: String, config: &str, spec: &BackendConfigSpec, class: Class) -> Result<Backend, SyncError> {
    let BackendConfigSpec {
        timeout_sec,
        connection_draining,
        session_affinity,
        health_check,
        custom_request_headers,
        custom_response_headers,
        security_policy,
        // Nothing of a load balancer that stands on this machine.
        logging: _,
        iap: _,
    } = spec;
    if class == Class::GceInternal && security_policy.is_some() {
        return Err(SyncError::PolicyOnInternal(config.to_owned()));
    }
    let draining = connection_draining.as_ref().and_then(|draining| draining.draining_timeout_sec).unwrap_or(0);
    Ok(Backend {
        port_name,
        timeout: Some(match timeout_sec {
            None => DEFAULT_TIMEOUT,
            Some(seconds) => seconds_of(config, "timeoutSec", *seconds, 1, i64::from(i32::MAX))?,
        }),
        drain: Some(seconds_of(config, "connectionDraining.drainingTimeoutSec", draining, 0, 3_600)?),
        affinity: affinity(config, session_affinity.as_ref())?,
        health_check: Some(health::check(config, health_check.as_ref())?),
        request_headers: headers(config, "customRequestHeaders.headers", custom_request_headers.as_ref())?,
        response_headers: headers(config, "customResponseHeaders.headers", custom_response_headers.as_ref())?,
    })
}

pub(crate) fn seconds_of(
    config: &str,
    field: &'static str,
    value: i64,
    least: i64,
    most: i64,
) -> Result<Duration, SyncError> {
    u64::try_from(value).ok().filter(|_| (least..=most).contains(&value)).map(Duration::from_secs).ok_or_else(|| {
        SyncError::BadBackendConfig {
            config: config.to_owned(),
            field,
            why: format!("{value} is not between {least} and {most}"),
        }
    })
}

fn affinity(config: &str, affinity: Option<&AffinityConfig>) -> Result<Affinity, SyncError> {
    let Some(AffinityConfig { affinity_type, affinity_cookie_ttl_sec }) = affinity else { return Ok(Affinity::None) };
    match affinity_type.as_deref().unwrap_or("NONE") {
        "NONE" | "" => Ok(Affinity::None),
        "CLIENT_IP" => Ok(Affinity::ClientIp),
        "GENERATED_COOKIE" => {
            let ttl = affinity_cookie_ttl_sec.unwrap_or(0);
            Ok(Affinity::Cookie { ttl: seconds_of(config, "sessionAffinity.affinityCookieTtlSec", ttl, 0, 86_400)? })
        }
        other => Err(SyncError::BadBackendConfig {
            config: config.to_owned(),
            field: "sessionAffinity.affinityType",
            why: format!("unsupported AffinityType: {other}, should be one of NONE, CLIENT_IP, or GENERATED_COOKIE"),
        }),
    }
}

fn headers(config: &str, field: &'static str, headers: Option<&CustomHeaders>) -> Result<Vec<Header>, SyncError> {
    let parse = |header: &String| {
        let refused = || SyncError::BadBackendConfig {
            config: config.to_owned(),
            field,
            why: format!("\"{header}\" is not of the form Name: value"),
        };
        let (name, value) = header.split_once(':').ok_or_else(refused)?;
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        // A control character in one header would have Envoy refuse the routes of all hosts.
        if !is_name || value.contains(|char: char| char.is_control()) {
            return Err(refused());
        }
        Ok(Header { name: name.to_owned(), value: expand(value.trim()) })
    };
    headers.map_or(Ok(Vec::new()), |headers| headers.headers.iter().map(parse).collect())
}

/// The variables of Google's load balancer as Envoy's command operators; one that has no meaning here is empty, as it is
/// there when the load balancer does not know it.
fn expand(value: &str) -> String {
    let mut expanded = String::new();
    let mut rest = value;
    while let Some((before, (variable, after))) =
        rest.split_once('{').and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        expanded += &before.replace('%', "%%");
        expanded += match variable {
            "client_ip_address" => "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
            "client_port" => "%DOWNSTREAM_REMOTE_PORT%",
            "server_ip_address" => "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%",
            "server_port" => "%DOWNSTREAM_LOCAL_PORT%",
            "client_protocol" => "%PROTOCOL%",
            "tls_sni_hostname" => "%REQUESTED_SERVER_NAME%",
            "tls_version" => "%DOWNSTREAM_TLS_VERSION%",
            "tls_cipher_suite" => "%DOWNSTREAM_TLS_CIPHER%",
            _ => "",
        };
        rest = after;
    }
    expanded + &rest.replace('%', "%%")
}
