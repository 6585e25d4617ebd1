use jsonschema::PatternOptions;
use kube::{CustomResourceExt, core::cel};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{http_route::*, *};

/// One manifest of each kind, with every field that is known here.
fn manifests() -> Vec<Value> {
    let object = |api_version: &str, kind: &str, spec: Value| {
        json!({
            "apiVersion": api_version, "kind": kind,
            "metadata": {"name": "chat", "namespace": "shop"}, "spec": spec,
        })
    };
    let target = json!({"group": "", "kind": "Service", "name": "chat", "namespace": "shop"});
    vec![
        object(
            "cloud.google.com/v1",
            "BackendConfig",
            json!({
                "timeoutSec": 3600, "connectionDraining": {"drainingTimeoutSec": 150},
                "sessionAffinity": {"affinityType": "CLIENT_IP", "affinityCookieTtlSec": 0},
                "healthCheck": {
                    "checkIntervalSec": 5, "timeoutSec": 5, "healthyThreshold": 1, "unhealthyThreshold": 2,
                    "type": "HTTP", "port": 8080, "requestPath": "/readyz",
                },
                "logging": {"enable": true, "sampleRate": 0.1},
                "securityPolicy": {"name": "edge"},
                "iap": {"enabled": true, "oauthclientCredentials": {"secretName": "oauth"}},
                "customRequestHeaders": {"headers": ["X-Client-Region:{client_region}"]},
                "customResponseHeaders": {"headers": ["X-Served-By:chat"]},
            }),
        ),
        object(
            "networking.gke.io/v1beta1",
            "FrontendConfig",
            json!({
                "sslPolicy": "modern",
                "redirectToHttps": {"enabled": true, "responseCodeName": "PERMANENT_REDIRECT"},
            }),
        ),
        object("networking.gke.io/v1", "ManagedCertificate", json!({"domains": ["chat.domain-a.com"]})),
        object(
            "networking.gke.io/v1",
            "GCPBackendPolicy",
            json!({
                "default": {
                    "timeoutSec": 3600, "connectionDraining": {"drainingTimeoutSec": 150},
                    "sessionAffinity": {"type": "GENERATED_COOKIE", "cookieTtlSec": 50},
                    "logging": {"enabled": true, "sampleRate": 500_000},
                    "securityPolicy": "edge",
                    "iap": {"enabled": true, "oauth2ClientSecret": {"name": "oauth"}, "clientID": "id"},
                },
                "targetRef": target,
            }),
        ),
        object(
            "networking.gke.io/v1",
            "HealthCheckPolicy",
            json!({
                "default": {
                    "checkIntervalSec": 5, "timeoutSec": 5, "healthyThreshold": 1, "unhealthyThreshold": 2,
                    "logConfig": {"enabled": false},
                    "config": {
                        "type": "HTTP",
                        "httpHealthCheck": {
                            "portSpecification": "USE_FIXED_PORT", "port": 8080, "requestPath": "/readyz",
                            "host": "chat.domain-a.com", "response": "ok",
                        },
                    },
                },
                "targetRef": target,
            }),
        ),
        object(
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            json!({
                "parentRefs": [{
                    "group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "edge", "name": "public",
                    "sectionName": "https", "port": 443,
                }],
                "hostnames": ["chat.domain-a.com"],
                "rules": [{
                    "matches": [{"path": {"type": "PathPrefix", "value": "/socket.io"}}],
                    "backendRefs": [{"group": "", "kind": "Service", "name": "chat", "port": 80, "weight": 1}],
                    "timeouts": {"request": "0s", "backendRequest": "0s"},
                }],
            }),
        ),
        object(
            "gateway.networking.k8s.io/v1",
            "Gateway",
            json!({
                "gatewayClassName": "gke-l7-global-external-managed",
                "listeners": [
                    {"name": "https", "hostname": "*.domain-a.com", "port": 443, "protocol": "HTTPS"},
                ],
            }),
        ),
    ]
}

fn schema_of(definition: &CustomResourceDefinition) -> Value {
    let version = &definition.spec.versions[0];
    let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
    serde_json::to_value(schema.expect("a definition has a schema")).expect("a schema is JSON")
}

/// Calls `check` with each node of a schema and the path to it.
fn walk(node: &Value, path: &str, check: &mut impl FnMut(&str, &Value)) {
    check(path, node);
    for (name, child) in node["properties"].as_object().into_iter().flatten() {
        walk(child, &format!("{path}.{name}"), check);
    }
    if node["items"].is_object() {
        walk(&node["items"], &format!("{path}[]"), check);
    }
}

/// The schema as the apiserver reads it when validation is strict.
fn strict(node: &mut Value) {
    if node["properties"].is_object() && node["x-kubernetes-preserve-unknown-fields"].is_null() {
        node["additionalProperties"] = json!(false);
    }
    for child in node.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        strict(child.1);
    }
    if let Some(items) = node.get_mut("items") {
        strict(items);
    }
}

fn round_trip<T: DeserializeOwned + Serialize>(manifest: &Value) {
    let typed: T = serde_json::from_value(manifest.clone()).expect("the manifest is one of this kind");
    assert_eq!(serde_json::to_value(typed).expect("the kind is JSON"), *manifest);
}

#[test]
fn every_kind_says_what_its_manifest_says() {
    let manifests = manifests();
    let [backend, frontend, certificate, policy, health, route, gateway] = &manifests[..] else {
        panic!("one manifest for each kind")
    };
    round_trip::<BackendConfig>(backend);
    round_trip::<FrontendConfig>(frontend);
    round_trip::<ManagedCertificate>(certificate);
    round_trip::<GcpBackendPolicy>(policy);
    round_trip::<HealthCheckPolicy>(health);
    round_trip::<HttpRoute>(route);
    round_trip::<Gateway>(gateway);
}

#[test]
fn every_definition_admits_its_manifest_and_no_other_field() {
    for (definition, manifest) in definitions().iter().zip(manifests()) {
        let group_version = format!("{}/{}", definition.spec.group, definition.spec.versions[0].name);
        assert_eq!(
            (manifest["apiVersion"].as_str(), &manifest["kind"]),
            (Some(&*group_version), &json!(definition.spec.names.kind))
        );
        let mut schema = schema_of(definition)["properties"]["spec"].clone();
        strict(&mut schema);
        let schema = jsonschema::options().with_pattern_options(PatternOptions::regex()).build(&schema);
        let schema = schema.expect("the schema is one");
        let errors: Vec<_> = schema.iter_errors(&manifest["spec"]).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{group_version} {}", manifest["kind"]);
        let mut other = manifest["spec"].clone();
        other["unheardOf"] = json!(1);
        assert_eq!(schema.is_valid(&other), definition.spec.names.kind == "Gateway", "{}", manifest["kind"]);
    }
}

#[test]
fn every_definition_is_structural_and_explains_each_field() {
    for definition in definitions() {
        let kind = &definition.spec.names.kind;
        walk(&schema_of(&definition)["properties"]["spec"], kind, &mut |path, node| {
            assert!(node["type"].is_string(), "{path} has no type");
            for word in ["$ref", "oneOf", "anyOf", "allOf", "not"] {
                assert!(node[word].is_null(), "{path} has {word}");
            }
            let format = node["format"].as_str().unwrap_or("int32");
            assert!(["int32", "int64", "double", "date-time"].contains(&format), "{path} has the format {format}");
            let explained = node["description"].is_string() || path.ends_with("[]");
            assert!(explained, "{path} has no description");
        });
        let of_kubernetes = definition.spec.group.ends_with(".k8s.io");
        let approval = definition.metadata.annotations.unwrap_or_default().remove("api-approved.kubernetes.io");
        assert_eq!(approval.is_some(), of_kubernetes, "{kind}: groups of Kubernetes need the annotation");
    }
}

#[test]
fn a_route_spells_out_what_the_apiserver_would_add() {
    let terse = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "chat"},
        "spec": {
            "parentRefs": [{"name": "public"}], "hostnames": [],
            "rules": [
                {"backendRefs": [{"name": "chat", "port": 80}]},
                {"matches": [{}, {"path": {"value": "/a"}}], "backendRefs": []},
            ],
        },
    });
    let of_apiserver = cel::apply_defaults(&schema_of(&HttpRoute::crd()), &terse);
    let of_type: HttpRoute = serde_json::from_value(terse).expect("a route");
    assert_eq!(serde_json::to_value(&of_type).expect("JSON"), of_apiserver);
    assert_eq!(
        of_apiserver["spec"]["parentRefs"][0],
        json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"})
    );
    assert_eq!(of_type.spec.rules[0].backend_refs, [BackendRef::service("chat", 80)]);
    assert_eq!(
        of_apiserver["spec"]["rules"][0],
        json!({
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [{"group": "", "kind": "Service", "name": "chat", "port": 80, "weight": 1}],
        })
    );
    assert_eq!(
        of_type.spec.rules[1].matches[1].path,
        PathMatch { by: PathMatchType::PathPrefix, value: "/a".to_owned() }
    );
}

#[test]
fn a_route_is_refused_for_the_reasons_that_the_real_one_is() {
    let schema = schema_of(&HttpRoute::crd());
    let mut route = manifests().swap_remove(5);
    let refusals = |route: &Value| match cel::Validator::new().validate(&schema, route, None) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.as_slice().iter().map(|error| error.message.clone()).collect(),
    };
    assert_eq!(refusals(&route), Vec::<String>::new());
    let rule = &mut route["spec"]["rules"][0];
    rule["timeouts"] = json!({"request": "10s", "backendRequest": "11s"});
    rule["matches"][0]["path"]["value"] = json!("socket.io");
    rule["backendRefs"][0].as_object_mut().expect("an object").remove("port");
    let mut said = refusals(&route);
    said.sort();
    assert_eq!(
        said,
        [
            "Must have port for Service reference",
            "backendRequest timeout cannot be longer than request timeout",
            "value must be an absolute path without //",
        ]
    );
}

#[test]
fn a_certificate_is_active_when_google_says_so() {
    let status = |said: Option<&str>| managed_certificate::ManagedCertificateStatus {
        certificate_status: said.map(str::to_owned),
        ..Default::default()
    };
    assert!(status(Some("Active")).is_active());
    assert!(!status(Some("Provisioning")).is_active());
    assert!(!status(None).is_active());
}

#[test]
fn no_list_of_request_headers_is_never_an_empty_list_and_one_of_response_headers_is() {
    let of_requests = backend_config::CustomRequestHeaders::default();
    assert_eq!(serde_json::to_value(of_requests).expect("JSON"), json!({}));
    let of_responses = backend_config::CustomResponseHeaders::default();
    assert_eq!(serde_json::to_value(of_responses).expect("JSON"), json!({"headers": []}));
}
