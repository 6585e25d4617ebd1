//! The operator's requests, as the apiserver wrote them down.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail};
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// A request that was answered.
#[derive(Clone, Debug)]
pub struct Asked {
    /// get, list, watch, create, patch, delete.
    pub verb: String,
    /// e.g. `realtimeservices/status`.
    pub resource: String,
    pub name: String,
    pub code: u64,
    /// When the answer was complete.
    pub at: SystemTime,
}

impl Asked {
    pub fn writes(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

/// The log, and whose requests are looked for in it.
#[derive(Debug)]
pub struct Log {
    file: PathBuf,
    user: String,
}

/// A place in the log.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u64);

/// How long anything may take for each service, and at all.
const EACH: Duration = Duration::from_millis(200);
const AT_ALL: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(200);

impl Log {
    pub fn new(file: PathBuf, user: String) -> Self {
        Self { file, user }
    }

    pub fn mark(&self) -> Result<Mark> {
        Ok(Mark(self.file.metadata().context("failed to read the audit log")?.len()))
    }

    /// The operator's requests since then, without those for its lease.
    pub fn since(&self, mark: Mark) -> Result<Vec<Asked>> {
        let mut from = mark;
        self.next(&mut from)
    }

    fn next(&self, mark: &mut Mark) -> Result<Vec<Asked>> {
        let mut file = File::open(&self.file).context("failed to open the audit log")?;
        file.seek(SeekFrom::Start(mark.0))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).context("failed to read the audit log")?;
        // The last line may be half written.
        text.truncate(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        mark.0 += text.len() as u64;
        let text = String::from_utf8(text).context("the audit log is text")?;
        let user = format!("\"username\":\"{}\"", self.user);
        let of_user = text.lines().filter(|line| line.contains(&user)).map(|line| {
            let event: Value = serde_json::from_str(line).context("the audit log is JSON")?;
            read(&event)
        });
        let all: Vec<_> = of_user.collect::<Result<_>>()?;
        Ok(all.into_iter().filter(|it| it.resource != "leases").collect())
    }

    /// Waits until so many services have a status; says when the last of them got its first one.
    pub async fn until_all_have_a_status(&self, mark: Mark, services: usize) -> Result<SystemTime> {
        let end = Instant::now() + AT_ALL + EACH * u32::try_from(services)?;
        let (mut mark, mut have, mut last) = (mark, BTreeSet::new(), SystemTime::UNIX_EPOCH);
        while have.len() < services {
            for asked in self.next(&mut mark)? {
                if asked.resource == "realtimeservices/status" && asked.code == 200 && have.insert(asked.name) {
                    last = last.max(asked.at);
                }
            }
            if Instant::now() > end {
                bail!("{} of {services} services have a status", have.len());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(last)
    }
}

fn read(event: &Value) -> Result<Asked> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = &event["objectRef"];
    let resource = match object["subresource"].as_str() {
        Some(subresource) => format!("{}/{subresource}", word(&object["resource"])),
        None => word(&object["resource"]),
    };
    let at: Timestamp = word(&event["stageTimestamp"]).parse().context("a request has a time")?;
    let code = event["responseStatus"]["code"].as_u64().unwrap_or_default();
    Ok(Asked { verb: word(&event["verb"]), resource, name: word(&object["name"]), code, at: at.into() })
}

/// How many there are of each verb and resource.
pub fn by_kind(asked: &[Asked]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for it in asked {
        *counts.entry(format!("{} {}", it.verb, it.resource)).or_default() += 1;
    }
    counts
}
