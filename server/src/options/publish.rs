//! Where programs publish.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;

use super::{bytes, duration};

/// Options of publishing by programs.
#[derive(Clone, Debug, Args)]
pub struct Publish {
    /// Where programs POST events to /publish, if --publish-token-file names their tokens. Keep it off the public network.
    #[arg(long, env = "REALTIME_PUBLISH_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8083")]
    pub publish_listen: SocketAddr,

    /// File with the tokens that programs publish with, one a line: the mounted Secret. It is read again when it changes.
    #[arg(long, env = "REALTIME_PUBLISH_TOKEN_FILE", value_name = "FILE")]
    pub publish_token_file: Option<PathBuf>,

    /// Longest body of a request to /publish, e.g. 1Mi.
    #[arg(long, env = "REALTIME_PUBLISH_MAX_BODY", value_name = "BYTES", value_parser = body, default_value = "1Mi")]
    pub publish_max_body: usize,

    /// How long the id of a published event is remembered: a second one with the same id is not delivered again.
    #[arg(long, env = "REALTIME_PUBLISH_WINDOW", value_name = "DURATION", value_parser = window, default_value = "10m")]
    pub publish_window: Duration,

    /// Redis stream whose entries are published, with a consumer group. It is in the Redis of the backplane.
    #[arg(long, env = "REALTIME_QUEUE_STREAM", value_name = "NAME", value_parser = name)]
    pub queue_stream: Option<String>,

    /// Name of the consumer group; it is made where there is none.
    #[arg(long, env = "REALTIME_QUEUE_GROUP", value_name = "NAME", value_parser = name, default_value = "realtime")]
    pub queue_group: String,

    /// Stream for entries that could not be published; by default that of the queue with ":dead" at its end.
    #[arg(long, env = "REALTIME_QUEUE_DEAD_LETTER", value_name = "NAME", value_parser = name)]
    pub queue_dead_letter: Option<String>,

    /// How often an entry is tried before it is a dead letter.
    #[arg(long, env = "REALTIME_QUEUE_TRIES", value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=100), default_value = "5")]
    pub queue_tries: u64,

    /// How long a process may hold an entry before another takes it.
    #[arg(long, env = "REALTIME_QUEUE_CLAIM_AFTER", value_name = "DURATION", value_parser = claim_after, default_value = "30s")]
    pub queue_claim_after: Duration,
}

fn body(text: &str) -> Result<usize, String> {
    bytes(text).and_then(|size| match (1024..=100 << 20).contains(&size) {
        true => Ok(size),
        false => Err("must be between 1Ki and 100Mi".to_owned()),
    })
}

/// A program that tries again later than this has forgotten what it published.
fn window(text: &str) -> Result<Duration, String> {
    between(text, (1, "1s"), (86_400, "24h"))
}

fn claim_after(text: &str) -> Result<Duration, String> {
    between(text, (1, "1s"), (3600, "1h"))
}

fn between(text: &str, (least, shown): (u64, &str), (most, longest): (u64, &str)) -> Result<Duration, String> {
    duration(text).and_then(|time| match (least..=most).contains(&time.as_secs()) {
        true => Ok(time),
        false => Err(format!("must be between {shown} and {longest}")),
    })
}

fn name(text: &str) -> Result<String, String> {
    match text.is_empty() {
        false => Ok(text.to_owned()),
        true => Err("must not be empty".to_owned()),
    }
}
