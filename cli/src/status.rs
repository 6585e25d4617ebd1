//! `status NAME`: one screen about one service.

mod gather;
mod screen;
mod timeline;
mod view;

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use anyhow::Result;
use serde_json::json;

use crate::{options::Status, verdict::Verdict};
use gather::Source;

/// Between two looks of `--watch`.
const PACE: Duration = Duration::from_secs(2);
/// To the upper left, and away with what is below.
const CLEAR: &str = "\x1b[H\x1b[J";

pub(crate) async fn run(options: &Status) -> Result<Verdict> {
    let source = match Source::connect(options.namespace.as_deref()).await {
        Ok(source) => source,
        Err(error) => return Ok(failed(options, &error)),
    };
    loop {
        let verdict = match source.view(&options.name).await {
            Ok(view) if options.json => {
                println!("{}", view.json());
                view.verdict()
            }
            Ok(view) => {
                let mut out = io::stdout().lock();
                let clear = if options.watch && out.is_terminal() { CLEAR } else { "" };
                writeln!(out, "{clear}{}", screen::of(&view))?;
                view.verdict()
            }
            Err(error) => failed(options, &error),
        };
        if !options.watch {
            return Ok(verdict);
        }
        tokio::select! {
            () = tokio::time::sleep(PACE) => {}
            _ = tokio::signal::ctrl_c() => return Ok(verdict),
        }
    }
}

fn failed(options: &Status, failure: &gather::Failure) -> Verdict {
    match options.json {
        true => println!("{}", json!({"verdict": "bad", "reason": failure.reason(), "message": failure.to_string()})),
        false => eprintln!("{failure}"),
    }
    Verdict::Bad
}
