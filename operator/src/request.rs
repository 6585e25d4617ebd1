//! Every request has an end.
//!
//! The client has no time limit of its own, as a watch needs none. A request that the apiserver took and never answers, as when a
//! control plane is replaced, would hold its reconcile forever.

use std::time::Duration;

const ANSWER: Duration = Duration::from_secs(30);

/// Waits for an answer, and fails like a broken connection without one.
pub(crate) async fn in_time<T>(request: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    match tokio::time::timeout(ANSWER, request).await {
        Ok(answer) => answer,
        Err(_) => Err(kube::Error::Service("the apiserver did not answer within 30 s".into())),
    }
}
