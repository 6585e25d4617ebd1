//! Where there can be no node, the reason is said before anything is started.

use std::os::unix::fs::symlink;

use anyhow::Result;
use local_cluster::{LocalCluster, Missing, Options};

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
