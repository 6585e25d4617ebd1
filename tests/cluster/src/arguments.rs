//! The arguments of each program.

use std::path::{Path, PathBuf};

use crate::{credentials::Credentials, layout::Layout};

/// Off by default and on in some distributions: whoever makes children that block the deletion of their owner needs rights on it.
const OWNERS: &str = "OwnerReferencesPermissionEnforcement";

pub(crate) fn audit_policy(data: &Path) -> PathBuf {
    data.join("audit-policy.json")
}

pub(crate) fn flag(name: &str, value: impl std::fmt::Display) -> String {
    format!("--{name}={value}")
}

pub(crate) fn path(name: &str, value: &Path) -> String {
    flag(name, value.display())
}

pub(crate) fn etcd(data: &Path, layout: &Layout) -> Vec<String> {
    let client = format!("http://{}", layout.ports.etcd_client);
    let peer = format!("http://{}", layout.ports.etcd_peer);
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
    layout: &Layout,
    credentials: &Credentials,
    audit_log: Option<&Path>,
) -> Vec<String> {
    let address = layout.ports.apiserver;
    let mut args = vec![
        flag("etcd-servers", format!("http://{}", layout.ports.etcd_client)),
        flag("bind-address", address.ip()),
        flag("secure-port", address.port()),
        flag("service-cluster-ip-range", &layout.services),
        path("token-auth-file", &credentials.tokens),
        path("tls-cert-file", &credentials.serving.certificate),
        path("tls-private-key-file", &credentials.serving.key),
        flag("service-account-issuer", "https://kubernetes.default.svc"),
        path("service-account-key-file", &credentials.service_account_public_key),
        path("service-account-signing-key-file", &credentials.service_account_key),
        path("cert-dir", &data.join("certificates")),
        flag("profiling", false),
        flag("v", 1),
    ];
    if layout.nodes {
        args.push(flag("advertise-address", address.ip()));
        args.push(flag("allow-privileged", true));
        args.push(flag("authorization-mode", "Node,RBAC"));
        args.push(flag("enable-admission-plugins", format!("{OWNERS},NodeRestriction")));
        args.push(path("client-ca-file", &credentials.authority_file));
        args.push(path("kubelet-certificate-authority", &credentials.authority_file));
        args.push(path("kubelet-client-certificate", &credentials.kubelet_client.certificate));
        args.push(path("kubelet-client-key", &credentials.kubelet_client.key));
        args.push(flag("kubelet-preferred-address-types", "InternalIP"));
    } else {
        args.push(flag("authorization-mode", "RBAC"));
        args.push(flag("enable-admission-plugins", OWNERS));
        // A loopback address is no valid endpoint of the `kubernetes` Service.
        args.push(flag("endpoint-reconciler-type", "none"));
    }
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
        // Collecting what hundreds of deleted owners leave behind would take minutes at the default of 20.
        flag("kube-api-qps", 300),
        flag("kube-api-burst", 600),
        flag("v", 1),
    ]
}

pub(crate) fn kube_scheduler(credentials: &Credentials) -> Vec<String> {
    vec![
        path("kubeconfig", &credentials.scheduler_kubeconfig),
        flag("leader-elect", false),
        flag("secure-port", 0),
        flag("profiling", false),
        flag("v", 1),
    ]
}
