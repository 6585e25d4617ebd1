//! Keys, certificates, tokens and kubeconfig files. The authority is the cluster's own: a self-signed serving
//! certificate pleases kubectl, but not every TLS library.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::CertificateDer;
use serde_json::json;

/// Subject names of the serving certificate: from outside, and from pods through the `kubernetes` Service.
const SERVING_NAMES: [&str; 6] =
    ["127.0.0.1", "localhost", "10.0.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];

#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) authority: CertificateDer<'static>,
    authority_pem: String,
    pub(crate) authority_file: PathBuf,
    pub(crate) serving_certificate: PathBuf,
    pub(crate) serving_key: PathBuf,
    pub(crate) service_account_key: PathBuf,
    pub(crate) service_account_public_key: PathBuf,
    pub(crate) tokens: PathBuf,
    pub(crate) admin_token: String,
    pub(crate) admin_kubeconfig: PathBuf,
    pub(crate) controller_manager_kubeconfig: PathBuf,
}

impl Credentials {
    pub(crate) fn write(data: &Path, server: &str) -> Result<Self> {
        let file = |name: &str, content: &str| -> Result<PathBuf> {
            let path = data.join(name);
            fs::write(&path, content)?;
            Ok(path)
        };
        let authority_key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "local-cluster");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = params.self_signed(&authority_key)?;
        let issuer = Issuer::new(params, authority_key);

        let serving_key = KeyPair::generate()?;
        let mut params = CertificateParams::new(SERVING_NAMES.map(String::from))?;
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let serving = params.signed_by(&serving_key, &issuer)?;

        let service_accounts = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let (admin, controller_manager) = (token()?, token()?);
        // Users of their own, so that the audit log tells one's requests from the other's.
        let tokens = format!(
            "{admin},admin,admin,system:masters\n\
             {controller_manager},system:kube-controller-manager,controller-manager,system:masters\n"
        );
        let mut credentials = Self {
            authority: authority.der().clone(),
            authority_pem: authority.pem(),
            authority_file: file("ca.crt", &authority.pem())?,
            serving_certificate: file("apiserver.crt", &serving.pem())?,
            serving_key: file("apiserver.key", &serving_key.serialize_pem())?,
            service_account_key: file("service-account.key", &service_accounts.serialize_pem())?,
            service_account_public_key: file("service-account.pub", &service_accounts.public_key_pem())?,
            tokens: file("tokens.csv", &tokens)?,
            admin_token: admin.clone(),
            admin_kubeconfig: PathBuf::new(),
            controller_manager_kubeconfig: PathBuf::new(),
        };
        credentials.admin_kubeconfig = credentials.kubeconfig(data, server, "admin", &admin)?;
        credentials.controller_manager_kubeconfig =
            credentials.kubeconfig(data, server, "kube-controller-manager", &controller_manager)?;
        Ok(credentials)
    }

    pub(crate) fn kubeconfig(&self, data: &Path, server: &str, user: &str, token: &str) -> Result<PathBuf> {
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": "local",
                "cluster": {"server": server, "certificate-authority-data": STANDARD.encode(&self.authority_pem)},
            }],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
            "current-context": "local",
        });
        let path = data.join(format!("{user}.kubeconfig"));
        fs::write(&path, serde_json::to_vec_pretty(&kubeconfig)?)?;
        Ok(path)
    }
}

/// 32 random bytes, taken from a key that is used for nothing else.
fn token() -> Result<String> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    Ok(key.public_key_raw().iter().skip(1).take(32).map(|byte| format!("{byte:02x}")).collect())
}
