//! TLS as browsers do it: the machine's authorities, those of `--ca`, and where there are none, Mozilla's.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use x509_parser::{parse_x509_certificate, prelude::X509Certificate};

use crate::{TargetError, judge::connect::Secured};

/// A configuration that trusts what browsers on this machine would.
pub(super) fn config(authorities: &[u8]) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    // Checked when the target was made.
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(authorities).flatten());
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(with_http(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// A configuration that trusts anybody.
pub(super) fn careless() -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let verifier = Arc::new(Anybody(provider));
    Ok(with_http(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

/// Checks a file of authorities.
pub(crate) fn authorities(pem: &[u8]) -> Result<(), TargetError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).flatten());
    if added == 0 { Err(TargetError::Authorities) } else { Ok(()) }
}

fn with_http(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// What the certificate says about itself.
pub(super) fn secured(version: Option<rustls::ProtocolVersion>, certificate: Option<&CertificateDer<'_>>) -> Secured {
    let version = version.map_or_else(String::new, |version| format!("{version:?}").replace("TLSv1_", "TLS 1."));
    let parsed = certificate.and_then(|certificate| parse_x509_certificate(certificate).ok());
    let Some((_, certificate)) = parsed else { return Secured { version, ..Secured::default() } };
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or_default();
    let until = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    Secured { version, issuer: issuer(&certificate), until: Some(until) }
}

fn issuer(certificate: &X509Certificate<'_>) -> String {
    let name = certificate.issuer();
    let part = name.iter_common_name().next().or_else(|| name.iter_organization().next());
    part.and_then(|part| part.as_str().ok()).unwrap_or("an authority without a name").to_owned()
}

#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
