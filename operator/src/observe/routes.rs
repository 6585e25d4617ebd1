//! PURE: what the routes say of themselves.

use realtime_crds::{ValidService, Way};
use serde_json::Value;

use super::{Certificate, Route};

/// Where clients connect.
pub(crate) fn url(service: &ValidService) -> String {
    let spec = service.spec();
    let tls = match service.way() {
        Way::Gke(gke) => gke.has_certificate(),
        Way::Ingress(ingress) => ingress.tls_secret_name.is_some(),
        // The listeners of the Gateways have the certificates; a page on https could not connect without.
        Way::GkeGateway(_) | Way::Gateway(_) => true,
        Way::Inside => return format!("http://{}.{}.svc{}", service.name(), service.namespace(), spec.path),
    };
    format!("{}://{}{}", if tls { "https" } else { "http" }, spec.host, spec.path)
}

/// How the Gateways took the route; what they say of an older generation of it does not count.
pub(super) fn route(route: Option<&Value>, service: &ValidService) -> Route {
    if !matches!(service.way(), Way::GkeGateway(_) | Way::Gateway(_)) {
        return Route::None;
    }
    let Some(route) = route else { return Route::Pending };
    let generation = route["metadata"]["generation"].as_i64().unwrap_or(0);
    let parents = route["status"]["parents"].as_array().map(Vec::as_slice).unwrap_or_default();
    let current = |condition: &&Value| condition["observedGeneration"].as_i64().is_none_or(|seen| seen >= generation);
    let said = |parent: &Value, name: &str, status: &str| {
        let conditions = parent["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        conditions
            .iter()
            .filter(current)
            .find(|condition| condition["type"] == name && condition["status"] == status)
            .cloned()
    };
    let refusal = parents
        .iter()
        .find_map(|parent| said(parent, "Accepted", "False").or_else(|| said(parent, "ResolvedRefs", "False")));
    if let Some(refusal) = refusal {
        let text = |name: &str| refusal[name].as_str().unwrap_or_default().to_owned();
        return Route::Refused(format!("{}: {}", text("reason"), text("message")));
    }
    let taken =
        |parent: &Value| said(parent, "Accepted", "True").is_some() && said(parent, "ResolvedRefs", "True").is_some();
    if parents.iter().any(taken) { Route::Taken } else { Route::Pending }
}

/// How far the certificate is, where clients depend on it.
pub(super) fn certificate(certificate: Option<&Value>, service: &ValidService) -> Certificate {
    let Way::Gke(gke) = service.way() else { return Certificate::None };
    if !gke.managed_certificate || gke.tls_secret_name.is_some() {
        return Certificate::None;
    }
    let status = certificate.map_or(&Value::Null, |certificate| &certificate["status"]);
    let domain = status["domainStatus"][0]["status"].as_str();
    let word = status["certificateStatus"].as_str().unwrap_or_default();
    let why = domain.unwrap_or(if word.is_empty() { "Provisioning" } else { word }).to_owned();
    match word {
        // A renewal that failed is tried again while the old certificate serves.
        "Active" | "RenewalFailed" => Certificate::Active,
        "ProvisioningFailedPermanently" => Certificate::Failed(why),
        _ => Certificate::Pending(why),
    }
}

#[cfg(test)]
mod tests {
    use realtime_crds::manifest;
    use serde_json::json;

    use super::*;

    fn service(exposure: &Value) -> ValidService {
        let document = json!({"apiVersion": manifest::API_VERSION, "kind": "RealtimeService", "metadata": {"name": "chat"},
            "spec": {"host": "a.com", "origins": {"allow": ["https://b.com"]}, "exposure": exposure}});
        ValidService::new(&manifest::one(&document).expect("valid")).expect("valid")
    }

    fn through_gateway(conditions: &Value) -> Route {
        let route_of = json!({"metadata": {"generation": 2}, "status": {"parents": [{"conditions": conditions}]}});
        route(Some(&route_of), &service(&json!({"gateway": {"parentRefs": [{"name": "web"}]}})))
    }

    fn condition(name: &str, status: &str, generation: i64) -> Value {
        json!({"type": name, "status": status, "reason": "NoMatchingListenerHostname", "message": "no listener takes a.com", "observedGeneration": generation})
    }

    #[test]
    fn a_route_is_taken_when_a_gateway_says_so_of_this_generation() {
        let taken = json!([condition("Accepted", "True", 2), condition("ResolvedRefs", "True", 2)]);
        assert_eq!(through_gateway(&taken), Route::Taken);
        let of_before = json!([condition("Accepted", "True", 1), condition("ResolvedRefs", "True", 1)]);
        assert_eq!(through_gateway(&of_before), Route::Pending);
        assert_eq!(through_gateway(&json!([])), Route::Pending);
    }

    #[test]
    fn a_refusal_is_passed_on_in_the_gateways_words() {
        let refused = through_gateway(&json!([condition("Accepted", "False", 2)]));
        assert_eq!(refused, Route::Refused("NoMatchingListenerHostname: no listener takes a.com".to_owned()));
    }

    #[test]
    fn a_certificate_counts_only_where_clients_depend_on_it() {
        let of = |exposure: &Value, status: Value| certificate(Some(&json!({"status": status})), &service(exposure));
        let managed = json!({"gke": {"managedCertificate": true}});
        let waiting = json!({"certificateStatus": "Provisioning", "domainStatus": [{"domain": "a.com", "status": "FailedNotVisible"}]});
        assert_eq!(of(&managed, waiting.clone()), Certificate::Pending("FailedNotVisible".to_owned()));
        assert_eq!(of(&managed, json!({"certificateStatus": "Active"})), Certificate::Active);
        let given_up = json!({"certificateStatus": "ProvisioningFailedPermanently", "domainStatus": [{"domain": "a.com", "status": "FailedCaaForbidden"}]});
        assert_eq!(of(&managed, given_up), Certificate::Failed("FailedCaaForbidden".to_owned()));
        let both = json!({"gke": {"managedCertificate": true, "tlsSecretName": "tls"}});
        assert_eq!(of(&both, waiting), Certificate::None);
    }
}
