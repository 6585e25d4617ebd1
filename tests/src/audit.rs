//! Who asked the apiserver for what, from its audit log.

use std::{
    fmt,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

/// One request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// get, list, watch, create, update, patch or delete.
    pub verb: String,
    /// What of, e.g. `deployments` or `realtimeservices/status`.
    pub resource: String,
    /// Which one.
    pub name: String,
    /// HTTP status of the answer.
    pub code: u64,
}

impl Request {
    /// Whether it may have changed something.
    #[must_use]
    pub fn writes(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }

    /// Whether it belongs to the leader election.
    #[must_use]
    pub fn is_of_the_lease(&self) -> bool {
        self.resource == "leases"
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, resource, name, code } = self;
        write!(f, "{verb} {resource}/{name} → {code}")
    }
}

/// A place in the audit log, for one user.
#[derive(Clone, Debug)]
pub struct Audit {
    log: PathBuf,
    user: String,
    from: u64,
}

impl Audit {
    /// From now on.
    pub(crate) fn now(log: &Path, user: &str) -> Result<Self> {
        let from = log.metadata().context("failed to read the audit log")?.len();
        Ok(Self { log: log.to_owned(), user: user.to_owned(), from })
    }

    /// The requests since then that are not of the leader election.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn requests(&self) -> Result<Vec<Request>> {
        let answered = self.events()?.into_iter().map(|event| request(&event));
        Ok(answered.filter(|request| !request.is_of_the_lease()).collect())
    }

    /// What was forbidden, in the apiserver's words.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn refusals(&self) -> Result<Vec<String>> {
        let forbidden = self.events()?.into_iter().filter(|event| event["responseStatus"]["code"] == 403);
        Ok(forbidden.map(|event| event["responseStatus"]["message"].as_str().unwrap_or_default().to_owned()).collect())
    }

    fn events(&self) -> Result<Vec<Value>> {
        let mut log = File::open(&self.log).context("failed to open the audit log")?;
        log.seek(SeekFrom::Start(self.from))?;
        let mut text = String::new();
        log.read_to_string(&mut text).context("failed to read the audit log")?;
        let user = format!("\"username\":\"{}\"", self.user);
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let of_user = whole.lines().filter(|line| line.contains(&user));
        of_user.map(|line| serde_json::from_str(line).context("the audit log is JSON")).collect()
    }

    /// Those of them that write.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn writes(&self) -> Result<Vec<Request>> {
        Ok(self.requests()?.into_iter().filter(Request::writes).collect())
    }
}

fn request(event: &Value) -> Request {
    let object = &event["objectRef"];
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let resource = match object["subresource"].as_str() {
        Some(subresource) => format!("{}/{subresource}", word(&object["resource"])),
        None => word(&object["resource"]),
    };
    let code = event["responseStatus"]["code"].as_u64().unwrap_or_default();
    Request { verb: word(&event["verb"]), resource, name: word(&object["name"]), code }
}
