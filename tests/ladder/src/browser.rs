//! A page in a real Chromium.

use std::{net::SocketAddr, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{driver::Driver, process, programs};

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    driver: Driver,
    asked: u64,
}

impl Browser {
    /// Opens a page, and waits until it is loaded.
    ///
    /// # Errors
    /// When that fails.
    pub async fn open(url: &str) -> Result<Self> {
        Self::launch(url, &[]).await
    }

    /// The same in a browser that finds a host at this address, and trusts this authority.
    ///
    /// # Errors
    /// When that fails.
    pub async fn open_with(url: &str, (host, address): (&str, SocketAddr), authority: &Path) -> Result<Self> {
        let authority = authority.to_str().context("a path is text")?;
        Self::launch(url, &["--map", &format!("MAP {host} {address}"), "--ca", authority]).await
    }

    async fn launch(url: &str, more: &[&str]) -> Result<Self> {
        let mut command = process::command("node");
        command.arg(programs::clients().await?.join("page.mjs")).args(["--url", url, "--timeout", "20000"]).args(more);
        let mut driver = Driver::start(&format!("Chromium on {url}"), command)?;
        driver.next("open").await?;
        Ok(Self { driver, asked: 0 })
    }

    /// Evaluates JavaScript in the page.
    ///
    /// # Errors
    /// When it throws.
    pub async fn eval(&mut self, javascript: &str) -> Result<Value> {
        self.run(json!({"eval": javascript})).await
    }

    /// Waits until an expression is true in the page, and gives its value.
    ///
    /// # Errors
    /// When it does not become true.
    pub async fn wait_for(&mut self, javascript: &str) -> Result<Value> {
        self.run(json!({"waitFor": javascript})).await
    }

    /// Types into an input.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn fill(&mut self, css: &str, text: &str) -> Result<()> {
        self.run(json!({"fill": [css, text]})).await.map(|_| ())
    }

    /// Clicks.
    ///
    /// # Errors
    /// When there is nothing to click.
    pub async fn click(&mut self, css: &str) -> Result<()> {
        self.run(json!({"click": css})).await.map(|_| ())
    }

    /// Writes a picture of the page.
    ///
    /// # Errors
    /// When that fails.
    pub async fn screenshot(&mut self, file: &Path) -> Result<()> {
        self.run(json!({"screenshot": file})).await.map(|_| ())
    }

    /// Waits for a line on the page's console, and gives it.
    ///
    /// # Errors
    /// When there is none; with what the console had instead.
    pub async fn says(&mut self, text: &str) -> Result<String> {
        let fits = |event: &Value| is_console(event) && event["text"].as_str().is_some_and(|line| line.contains(text));
        let line = self.driver.take(&format!("{text:?} on the console"), fits).await?;
        Ok(line["text"].as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the page has opened a WebSocket whose URL begins so.
    ///
    /// # Errors
    /// When it does not.
    pub async fn opened_websocket(&mut self, url: &str) -> Result<()> {
        let fits = |event: &Value| {
            event["event"] == "websocket" && event["url"].as_str().is_some_and(|it| it.starts_with(url))
        };
        self.driver.take(&format!("a WebSocket to {url}"), fits).await.map(|_| ())
    }

    /// All lines of the page's console so far.
    ///
    /// # Errors
    /// When the program says what is not JSON.
    pub fn console(&mut self) -> Result<Vec<String>> {
        let lines = self.driver.events()?.into_iter().filter(|event| is_console(event));
        Ok(lines.filter_map(|event| event["text"].as_str().map(str::to_owned)).collect())
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// When it fails.
    pub async fn close(self) -> Result<()> {
        self.driver.close().await
    }

    async fn run(&mut self, mut command: Value) -> Result<Value> {
        self.asked += 1;
        let id = self.asked;
        command["id"] = id.into();
        self.driver.order(&command)?;
        let fits = |event: &Value| (event["event"] == "result" || event["event"] == "error") && event["id"] == id;
        let answer =
            self.driver.take(&format!("answer to {command}"), fits).await.with_context(|| command.to_string())?;
        if answer["event"] == "error" {
            let console = self.console()?.join("\n  ");
            bail!("{command}: {}; the console:\n  {console}", answer["message"]);
        }
        Ok(answer["value"].clone())
    }
}

fn is_console(event: &Value) -> bool {
    event["event"] == "console"
}
