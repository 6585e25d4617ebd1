//! Site B: the example page and an empty one, on an origin of their own.

use std::{fs, net::Ipv4Addr, path::PathBuf};

use anyhow::{Context, Result};
use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{Server, Version, programs};

/// A running site; dropping it ends it.
#[derive(Debug)]
pub struct Site {
    port: u16,
    serving: JoinHandle<()>,
}

impl Site {
    /// Serves one as `http://localhost:PORT`, which is another origin than anything on 127.0.0.1.
    ///
    /// # Errors
    /// When there is no free port or the clients cannot be installed.
    pub async fn serve() -> Result<Self> {
        let modules = programs::clients().await?.join("node_modules");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("failed to listen")?;
        let port = listener.local_addr()?.port();
        let client = move |Path(file): Path<String>| async move { javascript(modules.join(bundle(&file))) };
        let router = Router::new()
            .route("/", get(async || example("index.html")))
            .route("/empty/{file}", get(async |Path(file): Path<String>| Html(empty(&file))))
            .route("/client/{file}", get(client.clone()))
            .route("/socket.io.min.js", get(async move || client(Path("4.js".to_owned())).await))
            .route("/{file}", get(async |Path(file): Path<String>| example(&file)));
        let serving = tokio::spawn(async move {
            // Fails only when the listener does, and then no page will load.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { port, serving })
    }

    /// Its origin.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// The example page, for that server.
    #[must_use]
    pub fn chat(&self, server: &Server) -> String {
        format!("{}/?server={}&path={}", self.origin(), server.url(), server.path)
    }

    /// An empty page with `io` of that client.
    #[must_use]
    pub fn empty(&self, version: Version) -> String {
        format!("{}/empty/{}.html", self.origin(), version.number())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn bundle(file: &str) -> PathBuf {
    match file {
        "2.js" => "socket.io-client-v2/dist/socket.io.js".into(),
        "3.js" => "socket.io-client-v3/dist/socket.io.min.js".into(),
        _ => "socket.io-client/dist/socket.io.min.js".into(),
    }
}

fn empty(file: &str) -> String {
    let version = file.trim_end_matches(".html");
    format!(
        r#"<!doctype html><title>empty</title><link rel="icon" href="data:,"><script src="/client/{version}.js"></script>"#
    )
}

fn javascript(file: PathBuf) -> Response {
    served(file, "text/javascript; charset=utf-8")
}

fn example(name: &str) -> Response {
    let kind = match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some(_) | None => return StatusCode::NOT_FOUND.into_response(),
    };
    served(programs::root().join("examples/page").join(name), kind)
}

fn served(file: PathBuf, kind: &'static str) -> Response {
    match fs::read(file) {
        Ok(text) => ([(CONTENT_TYPE, kind)], text).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}
