//! Where the backplane is.

use std::{fmt, path::PathBuf};

use clap::Args;
use realtime_backplane::Source;

use crate::recovery::shared::Place;

/// Options of the backplane.
#[derive(Clone, Args)]
pub struct Redis {
    /// URL of the Redis that several replicas share: redis://user:password@host:6379/0, rediss:// for TLS, redis+sentinel://host:26379,host:26379/master-name,
    /// redis+cluster://host:6379,host:6379. Without one, each process is a service of its own.
    #[arg(
        long,
        env = "REALTIME_REDIS_URL",
        value_name = "URL",
        hide_env_values = true,
        conflicts_with = "redis_url_file"
    )]
    pub redis_url: Option<String>,

    /// File that holds the URL, for example of a mounted Secret. When it changes, the new one is in use as soon as it works.
    #[arg(long, env = "REALTIME_REDIS_URL_FILE", value_name = "FILE")]
    pub redis_url_file: Option<PathBuf>,

    /// Certificates of the authorities that Redis' own may come from, in PEM format, instead of the public ones.
    #[arg(long, env = "REALTIME_REDIS_CA_FILE", value_name = "FILE")]
    pub redis_ca_file: Option<PathBuf>,

    /// Name of the stream in Redis, and beginning of the names of its channels: one for each service. Servers of Node name both the same with
    /// streamName and channelPrefix.
    #[arg(long, env = "REALTIME_REDIS_STREAM", value_name = "NAME", default_value = "socket.io")]
    pub redis_stream: String,

    /// Entries that the stream keeps, roughly.
    #[arg(long, env = "REALTIME_REDIS_MAX_LENGTH", value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(100..), default_value = "10000")]
    pub redis_max_length: u64,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL holds a password.
        f.debug_struct("Redis").field("redis_stream", &self.redis_stream).finish_non_exhaustive()
    }
}

impl Redis {
    /// Where the backplane is, if there is one.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let source = match (&self.redis_url, &self.redis_url_file) {
            (Some(url), _) => Source::given(url.clone()),
            (None, Some(file)) => Source::file(file.clone()),
            (None, None) => return None,
        };
        let source = source.trusting(self.redis_ca_file.clone());
        Some(Place { source, stream: self.redis_stream.clone(), max_length: self.redis_max_length })
    }
}
