//! A real server for the load balancer to send requests to.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result, ensure};
use axum::{
    Json, Router,
    extract::{
        Request, State,
        ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};

/// A server on an address of this machine that a Service may name; loopback ones are refused by the apiserver.
#[derive(Debug)]
pub struct Backend {
    pub name: &'static str,
    pub address: SocketAddr,
    is_ill: Arc<AtomicBool>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    name: &'static str,
    is_ill: Arc<AtomicBool>,
}

impl Backend {
    pub async fn start(name: &'static str) -> Result<Self> {
        let listener = TcpListener::bind((own_address()?, 0)).await?;
        let address = listener.local_addr()?;
        let is_ill = Arc::new(AtomicBool::new(false));
        let shared = Shared { name, is_ill: is_ill.clone() };
        let router = Router::new()
            .route("/healthz", get(health))
            .route("/never", get(std::future::pending::<()>))
            .fallback(answer)
            .with_state(shared);
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { name, address, is_ill, server })
    }

    pub fn fall_ill(&self, is_ill: bool) {
        self.is_ill.store(is_ill, Ordering::Relaxed);
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn health(State(shared): State<Shared>) -> StatusCode {
    if shared.is_ill.load(Ordering::Relaxed) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

/// Who answers and what it was asked; a WebSocket hears the same first and then its own words.
async fn answer(
    State(Shared { name, .. }): State<Shared>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    match upgrade {
        Ok(upgrade) => upgrade.on_upgrade(move |socket| echo(socket, name)),
        Err(_) => {
            let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or("")));
            let headers: serde_json::Map<_, _> =
                headers.map(|(name, value)| (name.to_owned(), value.to_owned().into())).collect();
            Json(json!({"name": name, "path": request.uri().path(), "headers": headers})).into_response()
        }
    }
}

async fn echo(mut socket: WebSocket, name: &'static str) {
    let mut said = socket.send(Message::text(name)).await;
    while let (Ok(()), Some(Ok(message))) = (&said, socket.recv().await) {
        said = match message {
            Message::Text(_) | Message::Binary(_) => socket.send(message).await,
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => return,
        };
    }
}

/// The address that this machine would use towards others; nothing is sent to find out.
fn own_address() -> Result<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    socket.connect(("192.0.2.1", 9)).context("this machine has no route to others, and so no address to serve on")?;
    let address = socket.local_addr()?.ip();
    ensure!(!address.is_loopback(), "this machine has no address but loopback");
    Ok(address)
}
