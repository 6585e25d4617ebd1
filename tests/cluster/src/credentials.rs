//! Keys, certificates, tokens and kubeconfig files.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};

use crate::{
    authority::{Authority, Identity},
    layout::Layout,
};

#[derive(Debug)]
pub(crate) struct Credentials {
    data: PathBuf,
    server: String,
    pub(crate) authority: Authority,
    pub(crate) authority_file: PathBuf,
    pub(crate) serving: Files,
    /// What the apiserver shows kubelets: it asks them for logs and to run commands.
    pub(crate) kubelet_client: Files,
    pub(crate) service_account_key: PathBuf,
    pub(crate) service_account_public_key: PathBuf,
    pub(crate) tokens: PathBuf,
    pub(crate) admin_token: String,
    pub(crate) admin_kubeconfig: PathBuf,
    pub(crate) controller_manager_kubeconfig: PathBuf,
    pub(crate) scheduler_kubeconfig: PathBuf,
    pub(crate) proxy_kubeconfig: PathBuf,
    pub(crate) dns_kubeconfig: PathBuf,
}

/// The files of an [`Identity`].
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Credentials {
    pub(crate) fn write(data: &Path, layout: &Layout) -> Result<Self> {
        let file = |name: &str, content: &str| write(data, name, content);
        let authority = Authority::new()?;
        let serving = authority.server("kube-apiserver", serving_names(layout))?;
        let kubelet_client = authority.client("kube-apiserver-kubelet-client", "system:masters")?;
        let service_accounts = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let (admin, controller_manager, scheduler) = (token()?, token()?, token()?);
        let (proxy, dns) = (token()?, token()?);
        // Users of their own, so that the audit log tells one's requests from the other's.
        let tokens = format!(
            "{admin},admin,admin,system:masters\n\
             {controller_manager},system:kube-controller-manager,controller-manager,system:masters\n\
             {scheduler},system:kube-scheduler,scheduler\n\
             {proxy},system:kube-proxy,proxy\n\
             {dns},coredns,dns,system:masters\n"
        );
        let server = format!("https://{}", layout.ports.apiserver);
        let config = |user: &str, token: &str| {
            let kubeconfig = kubeconfig(&authority, &server, user, json!({"token": token}));
            file(&format!("{user}.kubeconfig"), &kubeconfig)
        };
        Ok(Self {
            authority_file: file("ca.crt", &authority.pem)?,
            serving: Files::write(data, "apiserver", &serving)?,
            kubelet_client: Files::write(data, "kubelet-client", &kubelet_client)?,
            service_account_key: file("service-account.key", &service_accounts.serialize_pem())?,
            service_account_public_key: file("service-account.pub", &service_accounts.public_key_pem())?,
            tokens: file("tokens.csv", &tokens)?,
            admin_kubeconfig: config("admin", &admin)?,
            controller_manager_kubeconfig: config("kube-controller-manager", &controller_manager)?,
            scheduler_kubeconfig: config("kube-scheduler", &scheduler)?,
            proxy_kubeconfig: config("kube-proxy", &proxy)?,
            dns_kubeconfig: config("coredns", &dns)?,
            admin_token: admin,
            data: data.to_owned(),
            server,
            authority,
        })
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    pub(crate) fn kubeconfig_with_token(&self, user: &str, token: &str) -> Result<PathBuf> {
        let kubeconfig = kubeconfig(&self.authority, &self.server, user, json!({"token": token}));
        write(&self.data, &format!("{user}.kubeconfig"), &kubeconfig)
    }

    /// The kubeconfig of a node's kubelet.
    pub(crate) fn node_kubeconfig(&self, node: &str) -> Result<PathBuf> {
        let identity = self.authority.client(&format!("system:node:{node}"), "system:nodes")?;
        let user = json!({
            "client-certificate-data": STANDARD.encode(identity.certificate),
            "client-key-data": STANDARD.encode(identity.key),
        });
        write(&self.data, &format!("{node}.kubeconfig"), &kubeconfig(&self.authority, &self.server, node, user))
    }

    /// The serving certificate of a node's kubelet.
    pub(crate) fn node_serving(&self, node: &str, address: IpAddr) -> Result<Files> {
        let identity = self.authority.server(node, vec![node.to_owned(), address.to_string()])?;
        Files::write(&self.data, node, &identity)
    }
}

impl Files {
    fn write(data: &Path, name: &str, identity: &Identity) -> Result<Self> {
        Ok(Self {
            certificate: write(data, &format!("{name}.crt"), &identity.certificate)?,
            key: write(data, &format!("{name}.key"), &identity.key)?,
        })
    }
}

/// Names of the serving certificate: from outside, and from pods through the `kubernetes` Service.
fn serving_names(layout: &Layout) -> Vec<String> {
    let addresses = [layout.ports.apiserver.ip().to_string(), layout.kubernetes.to_string()];
    let names = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
    let mut all: Vec<String> = names.into_iter().map(str::to_owned).chain(addresses).collect();
    all.sort();
    all.dedup();
    all
}

fn write(data: &Path, name: &str, content: &str) -> Result<PathBuf> {
    let path = data.join(name);
    fs::write(&path, content)?;
    Ok(path)
}

fn kubeconfig(authority: &Authority, server: &str, user: &str, credentials: Value) -> String {
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "local",
            "cluster": {"server": server, "certificate-authority-data": STANDARD.encode(&authority.pem)},
        }],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
        "current-context": "local",
    });
    format!("{kubeconfig:#}")
}

/// 32 random bytes, taken from a key that is used for nothing else.
fn token() -> Result<String> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    Ok(key.public_key_raw().iter().skip(1).take(32).map(|byte| format!("{byte:02x}")).collect())
}
