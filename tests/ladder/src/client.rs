//! The Socket.IO client of the ladder in three generations.

use std::fmt;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{driver::Driver, process, programs, server::Server};

/// Which generation of `socket.io-client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Engine.IO 3.
    V2,
    /// Engine.IO 4.
    V3,
    /// Engine.IO 4, the current one.
    V4,
}

impl Version {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::V4, Self::V3, Self::V2];

    /// Its number.
    #[must_use]
    pub const fn number(self) -> &'static str {
        match self {
            Self::V2 => "2",
            Self::V3 => "3",
            Self::V4 => "4",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.number())
    }
}

/// How a client connects.
#[derive(Clone, Debug)]
pub struct Options {
    version: Version,
    origin: String,
    transports: &'static str,
    fallback: bool,
    quick: bool,
}

/// A running client.
#[derive(Debug)]
pub struct Client {
    driver: Driver,
    asked: u64,
    /// Which one.
    pub version: Version,
}

/// A connection of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The socket's id.
    pub id: String,
    /// `websocket` or `polling`, at that moment.
    pub transport: String,
}

/// Why a client did not connect, as the server said it.
#[derive(Clone, Debug)]
pub struct Refused {
    /// `websocket` or `polling`.
    pub transport: String,
    /// The status.
    pub status: u64,
    /// The headers, in lower case.
    pub headers: Value,
    /// The body.
    pub body: Value,
}

impl Version {
    /// A client of this generation for pages on that origin, by `transports: ['websocket']`.
    #[must_use]
    pub fn on(self, origin: &str) -> Options {
        Options { version: self, origin: origin.to_owned(), transports: "websocket", fallback: false, quick: false }
    }
}

impl Options {
    /// `transports`, with a comma.
    #[must_use]
    pub fn transports(self, transports: &'static str) -> Self {
        Self { transports, ..self }
    }

    /// Switches to `['polling', 'websocket']` on `reconnect_attempt`.
    #[must_use]
    pub fn fallback(self) -> Self {
        Self { fallback: true, ..self }
    }

    /// Tries again at once, not after seconds.
    #[must_use]
    pub fn quick(self) -> Self {
        Self { quick: true, ..self }
    }

    /// Connects.
    ///
    /// # Errors
    /// When the program does not start.
    pub async fn start(self, server: &Server) -> Result<Client> {
        self.start_at(&server.url(), &server.path).await
    }

    /// Connects to where somebody may listen later.
    ///
    /// # Errors
    /// When the program does not start.
    pub async fn start_at(self, url: &str, path: &str) -> Result<Client> {
        let Self { version, origin, transports, fallback, quick } = self;
        let mut command = process::command("node");
        command.arg(programs::clients().await?.join("ladder.mjs"));
        command.args(["--client", version.number(), "--url", url, "--path", path]);
        command.args(["--origin", &origin, "--transports", transports]);
        if fallback {
            command.arg("--fallback");
        }
        if quick {
            let options = json!({"reconnectionDelay": 50, "reconnectionDelayMax": 100, "randomizationFactor": 0});
            command.args(["--options", &options.to_string()]);
        }
        let driver = Driver::start(&format!("client {version} on {origin}"), command)?;
        Ok(Client { driver, asked: 0, version })
    }

    /// Connects, and waits until it is.
    ///
    /// # Errors
    /// When it does not connect.
    pub async fn connect(self, server: &Server) -> Result<(Client, Connected)> {
        let mut client = self.start(server).await?;
        let connected = client.connected().await?;
        Ok((client, connected))
    }
}

impl Client {
    /// Waits for a `connect`.
    ///
    /// # Errors
    /// When there is none.
    pub async fn connected(&mut self) -> Result<Connected> {
        let event = self.next("connect").await?;
        Ok(Connected { id: text(&event, "id")?, transport: text(&event, "transport")? })
    }

    /// Waits for a refusal.
    ///
    /// # Errors
    /// When there is none.
    pub async fn refused(&mut self) -> Result<Refused> {
        let event = self.next("refused").await?;
        let (transport, body) = (text(&event, "transport")?, text(&event, "body")?);
        let status = event["status"].as_u64().context("a refusal has a status")?;
        let body = serde_json::from_str(&body).with_context(|| format!("a refusal's body is JSON, not {body:?}"))?;
        Ok(Refused { transport, status, headers: event["headers"].clone(), body })
    }

    /// Waits for an event of the client.
    ///
    /// # Errors
    /// When there is none.
    pub async fn next(&mut self, event: &str) -> Result<Value> {
        self.driver.next(event).await
    }

    /// Emits, and gives the first argument of the acknowledgement.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ask(&mut self, event: &str, argument: Value) -> Result<Value> {
        self.asked += 1;
        let id = self.asked;
        self.driver.order(&json!({"emit": event, "args": [argument], "ack": true, "id": id}))?;
        let fits = |said: &Value| said["event"] == "ack" && said["id"] == id;
        let ack = self.driver.take(&format!("acknowledgement of {event}"), fits).await?;
        Ok(ack["args"][0].clone())
    }

    /// Waits for a message of the server, and gives its first argument.
    ///
    /// # Errors
    /// When there is none.
    pub async fn hears(&mut self, name: &str) -> Result<Value> {
        let fits = |said: &Value| said["event"] == "message" && said["name"] == name;
        Ok(self.driver.take(&format!("message {name}"), fits).await?["args"][0].clone())
    }

    /// How often an event came so far.
    ///
    /// # Errors
    /// When the program says what is not JSON.
    pub fn count(&mut self, event: &str) -> Result<usize> {
        Ok(self.driver.events()?.into_iter().filter(|said| said["event"] == event).count())
    }

    /// Checks that this is still its first connection, and that it works.
    ///
    /// # Errors
    /// When it is another one or none.
    pub async fn is_undisturbed(&mut self, connected: &Connected) -> Result<()> {
        let room = format!("own-{}", connected.id);
        self.ask("join", json!({"room": room})).await?;
        self.ask("publish", json!({"room": room, "data": "still here", "event": "own"})).await?;
        let from = self.hears("own").await?["from"].clone();
        let Self { driver, version, .. } = self;
        let mut bad = driver.events()?;
        bad.retain(|said| ["disconnect", "websocket_close", "connect_error"].iter().any(|name| said["event"] == *name));
        ensure!(bad.is_empty(), "{version} was disturbed: {bad:?}");
        ensure!(self.count("connect")? == 1, "{} connected more than once", self.version);
        ensure!(from == connected.id.as_str(), "{} is {from} now, and was {}", self.version, connected.id);
        Ok(())
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// When it fails.
    pub async fn close(self) -> Result<()> {
        self.driver.close().await
    }
}

fn text(event: &Value, field: &str) -> Result<String> {
    event[field].as_str().map(str::to_owned).with_context(|| format!("{event} has no {field}"))
}
