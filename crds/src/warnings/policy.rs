//! The same rules for the apiserver.

use serde_json::{Value, json};

use super::Warning;
use crate::GROUP;

/// Name of the policy and of its binding; every warning of `kubectl apply` repeats it twice.
pub const POLICY_NAME: &str = "advice.realtime-operator.dev";

/// A ValidatingAdmissionPolicy with every rule and the binding that makes it warn. It never refuses.
#[must_use]
pub fn admission_policies() -> Vec<Value> {
    let validations: Vec<_> = Warning::ALL.iter().map(|warning| validation(*warning)).collect();
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": POLICY_NAME},
        "spec": {
            // A rule that cannot be evaluated is no reason to keep anybody from applying.
            "failurePolicy": "Ignore",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [GROUP],
                "apiVersions": ["v1alpha1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["realtimeservices"],
            }]},
            // Nobody who changes a label wants to hear it again.
            "matchConditions": [
                {"name": "spec-changes", "expression": "oldObject == null || object.spec != oldObject.spec"},
            ],
            "validations": validations,
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": POLICY_NAME},
        "spec": {"policyName": POLICY_NAME, "validationActions": ["Warn"]},
    });
    vec![policy, binding]
}

fn validation(warning: Warning) -> Value {
    let rule = warning.rule();
    let mut validation = json!({"expression": rule.fine, "message": rule.message()});
    if let Some(expression) = rule.message_expression() {
        validation["messageExpression"] = expression.into();
    }
    validation
}
