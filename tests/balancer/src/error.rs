//! What can go wrong with the load balancer itself; what is wrong with an Ingress is a [`crate::SyncError`].

use std::{io, path::PathBuf};

/// What can go wrong with the load balancer itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Envoy's program could not be brought.
    #[error("failed to bring Envoy: {0}")]
    NoEnvoy(String),
    /// A program could not be started.
    #[error("failed to start {}", binary.display())]
    Start {
        /// Its path.
        binary: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Envoy does not get ready.
    #[error("Envoy did not get ready; the end of its log:\n{log}")]
    NotReady {
        /// The end of its log.
        log: String,
    },
    /// Envoy ended, though nobody stopped it.
    #[error("Envoy ended {how}; the end of its log:\n{log}")]
    Ended {
        /// With which status, or by which signal.
        how: String,
        /// The end of its log.
        log: String,
    },
    /// Envoy does not take over what was written for it.
    #[error("Envoy did not take over {what}; the end of its log:\n{log}")]
    Refused {
        /// The statistic that stands still.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// Envoy's own account of itself cannot be had.
    #[error("failed to ask Envoy")]
    Admin(#[source] io::Error),
    /// The folder cannot be written.
    #[error("failed to write the load balancer's files")]
    Files(#[source] io::Error),
    /// The certificate authority cannot be made or read.
    #[error("failed to issue a certificate")]
    Authority(#[from] rcgen::Error),
    /// No free port was found.
    #[error("failed to find a free port")]
    Ports(#[source] io::Error),
    /// The apiserver does not answer.
    #[error("failed to ask the apiserver")]
    Api(#[from] kube::Error),
    /// What was waited for did not come.
    #[error("{what} did not come within {seconds} s: {last}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
        /// What there was instead.
        last: String,
    },
    /// The load balancer has stopped.
    #[error("the load balancer has stopped: {0}")]
    Stopped(String),
}
