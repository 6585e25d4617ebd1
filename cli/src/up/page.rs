//! The example page on a site of its own: http://localhost:PORT is another origin than the server's 127.0.0.1.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    path::Path,
};

use anyhow::{Context, Result};
use axum::{Json, Router, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

pub(super) struct Page {
    port: u16,
    listeners: JoinSet<()>,
}

macro_rules! page_file {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/page/", $name))
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

const FILES: [(&str, &str, &str); 5] = [
    ("/", HTML, page_file!("index.html")),
    ("/style.css", CSS, page_file!("style.css")),
    ("/page.js", JAVASCRIPT, page_file!("page.js")),
    ("/connection.js", JAVASCRIPT, page_file!("connection.js")),
    ("/rungs.js", JAVASCRIPT, page_file!("rungs.js")),
];

impl Page {
    pub(super) async fn serve(port: u16, server: &str, path: &str, client: &Path) -> Result<Self> {
        let client = std::fs::read_to_string(client)
            .with_context(|| format!("failed to read {}: run `npm ci --prefix tests/clients`", client.display()))?;
        let config = json!({"server": server, "path": path});
        let mut router = Router::new()
            .route("/config.json", get(async move || Json(config)))
            .route("/socket.io.min.js", get(async move || ([(CONTENT_TYPE, JAVASCRIPT)], client).into_response()));
        for (path, kind, text) in FILES {
            router = router.route(path, get(async move || ([(CONTENT_TYPE, kind)], text).into_response()));
        }
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("failed to serve the page on port {port}: choose another with --page-port"))?;
        let port = v4.local_addr()?.port();
        let mut listeners = JoinSet::new();
        // A browser may resolve localhost to ::1 first; a machine without IPv6 does without.
        if let Ok(v6) = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            listeners.spawn(serve(v6, router.clone()));
        }
        listeners.spawn(serve(v4, router));
        Ok(Self { port, listeners })
    }

    pub(super) fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    pub(super) fn end(mut self) {
        self.listeners.abort_all();
    }
}

async fn serve(listener: TcpListener, router: Router) {
    // Fails only when the listener does, and then there is no page to save.
    let _ = axum::serve(listener, router).await;
}
