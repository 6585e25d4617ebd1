use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use serde::Deserialize;

use super::*;
use crate::manifest;

/// Nothing unwise in it.
const WISE: &str = "host: chat.domain-a.com
origins: {allow: ['https://app.domain-b.com']}
exposure: {gke: {managedCertificate: true}}";

/// Fields over those of [`WISE`], and what is unwise then.
const UNWISE: &[(&str, &[Warning])] = &[
    ("paused: true", &[Warning::Paused]),
    ("origins: {allow: ['https://app.domain-b.com'], mode: Report}", &[Warning::ReportOnly]),
    (
        "origins: {allow: ['https://app.domain-b.com'], credentials: true, missing: Deny}",
        &[Warning::UnusedCredentials],
    ),
    (
        "origins: {allow: ['https://app.domain-b.com', 'https://*.preview.domain-b.com'], credentials: true, missing: Deny}
workload: {image: 'example.com/chat:1'}",
        &[Warning::WildcardWithCredentials],
    ),
    (
        "origins: {allow: ['https://app.domain-b.com', 'http://localhost:5173'], credentials: true, missing: Deny}
workload: {image: 'example.com/chat:1'}",
        &[Warning::LoopbackWithCredentials],
    ),
    (
        "origins: {allow: ['https://app.domain-b.com'], credentials: true}
workload: {image: 'example.com/chat:1'}",
        &[Warning::MissingOriginWithCredentials],
    ),
    (
        "origins: {allow: ['https://app.domain-b.com'], allowedHeaders: [Content-Type]}
auth: {jwt: {issuer: i, audiences: [a], jwks: {url: 'https://login.domain-b.com/jwks.json'}}}",
        &[Warning::AuthorizationNotAllowed],
    ),
    (
        "exposure: {gke: {managedCertificate: true, logging: {sampleRate: 1}}}
auth: {jwt: {issuer: i, audiences: [a], queryParameter: token, jwks: {url: 'https://login.domain-b.com/jwks.json'}}}",
        &[Warning::TokensInLogs],
    ),
    (
        "exposure: {gkeGateway: {parentRefs: [{name: edge}], logging: {sampleRate: 0.1}}}
auth: {jwt: {issuer: i, audiences: [a], queryParameter: token, jwks: {url: 'https://login.domain-b.com/jwks.json'}}}",
        &[Warning::TokensInLogs],
    ),
    ("exposure: {gke: {}}", &[Warning::NoCertificate]),
    ("exposure: {gke: {tlsSecretName: tls, iap: {secretName: oauth}}}", &[Warning::IdentityAwareProxy]),
    (
        "exposure: {gkeGateway: {parentRefs: [{name: edge}], iap: {secretName: oauth}, iapClientId: id}}",
        &[Warning::IdentityAwareProxy],
    ),
    (
        "exposure: {gateway: {parentRefs: [{name: edge}]}}
workload: {replicas: 2, image: 'example.com/chat:1'}",
        &[Warning::PollingWithoutAffinity],
    ),
    (
        "exposure: {gateway: {parentRefs: [{name: edge}]}}
policySource: File
workload: {autoscaling: {maxReplicas: 4, cpu: 60}, resources: {requests: {cpu: 250m}, limits: {memory: 256Mi}}}",
        &[Warning::PollingWithoutAffinity, Warning::PolicyFromFile],
    ),
    ("timeouts: {maxConnectionAge: 2m}", &[Warning::ShortConnectionAge]),
    ("timeouts: {pingInterval: 50s}", &[Warning::SlowPings]),
    ("timeouts: {drain: 0s}", &[Warning::AbruptDrain]),
    ("timeouts: {drain: 10m}", &[Warning::LongDrain]),
    ("workload: {image: 'example.com:5000/chat'}", &[Warning::UnpinnedImage]),
    ("workload: {image: 'example.com/chat:latest'}", &[Warning::UnpinnedImage]),
    ("workload: {resources: {requests: {memory: 128Mi}}}", &[Warning::NoMemoryLimit]),
    ("policySource: File", &[Warning::PolicyFromFile]),
];

/// Fields over those of [`WISE`] that come near to being unwise.
const WISE_TOO: &[&str] = &[
    "exposure: {gke: {annotations: {ingress.gcp.kubernetes.io/pre-shared-cert: mine}}}",
    "exposure: {gke: {tlsSecretName: tls, logging: {sampleRate: 1}}}",
    "exposure: {ingress: {className: nginx}}",
    "exposure: {none: {}}",
    "exposure: {gateway: {parentRefs: [{name: edge}]}}",
    "exposure: {gateway: {parentRefs: [{name: edge}]}}\nworkload: {replicas: 3}\ntransports: [websocket]",
    "exposure: {gateway: {parentRefs: [{name: edge}]}}\nworkload: {replicas: 3}",
    "exposure: {gke: {}}\norigins: {allow: ['http://localhost:5173']}",
    "origins: {allow: ['https://*.domain-b.com', 'http://localhost:5173']}",
    "origins: {allow: ['http://localhost:5173'], credentials: true, missing: Deny}\nworkload: {image: \
     'example.com/chat:1'}",
    "timeouts: {maxConnectionAge: 5m, pingInterval: 40s, pingTimeout: 20s, drain: 9m}",
    "timeouts: {drain: 5s}",
    "workload: {image: 'example.com:5000/team/chat:1.4.2'}",
    "workload: {image: 'chat@sha256:0f1e'}",
    "workload: {resources: {limits: {memory: 1Gi}}}",
    "workload: {replicas: 3}",
    "transports: [websocket]\norigins: {allow: ['https://app.domain-b.com'], allowedHeaders: []}
auth: {jwt: {issuer: i, audiences: [a], jwks: {url: 'https://login.domain-b.com/jwks.json'}}}",
];

fn service(over: &str) -> RealtimeService {
    let mut spec: serde_json::Value = serde_saphyr::from_str(WISE).expect("YAML");
    let over: serde_json::Map<_, _> = serde_saphyr::from_str(over).expect(over);
    spec.as_object_mut().expect("an object").extend(over);
    let document = serde_json::json!({
        "apiVersion": manifest::API_VERSION, "kind": "RealtimeService", "metadata": {"name": "chat"}, "spec": spec,
    });
    manifest::one(&document).unwrap_or_else(|problems| panic!("{spec}: {problems:?}"))
}

fn reasons(over: &str) -> Vec<Warning> {
    warnings(&service(over)).into_iter().map(|warned| warned.reason).collect()
}

#[test]
fn what_is_unwise_is_said_and_nothing_else() {
    for (over, expected) in UNWISE {
        assert_eq!(reasons(over), *expected, "{over}");
    }
}

#[test]
fn what_is_wise_is_left_alone() {
    assert_eq!(reasons("{}"), []);
    for over in WISE_TOO {
        assert_eq!(reasons(over), [], "{over}");
    }
}

#[test]
fn every_warning_has_an_example() {
    let shown: Vec<_> = UNWISE.iter().flat_map(|(_, expected)| *expected).collect();
    let missing: Vec<_> = Warning::ALL.iter().filter(|warning| !shown.contains(warning)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_rule_fails_for_any_of_the_examples() {
    for over in UNWISE.iter().map(|(over, _)| over).chain(WISE_TOO) {
        let object = serde_json::to_value(service(over)).expect("JSON");
        for outcome in evaluation::evaluate(&object) {
            assert!(outcome.is_ok(), "{over}: {outcome:?}");
        }
    }
}

#[test]
fn the_smallest_resource_lacks_a_certificate_alone() {
    let smallest = include_str!("../../../examples/smallest.yaml");
    let said = warnings(&manifest::read(smallest).expect("valid")[0]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(
        said[0].to_string(),
        "spec.exposure.gke: there is no certificate, and pages on https may open https and wss only; set \
         managedCertificate: true or tlsSecretName"
    );
}

#[test]
fn the_culprit_is_named() {
    let said = warnings(&service(UNWISE[3].0));
    assert_eq!(
        said[0].message,
        "spec.origins.allow: https://*.preview.domain-b.com lets every subdomain act with the cookies of its visitors, a \
         forgotten one too; with credentials list the origins by name"
    );
}

#[test]
fn the_words_fit_on_a_line_and_into_an_expression() {
    for warning in Warning::ALL {
        let rule = warning.rule();
        let message = rule.message();
        assert!(message.starts_with("spec.") && !message.contains(['\n', '\'']), "{message}");
        // The apiserver cuts single warnings to 256 characters once all of them exceed 4096.
        assert!(message.len() <= 256, "{} characters: {message}", message.len());
        assert!(rule.fine.is_ascii() && !rule.fine.contains("matches(o"), "{}", rule.fine);
    }
}

#[test]
fn the_apiserver_gets_every_rule_in_the_same_words_and_refuses_nobody() {
    let [policy, binding] = &admission_policies()[..] else { panic!("a policy and its binding") };
    let policy = ValidatingAdmissionPolicy::deserialize(policy).expect("a policy").spec.expect("a spec");
    let binding = ValidatingAdmissionPolicyBinding::deserialize(binding).expect("a binding").spec;
    assert_eq!(policy.failure_policy.as_deref(), Some("Ignore"));
    assert_eq!(binding.validation_actions, ["Warn"]);
    let validations = policy.validations.expect("validations");
    assert_eq!(validations.len(), Warning::ALL.len());
    for (warning, validation) in Warning::ALL.iter().zip(validations) {
        assert_eq!(validation.expression, warning.rule().fine);
        assert_eq!(validation.message, Some(warning.rule().message()));
        assert_eq!(validation.message_expression, warning.rule().message_expression());
    }
}
