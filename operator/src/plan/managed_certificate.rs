//! The certificate that Google issues and renews.

use realtime_crds::{
    ValidService,
    foreign::{ManagedCertificate, ManagedCertificateSpec},
    v1alpha1::GkeExposure,
};

use super::names::{Names, metadata};

pub(crate) fn build(service: &ValidService, gke: &GkeExposure) -> Option<ManagedCertificate> {
    if !gke.managed_certificate {
        return None;
    }
    let spec = ManagedCertificateSpec { domains: vec![service.spec().host.clone()] };
    let mut certificate = ManagedCertificate::new("", spec);
    certificate.metadata = metadata(service, Names::of(service).main());
    Some(certificate)
}
