//! Refusals, and what is taken over.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::*;
use crate::{
    model::{Affinity, PathMatch},
    snapshot::Objects,
};

/// An Ingress, and whatever else the cluster holds.
struct Cluster {
    annotations: Value,
    spec: Value,
    service: Value,
    backend_config: Value,
    frontend_config: Value,
}

impl Default for Cluster {
    fn default() -> Self {
        let path = |path: &str, kind: &str| json!({"path": path, "pathType": kind, "backend": {"service": {"name": "chat", "port": {"number": 80}}}});
        let paths = [path("/a", "Prefix"), path("/a/b", "Exact"), path("/a/b", "Prefix")];
        Self {
            annotations: json!({}),
            spec: json!({"rules": [{"host": "chat.example.com", "http": {"paths": paths}}]}),
            service: json!({"cloud.google.com/backend-config": "{\"default\": \"chat\"}"}),
            backend_config: json!({}),
            frontend_config: json!({}),
        }
    }
}

impl Cluster {
    fn translate(self, class: Class) -> Result<Frontend, Vec<SyncError>> {
        let Self { annotations, spec, service, backend_config, frontend_config } = self;
        let named = |extra: Value| json!({"name": "chat", "namespace": "a", "annotations": extra});
        let object = |spec: Value| {
            let object = json!({"apiVersion": "v1", "kind": "X", "metadata": named(json!({})), "spec": spec});
            vec![Arc::new(serde_json::from_value(object).expect("an object"))]
        };
        let ingress = json!({"metadata": named(annotations), "spec": spec});
        let service = json!({"metadata": named(service), "spec": {"ports": [{"name": "http", "port": 80}]}});
        let snapshot = Snapshot::from(Objects {
            ingresses: Vec::new(),
            services: vec![Arc::new(serde_json::from_value(service).expect("a Service"))],
            slices: Vec::new(),
            secrets: Vec::new(),
            backend_configs: object(backend_config),
            frontend_configs: object(frontend_config),
            managed_certificates: object(json!({"domains": ["chat.example.com"]})),
        });
        translate(&serde_json::from_value(ingress).expect("an Ingress"), class, &snapshot)
    }

    fn backend(self) -> Result<crate::model::Backend, Vec<SyncError>> {
        let frontend = self.translate(Class::Gce)?;
        Ok(frontend.backends.into_values().next().expect("a backend"))
    }

    fn refusal(self, class: Class) -> String {
        SyncError::note(&self.translate(class).expect_err("a refusal")).1
    }
}

#[test]
fn the_longest_path_comes_first_and_of_two_the_exact_one() {
    let frontend = Cluster::default().translate(Class::Gce).expect("no refusal");
    let paths: Vec<_> = frontend.hosts["chat.example.com"].iter().map(|route| route.path.clone()).collect();
    let [long, short] = ["/a/b", "/a"].map(|path| PathMatch::Segments(path.to_owned()));
    assert_eq!(paths, [PathMatch::Exact("/a/b".to_owned()), long, short]);
}

#[test]
fn what_a_backend_config_leaves_out_is_googles_default() {
    let backend = Cluster::default().backend().expect("no refusal");
    assert_eq!(backend.timeout, Some(Duration::from_secs(30)));
    assert_eq!(backend.drain, Some(Duration::ZERO));
    assert_eq!(backend.affinity, Affinity::None);
    let check = backend.health_check.expect("a health check");
    assert_eq!((check.path.as_str(), check.interval, check.port), ("/", Duration::from_secs(15), None));
}

#[test]
fn without_gke_nothing_is_cut_and_readiness_alone_decides() {
    let frontend = Cluster { backend_config: json!({"timeoutSec": 1}), ..Cluster::default() };
    let frontend = frontend.translate(Class::Portable).expect("no refusal");
    let backend = frontend.backends.values().next().expect("a backend");
    assert_eq!((backend.timeout, backend.drain, &backend.health_check), (None, None, &None));
}

#[test]
fn a_port_is_found_by_name_before_number_before_default() {
    for (annotation, is_found) in [
        (json!({"ports": {"http": "chat", "80": "missing"}, "default": "missing"}), true),
        (json!({"ports": {"80": "chat"}, "default": "missing"}), true),
        (json!({"ports": {"other": "missing"}, "default": "chat"}), true),
        (json!({"ports": {"http": "missing"}, "default": "chat"}), false),
        (json!({"ports": {"other": "chat"}}), false),
    ] {
        let service = json!({"cloud.google.com/backend-config": annotation.to_string()});
        assert_eq!(Cluster { service, ..Cluster::default() }.translate(Class::Gce).is_ok(), is_found, "{annotation}");
    }
}

#[test]
fn a_dangling_name_is_refused_in_the_words_of_the_controller() {
    let service = json!({"cloud.google.com/backend-config": "{\"default\": \"missing\"}"});
    let note = Cluster { service, ..Cluster::default() }.refusal(Class::Gce);
    assert!(note.starts_with("Translation failed: invalid ingress spec: error getting BackendConfig for port \"80\""));
    assert!(note.contains("on service \"a/chat\", err: no BackendConfig for service port exists."), "{note}");
}

#[test]
fn values_out_of_range_are_refused_though_the_definition_takes_them() {
    for (spec, field) in [
        (json!({"timeoutSec": 0}), "timeoutSec"),
        (json!({"connectionDraining": {"drainingTimeoutSec": 3_601}}), "connectionDraining.drainingTimeoutSec"),
        (json!({"sessionAffinity": {"affinityType": "COOKIE"}}), "sessionAffinity.affinityType"),
        (
            json!({"sessionAffinity": {"affinityType": "GENERATED_COOKIE", "affinityCookieTtlSec": 86_401}}),
            "sessionAffinity.affinityCookieTtlSec",
        ),
        (json!({"healthCheck": {"checkIntervalSec": 5, "timeoutSec": 6}}), "healthCheck.timeoutSec"),
        (json!({"healthCheck": {"requestPath": "healthz"}}), "healthCheck.requestPath"),
        (json!({"healthCheck": {"port": 70_000}}), "healthCheck.port"),
        (json!({"customRequestHeaders": {"headers": ["no colon"]}}), "customRequestHeaders.headers"),
        (json!({"customResponseHeaders": {"headers": ["x: a\nb"]}}), "customResponseHeaders.headers"),
    ] {
        let note = Cluster { backend_config: spec, ..Cluster::default() }.refusal(Class::Gce);
        assert!(note.contains(&format!("BackendConfig a/chat is not valid: {field}: ")), "{note}");
    }
}

#[test]
fn an_internal_load_balancer_takes_less() {
    let frontend = "networking.gke.io/v1beta1.FrontendConfig";
    let redirect = || json!({"redirectToHttps": {"enabled": true}});
    let with_tls = || json!({"networking.gke.io/managed-certificates": "chat"});
    let mut only_https = with_tls();
    only_https["kubernetes.io/ingress.allow-http"] = "false".into();

    let redirecting =
        || Cluster { annotations: json!({frontend: "chat"}), frontend_config: redirect(), ..Cluster::default() };
    assert!(redirecting().translate(Class::Gce).is_ok());
    assert!(redirecting().refusal(Class::GceInternal).contains("cannot enable HTTPS Redirects with L7 ILB"));

    let policy = || Cluster { backend_config: json!({"securityPolicy": {"name": ""}}), ..Cluster::default() };
    assert!(policy().translate(Class::Gce).is_ok());
    assert!(policy().translate(Class::GceInternal).is_err());

    let tls = |annotations: Value| Cluster { annotations, ..Cluster::default() };
    assert!(tls(with_tls()).translate(Class::Gce).is_ok());
    assert!(tls(with_tls()).translate(Class::GceInternal).is_err());
    assert!(tls(only_https).translate(Class::GceInternal).is_ok());
}

#[test]
fn something_must_be_left_to_serve() {
    let annotations = json!({"kubernetes.io/ingress.allow-http": "false"});
    assert!(Cluster { annotations, ..Cluster::default() }.refusal(Class::Gce).contains("nothing is left to serve"));
}

#[test]
fn all_refusals_are_told_at_once() {
    let path = |service: &str| json!({"path": "/*", "pathType": "Prefix", "backend": {"service": {"name": service}}});
    let spec = json!({"rules": [{"http": {"paths": [path("chat")]}}], "tls": [{"secretName": "missing"}]});
    let note = Cluster { spec, ..Cluster::default() }.refusal(Class::Gce);
    assert!(note.contains("invalid wildcard") && note.contains("secret \"a/missing\" does not exist"), "{note}");
}
