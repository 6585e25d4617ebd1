//! The arguments of each program.

use std::path::{Path, PathBuf};

use crate::{credentials::Credentials, ports::Ports};

pub(crate) fn audit_policy(data: &Path) -> PathBuf {
    data.join("audit-policy.json")
}

fn flag(name: &str, value: impl std::fmt::Display) -> String {
    format!("--{name}={value}")
}

fn path(name: &str, value: &Path) -> String {
    flag(name, value.display())
}

pub(crate) fn etcd(data: &Path, ports: &Ports) -> Vec<String> {
    let client = format!("http://{}", ports.etcd_client);
    let peer = format!("http://{}", ports.etcd_peer);
    vec![
        path("data-dir", &data.join("etcd")),
        flag("listen-client-urls", &client),
        flag("advertise-client-urls", &client),
        flag("listen-peer-urls", &peer),
        flag("initial-advertise-peer-urls", &peer),
        flag("initial-cluster", format!("default={peer}")),
        // Lost with the folder anyway, so nothing needs to reach the disk.
        flag("unsafe-no-fsync", true),
        flag("log-level", "warn"),
    ]
}

pub(crate) fn kube_apiserver(
    data: &Path,
    ports: &Ports,
    credentials: &Credentials,
    audit_log: Option<&Path>,
) -> Vec<String> {
    let mut args = vec![
        flag("etcd-servers", format!("http://{}", ports.etcd_client)),
        flag("bind-address", ports.apiserver.ip()),
        flag("secure-port", ports.apiserver.port()),
        // A loopback address is no valid endpoint of the `kubernetes` Service.
        flag("endpoint-reconciler-type", "none"),
        flag("service-cluster-ip-range", "10.0.0.0/24"),
        flag("authorization-mode", "RBAC"),
        path("token-auth-file", &credentials.tokens),
        path("tls-cert-file", &credentials.serving_certificate),
        path("tls-private-key-file", &credentials.serving_key),
        flag("service-account-issuer", "https://kubernetes.default.svc"),
        path("service-account-key-file", &credentials.service_account_public_key),
        path("service-account-signing-key-file", &credentials.service_account_key),
        path("cert-dir", &data.join("certificates")),
        flag("profiling", false),
        flag("v", 1),
    ];
    if let Some(log) = audit_log {
        args.push(path("audit-policy-file", &audit_policy(data)));
        args.push(path("audit-log-path", log));
        args.push(flag("audit-log-mode", "blocking"));
        // Rotation would take lines away from who counts them.
        args.push(flag("audit-log-maxsize", 4_096));
    }
    args
}

pub(crate) fn kube_controller_manager(credentials: &Credentials) -> Vec<String> {
    vec![
        path("kubeconfig", &credentials.controller_manager_kubeconfig),
        path("service-account-private-key-file", &credentials.service_account_key),
        path("root-ca-file", &credentials.authority_file),
        flag("leader-elect", false),
        flag("secure-port", 0),
        flag("profiling", false),
        flag("v", 1),
    ]
}
