//! What a resource gets, and what that costs.

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
async fn many_resources_cost_as_many_requests_each_as_one() -> Result<()> {
    const COUNT: usize = 12;
    let stage = Stage::new("many").await?;
    let _operator = stage.operator().await?;
    let audit = stage.audit()?;
    let names: Vec<_> = (0..COUNT).map(|number| format!("chat-{number}")).collect();
    let manifests: Vec<_> = names.iter().map(|name| service(name, "")).collect();
    stage.apply(&manifests.join("---\n")).await?;
    stage.all_settled(&names).await?;
    let (requests, writes) = (audit.requests()?.len(), audit.writes()?.len());
    eprintln!("requests for {COUNT} resources until quiet: {writes} writes, {} reads", requests - writes);
    stage.holds(writes <= 12 * COUNT, &format!("{writes} writes for {COUNT} resources")).await?;
    stage.holds(requests == writes, "no reads besides watches").await
}
