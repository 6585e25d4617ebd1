//! The events of a watch on their way.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::{
    sync::broadcast,
    time::{Instant, sleep_until},
};

use super::{Asked, Error, Shared, Stream};

/// How a watch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Told that its place in the history is gone.
    Gone,
    /// In the midst of a line.
    Truncated,
}

/// Which of the open watches end.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Of which resource; none means all.
    pub plural: Option<String>,
    /// How.
    pub end: End,
}

struct Relay {
    shared: Arc<Shared>,
    identity: Arc<str>,
    asked: Asked,
    body: Body,
    open: bool,
    rest: Vec<u8>,
    held: VecDeque<(Instant, Bytes)>,
    cuts: broadcast::Receiver<Cut>,
    /// What is said last: an error ends the connection.
    last: Option<Result<(), Error>>,
}

pub(super) fn relay(shared: Arc<Shared>, identity: Arc<str>, asked: Asked, body: Body) -> UnsyncBoxBody<Bytes, Error> {
    let cuts = shared.cuts.subscribe();
    let (rest, held) = (Vec::new(), VecDeque::new());
    let relay = Relay { shared, identity, asked, body, open: true, rest, held, cuts, last: None };
    let frames = futures::stream::unfold(relay, async |mut relay| {
        let next = relay.next().await?;
        Some((next.map(Frame::data), relay))
    });
    BodyExt::boxed_unsync(StreamBody::new(Box::pin(frames)))
}

impl Relay {
    async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        loop {
            match self.last.take() {
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(())) => return None,
                None => {}
            }
            let due = self.held.front().map(|(due, _)| *due);
            if !self.open && due.is_none() {
                return None;
            }
            tokio::select! {
                biased;
                Ok(cut) = self.cuts.recv() => {
                    if cut.plural.as_ref().is_none_or(|plural| *plural == self.asked.plural) {
                        return Some(Ok(self.end(cut.end)));
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    return self.held.pop_front().map(|(_, line)| Ok(line));
                }
                frame = self.body.frame(), if self.open => match frame {
                    Some(Ok(frame)) => if let Ok(data) = frame.into_data() { self.take(&data) },
                    Some(Err(error)) => return Some(Err(error.into())),
                    None => self.open = false,
                },
            }
        }
    }

    fn end(&mut self, end: End) -> Bytes {
        match end {
            End::Gone => {
                self.last = Some(Ok(()));
                let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410,
                    "reason": "Expired", "message": "too old resource version, on purpose"});
                format!("{}\n", json!({"type": "ERROR", "object": status})).into()
            }
            End::Truncated => {
                self.last = Some(Err("truncated".into()));
                Bytes::from_static(b"{\"type\":\"MODIFIED\",\"object\":{\"kin")
            }
        }
    }

    fn take(&mut self, data: &[u8]) {
        self.rest.extend_from_slice(data);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return };
        let after = self.rest.split_off(end + 1);
        let whole = std::mem::replace(&mut self.rest, after);
        for line in whole.split_inclusive(|byte| *byte == b'\n') {
            let event: Value = serde_json::from_slice(line).unwrap_or_default();
            let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default();
            let (now, line) = (Instant::now(), Bytes::copy_from_slice(line));
            let (due, times) = match self.shared.faults.of_event(&self.identity, &self.asked, name) {
                None => (now, 1),
                Some(Stream::Drop) => (now, 0),
                Some(Stream::Twice) => (now, 2),
                Some(Stream::Later(delay)) => (now + delay, 1),
            };
            // In order: an event never overtakes a late one.
            let due = self.held.back().map_or(due, |(last, _)| due.max(*last));
            self.held.extend(std::iter::repeat_n((due, line), times));
        }
    }
}
