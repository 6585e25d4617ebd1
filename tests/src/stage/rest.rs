//! Waiting until nothing is left to do.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Stage;
use crate::{CHILDREN, Child};

/// The operator counts as quiet when it has asked nothing for this long.
const QUIET: Duration = Duration::from_millis(1500);

impl Stage {
    /// Waits until the service has all its children and the operator asks nothing more.
    ///
    /// # Errors
    /// When that does not happen.
    pub async fn settled(&self, service: &str) -> Result<()> {
        self.all_settled(&[service.to_owned()]).await
    }

    /// The same for several services.
    ///
    /// # Errors
    /// When that does not happen.
    pub async fn all_settled(&self, services: &[String]) -> Result<()> {
        for service in services {
            self.eventually(&format!("all children of {service}"), async || {
                Ok((self.kinds(service).await?.len() >= CHILDREN.len()).then_some(()))
            })
            .await?;
        }
        self.quiet().await
    }

    /// Waits until the operator asks nothing more.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn quiet(&self) -> Result<()> {
        let audit = self.audit()?;
        let (mut known, mut since) = (0, Instant::now());
        self.eventually("the operator is quiet", async || {
            let now = audit.requests()?.len();
            if now != known {
                (known, since) = (now, Instant::now());
            }
            Ok((since.elapsed() >= QUIET).then_some(()))
        })
        .await
    }

    /// Waits until the controllers have done their part for these services, the status shows it, and the operator asks nothing more.
    /// Pods never become available here, as there is no node.
    ///
    /// # Errors
    /// When that does not happen.
    pub async fn at_rest(&self, services: &[&str]) -> Result<()> {
        for service in services {
            self.eventually(&format!("the pods of {service} exist and its status shows them"), async || {
                let deployment = self.child(Child::of("Deployment"), service).await?;
                let wanted = deployment["spec"]["replicas"].as_i64();
                let exist = deployment["status"]["replicas"].as_i64();
                let shown = self.services().get(service).await?.status.map(|status| i64::from(status.replicas));
                Ok((wanted == exist && exist == shown).then_some(()))
            })
            .await?;
        }
        self.quiet().await
    }
}
