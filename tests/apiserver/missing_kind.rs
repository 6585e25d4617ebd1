//! A cluster without Google's BackendConfig.

use anyhow::Result;
use realtime_tests::{CHILDREN, Child, Cluster, Stage};

use crate::{gitops::agree_now, manifests::FIVE_LINES};

#[tokio::test]
async fn a_missing_kind_is_said_and_heals_when_it_appears() -> Result<()> {
    let stage = Stage::on(Cluster::start(false).await?, "missing-kind").await?;
    let _operator = stage.operator().await?;
    stage.apply(FIVE_LINES).await?;
    let message = stage.says("chat", "ResolvedRefs", "False", "KindMissing").await?;
    for words in ["BackendConfig", "backendconfigs.cloud.google.com", "spec.exposure.ingress", "the rest is applied"] {
        stage.holds(message.contains(words), &format!("{words:?} in {message:?}")).await?;
    }
    assert_eq!(agree_now(&stage, "chat").await?, ["Degraded", "Failed", "Failed"]);
    stage.quiet().await?;
    assert_eq!(stage.kinds("chat").await?.len(), CHILDREN.len() - 1, "the rest is applied");

    let audit = stage.audit()?;
    stage.cluster.install_backend_config().await?;
    stage.says("chat", "ResolvedRefs", "True", "ResolvedRefs").await?;
    stage.settled("chat").await?;
    // One create, and the status; a second one where the definition was seen before it was served.
    let writes = audit.writes()?;
    stage.holds(writes.len() <= 6, &format!("few writes: {writes:?}")).await?;

    // And once more: a kind that was taken away takes its objects along.
    stage.cluster.kubectl(&["delete", "crd", "backendconfigs.cloud.google.com"], "").await?.good()?;
    stage.says("chat", "ResolvedRefs", "False", "KindMissing").await?;
    stage.cluster.install_backend_config().await?;
    stage
        .eventually("the BackendConfig is made anew", async || {
            let config = stage.child(Child::of("BackendConfig"), "chat").await?;
            Ok((config["spec"]["timeoutSec"] == 3600).then_some(()))
        })
        .await?;
    stage.says("chat", "ResolvedRefs", "True", "ResolvedRefs").await.map(|_| ())
}
