//! The configuration files of a node's programs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    dns,
    network::{Place, Plan},
};
use crate::credentials::Credentials;

/// Where a node's containerd listens, in the node's own mount table.
pub(super) const CONTAINERD: &str = "/run/containerd/containerd.sock";

/// The image that holds a pod's namespaces, as the build of `node` names it.
const PAUSE: &str = "localhost/pause:1";

/// The paths of the files.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) containerd: PathBuf,
    pub(super) kubelet: PathBuf,
    pub(super) kubelet_kubeconfig: PathBuf,
    pub(super) proxy: PathBuf,
}

impl Files {
    pub(super) fn write(
        data: &Path,
        plugins: &Path,
        plan: &Plan,
        place: &Place,
        credentials: &Credentials,
    ) -> Result<Self> {
        let folder = data.join(&place.name);
        let networks = folder.join("networks");
        fs::create_dir_all(&networks)?;
        let json = |path: PathBuf, value: Value| -> Result<PathBuf> {
            fs::write(&path, format!("{value:#}"))?;
            Ok(path)
        };
        let nameservers = folder.join("resolv.conf");
        fs::write(&nameservers, "")?;
        json(networks.join("pods.conflist"), pod_network(place))?;
        let containerd = folder.join("containerd.toml");
        fs::write(&containerd, containerd_config(plugins, &networks))?;
        Ok(Self {
            containerd,
            kubelet: json(folder.join("kubelet.json"), kubelet_config(plan, place, credentials, &nameservers)?)?,
            kubelet_kubeconfig: credentials.node_kubeconfig(&place.name)?,
            proxy: json(folder.join("kube-proxy.json"), proxy_config(plan, place, credentials))?,
        })
    }
}

fn containerd_config(plugins: &Path, networks: &Path) -> String {
    // An AppArmor profile would be loaded for the whole machine. Not every root may lower the score of a process.
    format!(
        r#"version = 2
oom_score = 0
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]

[grpc]
address = "{CONTAINERD}"

[plugins."io.containerd.grpc.v1.cri"]
disable_apparmor = true
restrict_oom_score_adj = true
sandbox_image = "{PAUSE}"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{}"
conf_dir = "{}"
"#,
        plugins.display(),
        networks.display(),
    )
}

/// A link of its own for each pod: on a bridge, answers through a Service would need br_netfilter to find their way.
fn pod_network(place: &Place) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": false,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": place.pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": "/var/lib/cni/networks",
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
}

fn kubelet_config(plan: &Plan, place: &Place, credentials: &Credentials, nameservers: &Path) -> Result<Value> {
    let serving = credentials.node_serving(&place.name, place.address.into())?;
    Ok(json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": place.address,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": credentials.authority_file},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDNS": [plan.dns()],
        "clusterDomain": dns::DOMAIN,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": place.cgroup,
        "containerRuntimeEndpoint": format!("unix://{CONTAINERD}"),
        // How full the machine's disk is says nothing about this cluster.
        "evictionHard": {"imagefs.available": "0%", "memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%"},
        "failCgroupV1": false,
        "failSwapOn": false,
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": false,
        "oomScoreAdj": 0,
        "registerNode": true,
        "resolvConf": nameservers,
        "serializeImagePulls": false,
        "tlsCertFile": serving.certificate,
        "tlsPrivateKeyFile": serving.key,
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
    }))
}

fn proxy_config(plan: &Plan, place: &Place, credentials: &Credentials) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": place.address,
        "clientConnection": {"kubeconfig": credentials.proxy_kubeconfig},
        // What comes from elsewhere, this machine for example, has to go back the way it came.
        "clusterCIDR": plan.pods,
        "detectLocalMode": "ClusterCIDR",
        // Only the first network namespace of a machine may change these.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"},
        "healthzBindAddress": format!("{}:10256", place.address),
        "hostnameOverride": place.name,
        "metricsBindAddress": "127.0.0.1:10249",
        "mode": "nftables",
        "oomScoreAdj": 0,
    })
}
