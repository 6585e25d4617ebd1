//! The end of a resource, with the real garbage collector.

use anyhow::Result;
use realtime_tests::{CHILDREN, Stage};

use crate::manifests::FIVE_LINES;

#[tokio::test]
async fn deleting_the_resource_leaves_nothing() -> Result<()> {
    let stage = Stage::new("deleting").await?;
    let _operator = stage.operator().await?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;
    let audit = stage.audit()?;
    stage.kubectl(&["delete", "rts", "chat"]).await?.good()?;
    stage
        .eventually("the garbage collector has taken every child", async || {
            Ok(stage.kinds("chat").await?.is_empty().then_some(()))
        })
        .await?;
    stage.quiet().await?;
    stage.holds(stage.kinds("chat").await?.is_empty(), "no child comes back").await?;
    stage.holds(audit.writes()?.is_empty(), &format!("nothing was written meanwhile: {:?}", audit.writes()?)).await
}

#[tokio::test]
async fn a_resource_that_is_deleted_and_made_anew_at_once_has_its_children() -> Result<()> {
    let stage = Stage::new("made-anew").await?;
    let _operator = stage.operator().await?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;
    let before = stage.services().get("chat").await?.metadata.uid;
    stage.kubectl(&["delete", "rts", "chat", "--wait=false"]).await?.good()?;
    stage.apply(FIVE_LINES).await?;
    let after = stage.services().get("chat").await?.metadata.uid;
    assert_ne!(before, after);
    stage
        .eventually("every child has the new owner", async || {
            for child in CHILDREN {
                let object = stage.child(child, "chat").await?;
                if object["metadata"]["ownerReferences"][0]["uid"].as_str() != after.as_deref() {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await?;
    stage.says("chat", "Programmed", "Unknown", "AddressPending").await?;
    let foreign =
        stage.kubectl(&["get", "events", "--field-selector=reason=ForeignObject", "-o", "name"]).await?.good()?;
    stage.holds(foreign.is_empty(), "children of the deleted one are leaving, not somebody else's").await
}
