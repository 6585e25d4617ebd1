//! Where there can be no node, the reason is said.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
};

use anyhow::Result;
use local_cluster::{Exited, LocalCluster, Missing, Options};

use crate::support::supported;

#[tokio::test]
async fn programs_that_the_assets_lack_are_named() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let assets = LocalCluster::assets(|line| eprintln!("{line}")).await?;
    let control_plane_only = tempfile::tempdir()?;
    for program in ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"] {
        symlink(assets.join(program), control_plane_only.path().join(program))?;
    }
    let options = Options { nodes: 1, ..Options::default() };
    let error = LocalCluster::start(control_plane_only.path(), options).await.expect_err("there is no kubelet");
    let missing = error.downcast_ref::<Missing>().cloned();
    let expected = Missing::Assets {
        programs: vec!["kubelet", "kube-proxy", "kube-scheduler"],
        folder: control_plane_only.path().to_owned(),
    };
    assert_eq!(missing, Some(expected), "{error:#}");
    Ok(())
}

#[tokio::test]
async fn a_kubelet_that_ends_early_is_named_with_the_end_of_its_log() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let real = LocalCluster::assets(|line| eprintln!("{line}")).await?;
    let assets = tempfile::tempdir()?;
    for program in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"] {
        symlink(real.join(program), assets.path().join(program))?;
    }
    let kubelet = assets.path().join("kubelet");
    fs::write(&kubelet, "#!/bin/sh\necho no luck today >&2\nexit 7\n")?;
    fs::set_permissions(&kubelet, Permissions::from_mode(0o755))?;
    let options = Options { nodes: 1, ..Options::default() };
    let error = LocalCluster::start(assets.path(), options).await.expect_err("the kubelet ends");
    let text = error.downcast_ref::<Exited>().map(ToString::to_string);
    let expected = "node-1.kubelet ended early (exit status: 7); the end of its log:\nno luck today\n";
    assert_eq!(text.as_deref(), Some(expected), "{error:#}");
    Ok(())
}
