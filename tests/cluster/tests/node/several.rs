//! More than one node, and nodes that come and go.

use std::time::Duration;

use anyhow::{Result, ensure};
use local_cluster::LocalCluster;

use crate::support::{
    IMAGE, address, await_ready, eventually, get, image, kubectl, pod, run_pods, supported, with_nodes,
};

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn pods_of_two_nodes_reach_each_other_and_a_drain_moves_them() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let mut cluster = with_nodes(2).await?;
    assert_eq!(cluster.node_names(), ["node-1", "node-2"]);
    kubectl(&cluster, &["create", "-f", "-"], &pod("one", ", nodeName: node-1"))?;
    kubectl(&cluster, &["create", "-f", "-"], &pod("two", ", nodeName: node-2"))?;
    await_ready(&cluster, "default", "one")?;
    await_ready(&cluster, "default", "two")?;
    kubectl(&cluster, &["expose", "pod", "two", "--port=8080"], "")?;
    let (one, two) = (address(&cluster, "default", "pod/one")?, address(&cluster, "default", "pod/two")?);
    let service = address(&cluster, "default", "service/two")?;
    assert_eq!(get(one, &format!("/fetch?url=http://{two}/"))?, "two");
    assert_eq!(get(two, &format!("/fetch?url=http://{one}/"))?, "one");
    // From this machine the way leads through the first node.
    assert_eq!(eventually(LIMIT, || get(service, "/"))?, "two");
    assert_eq!(get(one, &format!("/fetch?url=http://{service}/"))?, "two");

    kubectl(&cluster, &["create", "deployment", "moved", "--image", IMAGE, "--replicas=2"], "")?;
    kubectl(&cluster, &["rollout", "status", "deployment/moved", "--timeout=60s"], "")?;
    kubectl(&cluster, &["drain", "node-2", "--force", "--timeout=60s"], "")?;
    kubectl(&cluster, &["rollout", "status", "deployment/moved", "--timeout=60s"], "")?;
    eventually(LIMIT, || all_on(&cluster, "node-1"))?;

    cluster.stop_node(2).await?;
    assert_eq!(cluster.node_names(), ["node-1"]);
    assert!(get(two, "/").is_err());
    cluster.start_node(2).await?;
    cluster.import_image(&image().await?).await?;
    kubectl(&cluster, &["uncordon", "node-2"], "")?;
    kubectl(&cluster, &["create", "-f", "-"], &pod("again", ", nodeName: node-2"))?;
    await_ready(&cluster, "default", "again")?;
    assert_eq!(get(address(&cluster, "default", "pod/again")?, "/")?, "again");
    cluster.stop().await
}

#[tokio::test]
async fn pods_outlive_their_kubelet_and_it_takes_them_up_again() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let mut cluster = with_nodes(1).await?;
    run_pods(&cluster, "kept", &["before"])?;
    let before = address(&cluster, "kept", "pod/before")?;
    cluster.stop_kubelet(1).await?;
    assert_eq!(get(before, "/")?, "before");
    kubectl(&cluster, &["create", "-n", "kept", "-f", "-"], &pod("after", ""))?;
    cluster.start_kubelet(1).await?;
    await_ready(&cluster, "kept", "after")?;
    let restarts = "jsonpath={.status.containerStatuses[0].restartCount}";
    assert_eq!(kubectl(&cluster, &["get", "pod", "-n", "kept", "before", "-o", restarts], "")?, "0");
    assert_eq!(get(before, "/")?, "before");
    cluster.stop().await
}

#[tokio::test]
async fn two_clusters_run_side_by_side() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let (one, other) = tokio::try_join!(with_nodes(1), with_nodes(1))?;
    assert_ne!(one.host_address(), other.host_address());
    run_pods(&one, "mine", &["web"])?;
    run_pods(&other, "mine", &["web"])?;
    let (left, right) = (address(&one, "mine", "pod/web")?, address(&other, "mine", "pod/web")?);
    assert_ne!(left, right);
    assert_eq!((get(left, "/")?, get(right, "/")?), ("web".to_owned(), "web".to_owned()));
    one.stop().await?;
    assert!(get(left, "/").is_err());
    assert_eq!(get(right, "/")?, "web");
    other.stop().await
}

fn all_on(cluster: &LocalCluster, node: &str) -> Result<()> {
    let output = "jsonpath={.items[*].spec.nodeName}";
    let nodes = kubectl(cluster, &["get", "pods", "-l", "app=moved", "-o", output], "")?;
    ensure!(nodes.split(' ').collect::<Vec<_>>() == [node, node], "they are on {nodes}");
    Ok(())
}
