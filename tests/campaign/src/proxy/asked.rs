//! What a request asks for.

use bytes::Bytes;
use hyper::{Method, Uri};
use serde_json::Value;

/// Kubernetes' verbs; a server-side apply is one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// One object.
    Get,
    /// All objects.
    List,
    /// What happens to objects.
    Watch,
    /// POST.
    Create,
    /// PATCH.
    Apply,
    /// PUT.
    Update,
    /// DELETE.
    Delete,
}

impl Verb {
    /// Whether it may change something.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Apply | Self::Update | Self::Delete)
    }
}

/// A request in Kubernetes' terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The verb.
    pub verb: Verb,
    /// e.g. `deployments` or `realtimeservices/status`; empty for what is no resource.
    pub plural: String,
    /// The namespace.
    pub namespace: String,
    /// The name; of a create the one in the body.
    pub name: String,
}

impl Asked {
    pub(crate) fn of(method: &Method, uri: &Uri, body: &Bytes) -> Self {
        let parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
        let resource = match parts.as_slice() {
            ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
            _ => &[],
        };
        let (namespace, resource) = match resource {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            other => ("", other),
        };
        let (plural, name, sub) = match resource {
            [] => ("", "", None),
            [plural] => (*plural, "", None),
            [plural, name] => (*plural, *name, None),
            [plural, name, sub, ..] => (*plural, *name, Some(*sub)),
        };
        let watches =
            uri.query().is_some_and(|query| query.split('&').any(|it| matches!(it, "watch=true" | "watch=1")));
        let verb = match *method {
            Method::POST => Verb::Create,
            Method::PATCH => Verb::Apply,
            Method::PUT => Verb::Update,
            Method::DELETE => Verb::Delete,
            _ if watches => Verb::Watch,
            _ if name.is_empty() => Verb::List,
            _ => Verb::Get,
        };
        let name = match verb {
            Verb::Create if name.is_empty() => {
                let body: Value = serde_json::from_slice(body).unwrap_or_default();
                body["metadata"]["name"].as_str().unwrap_or_default().to_owned()
            }
            _ => name.to_owned(),
        };
        let plural = sub.map_or_else(|| plural.to_owned(), |sub| format!("{plural}/{sub}"));
        Self { verb, plural, namespace: namespace.to_owned(), name }
    }

    /// Whether it is one of the writes that a campaign counts: the lease has its own pace.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.verb.writes() && self.plural != "leases"
    }
}

/// Whether a name is that of a service, of one of its children, or of an Event about it.
#[must_use]
pub fn concerns(service: &str, name: &str) -> bool {
    name.strip_prefix(service).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, uri: &str, body: &'static str) -> (Verb, String, String, String) {
        let Asked { verb, plural, namespace, name } =
            Asked::of(&method, &uri.parse().expect("a URI"), &Bytes::from_static(body.as_bytes()));
        (verb, plural, namespace, name)
    }

    #[test]
    fn requests_are_read_as_kubernetes_means_them() {
        let of = |verb, plural: &str, namespace: &str, name: &str| {
            (verb, plural.to_owned(), namespace.to_owned(), name.to_owned())
        };
        assert_eq!(
            asked(Method::PATCH, "/apis/apps/v1/namespaces/ns/deployments/chat?force=true", ""),
            of(Verb::Apply, "deployments", "ns", "chat")
        );
        assert_eq!(
            asked(Method::GET, "/api/v1/namespaces/ns/services?watch=true&x=1", ""),
            of(Verb::Watch, "services", "ns", "")
        );
        assert_eq!(asked(Method::GET, "/api/v1/services", ""), of(Verb::List, "services", "", ""));
        assert_eq!(
            asked(Method::PATCH, "/apis/a.b/v1/namespaces/ns/realtimeservices/chat/status", ""),
            of(Verb::Apply, "realtimeservices/status", "ns", "chat")
        );
        assert_eq!(
            asked(Method::POST, "/apis/events.k8s.io/v1/namespaces/ns/events", "{\"metadata\":{\"name\":\"chat.1\"}}"),
            of(Verb::Create, "events", "ns", "chat.1")
        );
        assert_eq!(asked(Method::GET, "/version", ""), of(Verb::List, "", "", ""));
    }

    #[test]
    fn a_service_concerns_its_children_and_no_other_service() {
        assert!(["m1", "m1-server", "m1.17ab"].iter().all(|name| concerns("m1", name)));
        assert!(!["m10", "m", "xm1", "m2-server"].iter().any(|name| concerns("m1", name)));
    }
}
