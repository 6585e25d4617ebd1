//! The certificates of an Ingress.

use k8s_openapi::api::{core::v1::Secret, networking::v1::Ingress};
use kube::ResourceExt;
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use x509_parser::{extensions::GeneralName, pem::Pem};

use super::{Class, SyncError};
use crate::{model::Certificate, snapshot::Snapshot};

/// Names of ManagedCertificates, and of certificates that Google Cloud has under a name of its own.
pub(crate) const MANAGED: &str = "networking.gke.io/managed-certificates";
pub(crate) const PRE_SHARED: &str = "ingress.gcp.kubernetes.io/pre-shared-cert";
/// What ManagedCertificates are called there.
pub(crate) const MANAGED_PREFIX: &str = "mcrt-";

pub(crate) fn certificates(
    ingress: &Ingress,
    namespace: &str,
    class: Class,
    snapshot: &Snapshot,
) -> Result<Vec<Certificate>, SyncError> {
    let (mut managed, mut pre_shared) = (listed(ingress, MANAGED), listed(ingress, PRE_SHARED));
    pre_shared.retain(|name| !name.starts_with(MANAGED_PREFIX));
    if !class.is_gke() {
        managed.clear();
        pre_shared.clear();
    }
    let mut certificates = Vec::new();
    for tls in ingress.spec.iter().flat_map(|spec| spec.tls.iter().flatten()) {
        let Some(name) = tls.secret_name.as_ref().filter(|name| !name.is_empty()) else { continue };
        match snapshot.secret(namespace, name) {
            Some(secret) => certificates.push(given(&format!("{namespace}/{name}"), secret)?),
            None if !class.is_gke() => {
                certificates.push(Certificate::Issued { names: tls.hosts.clone().unwrap_or_default() });
            }
            None if managed.is_empty() && pre_shared.is_empty() => {
                return Err(SyncError::NoSecret(format!("{namespace}/{name}")));
            }
            None => {}
        }
    }
    for name in managed {
        let managed = snapshot.managed_certificate(namespace, name);
        let managed = managed.ok_or_else(|| SyncError::NoManagedCertificate(name.to_owned()))?;
        certificates.push(Certificate::Issued { names: managed.spec.domains.clone() });
    }
    if !pre_shared.is_empty() {
        // What it is for is known to Google Cloud alone; somebody made it for these hosts.
        let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
        certificates.push(Certificate::Issued { names: rules.filter_map(|rule| rule.host.clone()).collect() });
    }
    Ok(certificates)
}

/// The names that an annotation lists.
pub(crate) fn listed<'a>(ingress: &'a Ingress, annotation: &str) -> Vec<&'a str> {
    let names = ingress.annotations().get(annotation).map(String::as_str).unwrap_or_default();
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

fn given(full_name: &str, secret: &Secret) -> Result<Certificate, SyncError> {
    let refused = |why: &str| SyncError::BadSecret { secret: full_name.to_owned(), why: why.to_owned() };
    let text = |key: &str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(key)).ok_or_else(|| refused(&format!("no {key}")))?;
        String::from_utf8(bytes.0.clone()).map_err(|_| refused(&format!("{key} is no PEM")))
    };
    let (chain, key) = (text("tls.crt")?, text("tls.key")?);
    let first = Pem::iter_from_buffer(chain.as_bytes())
        .next()
        .and_then(Result::ok)
        .ok_or_else(|| refused("tls.crt is no PEM"))?;
    let leaf = first.parse_x509().map_err(|_| refused("tls.crt is no certificate"))?;
    if !fits(&chain, &key) {
        return Err(refused("tls.key is no key, or not the certificate's"));
    }
    let alternatives = leaf.subject_alternative_name().map_err(|_| refused("its names cannot be read"))?;
    let names =
        alternatives.iter().flat_map(|extension| &extension.value.general_names).filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        });
    Ok(Certificate::Given { names: names.collect(), chain, key })
}

/// Google Cloud refuses a key that is another certificate's, and Envoy does.
fn fits(chain: &str, key: &str) -> bool {
    let certificates = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
    let (Ok(certificates), Ok(key)) = (certificates, PrivateKeyDer::from_pem_slice(key.as_bytes())) else {
        return false;
    };
    CertifiedKey::from_der(certificates, key, &ring::default_provider()).is_ok()
}
