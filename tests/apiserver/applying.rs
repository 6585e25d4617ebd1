//! What becomes of a resource from its first apply to its end.

use anyhow::Result;
use realtime_tests::{CHILDREN, Stage};

use crate::manifests::{FIVE_LINES, service};

#[tokio::test]
async fn five_lines_get_all_their_children() -> Result<()> {
    let stage = Stage::new("five-lines").await?;
    let _operator = stage.operator().await?;
    let audit = stage.audit()?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;

    let uid = stage.services().get("chat").await?.metadata.uid;
    for child in CHILDREN {
        let object = stage.child(child, "chat").await?;
        let owner = &object["metadata"]["ownerReferences"][0];
        assert_eq!((owner["kind"].as_str(), owner["uid"].as_str()), (Some("RealtimeService"), uid.as_deref()));
        assert_eq!(object["metadata"]["labels"]["app.kubernetes.io/managed-by"], "realtime-operator");
    }
    let writes = audit.writes()?;
    for write in &writes {
        eprintln!("  {write}");
    }
    let reads = audit.requests()?.len() - writes.len();
    eprintln!("requests for one resource until quiet: {} writes, {reads} reads", writes.len());
    stage.holds(writes.len() <= 11, &format!("at most 11 writes for 8 children, not {}", writes.len())).await?;
    stage.holds(reads == 0, "no reads besides watches").await
}

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
        .within(std::time::Duration::from_secs(20), "every child has the new owner", async || {
            for child in CHILDREN {
                let object = stage.child(child, "chat").await?;
                if object["metadata"]["ownerReferences"][0]["uid"].as_str() != after.as_deref() {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await?;
    stage.says("chat", "Programmed", "Unknown", "AddressPending").await.map(|_| ())
}

#[tokio::test]
async fn many_resources_cost_as_many_requests_each_as_one() -> Result<()> {
    const COUNT: usize = 12;
    let stage = Stage::new("many").await?;
    let _operator = stage.operator().await?;
    let audit = stage.audit()?;
    let all: Vec<_> = (0..COUNT).map(|number| service(&format!("chat-{number}"), "")).collect();
    stage.apply(&all.join("---\n")).await?;
    for number in 0..COUNT {
        stage.settled(&format!("chat-{number}")).await?;
    }
    let (requests, writes) = (audit.requests()?.len(), audit.writes()?.len());
    eprintln!("requests for {COUNT} resources until quiet: {writes} writes, {} reads", requests - writes);
    stage.holds(writes <= 12 * COUNT, &format!("{writes} writes for {COUNT} resources")).await?;
    stage.holds(requests == writes, "no reads besides watches").await
}
