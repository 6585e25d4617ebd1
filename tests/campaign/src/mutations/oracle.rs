//! Does the status say the truth?

use anyhow::{Result, bail, ensure};
use realtime_crds::{RealtimeService, ValidService};
use realtime_tests::Child;

use crate::{
    Ground,
    state::{Children, Detail, difference},
};

/// What the operator made of a spec.
pub(super) enum Verdict {
    /// It was carried out.
    Done,
    /// It is invalid, was said to be, and nothing was touched.
    Invalid,
    /// It is paused, and nothing was touched.
    Paused,
    /// The apiserver refuses a child of it, and the status says which.
    LetThrough(String),
}

/// Compares what the status says with what is there; `before` is what was there before the last change.
pub(super) async fn judge(
    ground: &Ground,
    name: &str,
    there: &RealtimeService,
    before: Option<&Children>,
) -> Result<Verdict> {
    let condition = |name: &str| {
        let conditions = there.status.iter().flat_map(|status| &status.conditions);
        let of = conditions.clone().find(|it| it.type_ == name);
        of.map_or((String::new(), String::new(), String::new()), |it| {
            (it.status.clone(), it.reason.clone(), it.message.clone())
        })
    };
    let (accepted, reason, message) = condition("Accepted");
    let unchanged = async || -> Result<()> {
        let Some(before) = before else { return Ok(()) };
        let difference = difference(before, &ground.children(name, Detail::Content).await?);
        ensure!(difference.is_none(), "touched although it should not be: {}", difference.unwrap_or_default());
        Ok(())
    };
    let service = match ValidService::new(there) {
        Ok(service) => service,
        Err(problems) => {
            ensure!(accepted == "False" && reason == "Invalid", "invalid, and Accepted is {accepted} {reason}");
            let named = problems.iter().all(|problem| message.contains(&problem.to_string()));
            ensure!(named, "not all problems are said: {problems:?} in {message:?}");
            unchanged().await?;
            return Ok(Verdict::Invalid);
        }
    };
    ensure!(accepted == "True", "valid, and Accepted is {accepted} {reason}: {message}");
    let (programmed, reason, message) = condition("Programmed");
    if service.spec().paused {
        ensure!(reason == "Paused", "paused, and Programmed is {programmed} {reason}: {message}");
        unchanged().await?;
        return Ok(Verdict::Paused);
    }
    match (programmed.as_str(), reason.as_str()) {
        ("True", "Programmed") | ("Unknown", "CertificatePending") => {}
        ("False", "Refused") => return Ok(Verdict::LetThrough(message)),
        // What the route refers to is no name that a Gateway could have.
        ("Unknown", "RoutePending") if is_untaken(ground, name).await? => {
            return Ok(Verdict::LetThrough(message));
        }
        _ => bail!("Programmed is {programmed} {reason}: {message}"),
    }
    let deployment = ground.one(Child::of("Deployment"), name).await?.map(|it| it.data).unwrap_or_default();
    let number = |field: &str| deployment["status"][field].as_i64().unwrap_or(0);
    let wanted = match &service.spec().workload.autoscaling {
        None => i64::from(service.spec().workload.replicas),
        Some(_) => deployment["spec"]["replicas"].as_i64().unwrap_or(0),
    };
    let status = there.status.clone().unwrap_or_default();
    let pods = format!("{}/{wanted}", number("availableReplicas"));
    ensure!(status.pods.as_deref() == Some(pods.as_str()), "pods are {pods}, said is {:?}", status.pods);
    let (ready, reason, message) = condition("Ready");
    ensure!(ready != "True", "no pod runs here, and Ready is True {reason}: {message}");
    let url = status.url.unwrap_or_default();
    let host_and_path = format!("{}{}", service.spec().host, service.spec().path);
    ensure!(url.is_empty() || url.contains(&service.spec().path), "{host_and_path} is served, said is {url}");
    Ok(Verdict::Done)
}

async fn is_untaken(ground: &Ground, name: &str) -> Result<bool> {
    let route = ground.one(Child::of("HTTPRoute"), name).await?;
    Ok(route.is_some_and(|route| route.data["status"]["parents"].is_null()))
}
