//! Whether an Ingress is this load balancer's, and whose rules it follows.

use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;

const ANNOTATION: &str = "kubernetes.io/ingress.class";

/// Whose rules an Ingress follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// GKE's, external.
    Gce,
    /// GKE's, internal.
    GceInternal,
    /// Those that any controller keeps: readiness alone decides, nothing is cut.
    Portable,
}

impl Class {
    /// `portable` is the name of the class that is served besides GKE's.
    pub(crate) fn of(ingress: &Ingress, gke: bool, portable: Option<&str>) -> Option<Self> {
        let annotation = ingress.annotations().get(ANNOTATION).map(String::as_str);
        // GKE does not look at spec.ingressClassName.
        match annotation {
            Some("gce") if gke => return Some(Self::Gce),
            Some("gce-internal") if gke => return Some(Self::GceInternal),
            Some(_) | None => {}
        }
        let named = annotation.or(ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_deref()));
        (named.is_some() && named == portable).then_some(Self::Portable)
    }

    pub(crate) fn is_gke(self) -> bool {
        match self {
            Self::Gce | Self::GceInternal => true,
            Self::Portable => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::networking::v1::IngressSpec;

    fn ingress(annotation: Option<&str>, class_name: Option<&str>) -> Ingress {
        let mut ingress = Ingress {
            spec: Some(IngressSpec { ingress_class_name: class_name.map(str::to_owned), ..IngressSpec::default() }),
            ..Ingress::default()
        };
        if let Some(class) = annotation {
            ingress.annotations_mut().insert(ANNOTATION.to_owned(), class.to_owned());
        }
        ingress
    }

    #[test]
    fn gke_reads_the_annotation_alone() {
        assert_eq!(Class::of(&ingress(Some("gce"), None), true, None), Some(Class::Gce));
        assert_eq!(Class::of(&ingress(Some("gce-internal"), Some("nginx")), true, None), Some(Class::GceInternal));
        assert_eq!(Class::of(&ingress(None, Some("gce")), true, None), None);
        assert_eq!(Class::of(&ingress(None, None), true, None), None);
        assert_eq!(Class::of(&ingress(Some("nginx"), None), true, None), None);
    }

    #[test]
    fn another_class_is_found_both_ways() {
        assert_eq!(Class::of(&ingress(None, Some("local")), true, Some("local")), Some(Class::Portable));
        assert_eq!(Class::of(&ingress(Some("local"), None), true, Some("local")), Some(Class::Portable));
        assert_eq!(Class::of(&ingress(Some("nginx"), Some("local")), true, Some("local")), None);
        assert_eq!(Class::of(&ingress(None, None), true, Some("local")), None);
    }
}
