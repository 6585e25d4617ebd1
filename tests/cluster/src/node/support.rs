//! Whether this machine can run nodes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::PROGRAMS;
use crate::root;

/// Why this machine cannot run nodes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// Namespaces and cgroups are Linux's.
    #[error("nodes need Linux")]
    Linux,
    /// Neither root nor a sudo that asks for no password.
    #[error("nodes need root, or sudo without a password")]
    Root,
    /// A program that the distribution has in a package.
    #[error("nodes need {program}, of the package {package}: `tests/setup node` installs it")]
    Program {
        /// What was looked for.
        program: &'static str,
        /// Debian's name for where it is.
        package: &'static str,
    },
    /// In most containers even root may not create them.
    #[error("nodes need the right to create namespaces, which root does not have here")]
    Namespaces,
    /// In most containers they are read-only.
    #[error("nodes need cgroups, and none are mounted for writing")]
    Cgroups,
    /// Programs of Kubernetes that the folder with the assets lacks.
    #[error("nodes need {}, which {} lacks; without KUBEBUILDER_ASSETS they are built", programs.join(", "), folder.display())]
    Assets {
        /// What was looked for.
        programs: Vec<&'static str>,
        /// Where.
        folder: PathBuf,
    },
}

/// Program and package. The network plugins are no programs that a PATH leads to.
const PACKAGES: [(&str, &str); 7] = [
    ("nsenter", "util-linux"),
    ("containerd", "containerd"),
    ("ctr", "containerd"),
    ("runc", "runc"),
    ("nft", "nftables"),
    ("conntrack", "conntrack"),
    ("ip", "iproute2"),
];

/// Where distributions and upstream put them.
const NETWORK_PLUGINS: [&str; 3] = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];

/// Whether [`crate::LocalCluster`] can have nodes on this machine, and if not, why.
pub fn node_support() -> Result<(), Missing> {
    if !cfg!(target_os = "linux") {
        return Err(Missing::Linux);
    }
    if !root::is_root() && !root::succeeds(root::command("true")) {
        return Err(Missing::Root);
    }
    for (program, package) in PACKAGES {
        if !found(program) {
            return Err(Missing::Program { program, package });
        }
    }
    network_plugins()?;
    let mut unshare = root::command("unshare");
    unshare.args(["--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--", "true"]);
    if !root::succeeds(unshare) {
        return Err(Missing::Namespaces);
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    if !cgroups_are_writable(&mounts) {
        return Err(Missing::Cgroups);
    }
    Ok(())
}

pub(super) fn network_plugins() -> Result<PathBuf, Missing> {
    let complete = |folder: &PathBuf| ["ptp", "host-local", "portmap"].iter().all(|it| folder.join(it).exists());
    let missing = Missing::Program { program: "ptp", package: "containernetworking-plugins" };
    NETWORK_PLUGINS.iter().map(PathBuf::from).find(complete).ok_or(missing)
}

pub(super) fn assets(folder: &Path) -> Result<(), Missing> {
    let programs: Vec<_> = PROGRAMS.into_iter().filter(|program| !folder.join(program).exists()).collect();
    if programs.is_empty() { Ok(()) } else { Err(Missing::Assets { programs, folder: folder.to_owned() }) }
}

/// Root's PATH counts, which is not everybody's.
fn found(program: &str) -> bool {
    let mut which = root::command("sh");
    which.args(["-c", &format!("command -v {program}")]);
    root::succeeds(which)
}

fn cgroups_are_writable(mounts: &str) -> bool {
    let mut writable = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(2);
        let (kind, options) = (fields.next()?, fields.next()?);
        kind.starts_with("cgroup").then(|| options.split(',').any(|option| option == "rw"))
    });
    writable.next().is_some_and(|first| first && writable.all(|it| it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cgroups_count_when_all_are_writable() {
        let mounted = |options| format!("proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 {options} 0 0\n");
        assert!(cgroups_are_writable(&mounted("rw,nosuid")));
        assert!(!cgroups_are_writable(&mounted("ro,nosuid")));
        assert!(!cgroups_are_writable("proc /proc proc rw 0 0\n"));
    }

    #[test]
    fn assets_without_kubelet_are_named() {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join("kube-scheduler"), "").expect("program");
        let text = assets(folder.path()).expect_err("incomplete").to_string();
        assert!(text.starts_with("nodes need kubelet, kube-proxy, which /"), "{text}");
    }
}
