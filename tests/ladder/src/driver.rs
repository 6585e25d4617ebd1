//! The programs of `tests/clients`: one JSON object a line, events from them, commands to them.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{process::Process, wait::DEADLINE};

/// A program that is driven by lines.
#[derive(Debug)]
pub struct Driver {
    name: String,
    process: Process,
    read: usize,
    events: Vec<Event>,
}

#[derive(Debug)]
struct Event {
    value: Value,
    is_taken: bool,
}

impl Driver {
    /// Starts it; `name` is for messages.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(name: &str, command: Command) -> Result<Self> {
        let process = Process::start(name, command)?;
        Ok(Self { name: name.to_owned(), process, read: 0, events: Vec::new() })
    }

    /// Gives a command.
    ///
    /// # Errors
    /// When it has ended.
    pub fn order(&mut self, command: &Value) -> Result<()> {
        self.process.write(&command.to_string())
    }

    /// All events so far.
    ///
    /// # Errors
    /// When one is not JSON.
    pub fn events(&mut self) -> Result<Vec<&Value>> {
        self.catch_up()?;
        Ok(self.events.iter().map(|event| &event.value).collect())
    }

    /// The earliest event with this name that nobody took yet.
    ///
    /// # Errors
    /// When there is none before the deadline.
    pub async fn next(&mut self, name: &str) -> Result<Value> {
        self.take(name, |event| event["event"] == name).await
    }

    /// The earliest event that nobody took yet and that fits; `what` is for messages.
    ///
    /// # Errors
    /// When there is none before the deadline.
    pub async fn take(&mut self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Result<Value> {
        let mut said = self.process.follow();
        let deadline = Instant::now() + DEADLINE;
        loop {
            said.mark_unchanged();
            let is_over = said.borrow().ended.is_some();
            self.catch_up()?;
            if let Some(event) = self.events.iter_mut().find(|event| !event.is_taken && fits(&event.value)) {
                event.is_taken = true;
                return Ok(event.value.clone());
            }
            if is_over {
                bail!("{} ended without {what}: {}", self.name, self.process.tail());
            }
            if timeout_at(deadline, said.changed()).await.is_err() {
                bail!("{}: no {what} within {DEADLINE:?}: {}", self.name, self.process.tail());
            }
        }
    }

    /// Ends it in order, and checks that it did.
    ///
    /// # Errors
    /// When it does not, or fails.
    pub async fn close(mut self) -> Result<()> {
        self.order(&serde_json::json!({"close": true}))?;
        let status = self.process.ended(DEADLINE).await?;
        anyhow::ensure!(status.success(), "{} failed: {}", self.name, self.process.tail());
        Ok(())
    }

    fn catch_up(&mut self) -> Result<()> {
        let said = self.process.said();
        for line in &said.out[self.read..] {
            let value = serde_json::from_str(line).with_context(|| format!("{} said {line:?}", self.name))?;
            self.events.push(Event { value, is_taken: false });
        }
        self.read = said.out.len();
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A browser that is killed leaves its profile behind.
        self.process.end_input();
    }
}
