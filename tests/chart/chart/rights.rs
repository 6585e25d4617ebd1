//! Each right that the chart grants is needed, and no further one: without it the apiserver refuses exactly that, and with
//! all of them it refuses nothing.

mod crowd;
mod grant;
mod scenario;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use realtime_tests::{Cluster, Stage, helm, wait};
use serde_json::{Value, json};

use grant::Grant;
use scenario::Scenario;

/// Namespaces that are worked on at the same time.
const AT_ONCE: usize = 4;

fn list(objects: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
}

#[tokio::test]
async fn with_all_rights_nothing_is_refused() -> Result<()> {
    let cluster = Cluster::without_controllers().await?;
    let done = stream::iter(Scenario::every().into_iter().enumerate()).map(|(number, scenario)| {
        let cluster = cluster.clone();
        async move {
            refused_nothing(cluster, &format!("all-rights-{number}"), scenario)
                .await
                .with_context(|| format!("{scenario:?}"))
        }
    });
    done.buffer_unordered(AT_ONCE).try_collect().await
}

async fn refused_nothing(cluster: Arc<Cluster>, namespace: &str, scenario: Scenario) -> Result<()> {
    let stage = Stage::on(cluster, namespace).await?;
    let audit = stage.audit()?;
    scenario.prepare(&stage).await?;
    let operator = stage.standby("operator-0").await?;
    scenario.happened(&stage, &audit).await?;
    drop(operator);
    let refused = audit.refusals()?;
    ensure!(refused.is_empty(), "{refused:#?}");
    Ok(())
}

#[tokio::test]
async fn without_any_one_of_its_rights_the_operator_is_refused_just_that() -> Result<()> {
    let cluster = Cluster::without_controllers().await?;
    let grants = Grant::all(&helm::documents(&helm::rights("any").await?)?);
    ensure!(grants.len() > 50, "{grants:?}");
    let tried = stream::iter(grants.into_iter().enumerate()).map(|(number, grant)| {
        let cluster = cluster.clone();
        async move { (refused_without(cluster, &format!("right-{number}"), &grant).await, grant) }
    });
    let outcomes: Vec<_> = tried.buffer_unordered(AT_ONCE).collect().await;
    let failures: Vec<_> = outcomes
        .iter()
        .filter_map(|(outcome, grant)| Some(format!("{grant}: {:#}", outcome.as_ref().err()?)))
        .collect();
    ensure!(failures.is_empty(), "{} of {}:\n{}", failures.len(), outcomes.len(), failures.join("\n"));
    Ok(())
}

async fn refused_without(cluster: Arc<Cluster>, namespace: &str, grant: &Grant) -> Result<()> {
    let rights = grant.taken_from(helm::documents(&helm::rights(namespace).await?)?)?;
    let stage = Stage::with_rights(cluster, namespace, &list(&rights)).await?;
    let audit = stage.audit()?;
    Scenario::that_needs(grant).prepare(&stage).await?;
    // One that cannot have its lease may end before it serves its probes.
    let operator = stage.standby("operator-0").await;
    let refused = wait::until(wait::DEADLINE, async || {
        Ok(audit.refusals()?.iter().any(|message| grant.is_missed_in(message)).then_some(()))
    });
    let refused = refused.await?;
    drop(operator);
    let said = audit.refusals()?;
    refused.with_context(|| format!("nothing was refused for want of it; refused were {said:#?}"))?;
    // Nothing else is refused for want of anything else.
    let others: Vec<_> = said.iter().filter(|message| !grant.is_missed_in(message)).collect();
    ensure!(others.is_empty(), "other things are refused: {others:#?}");
    Ok(())
}
