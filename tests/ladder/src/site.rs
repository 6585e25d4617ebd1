//! Site B: the example page, and an empty one, on an origin of their own.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    extract::Path,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{Version, programs, server::Server};

/// A running site; dropping it ends it.
#[derive(Debug)]
pub struct Site {
    port: u16,
    listening: TcpListenerOrTask,
}

#[derive(Debug)]
enum TcpListenerOrTask {
    Held(TcpListener),
    Serving(JoinHandle<()>),
}

impl Site {
    /// A site whose origin is known, and that does not serve yet.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn reserve() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("failed to listen")?;
        Ok(Self { port: listener.local_addr()?.port(), listening: TcpListenerOrTask::Held(listener) })
    }
}
