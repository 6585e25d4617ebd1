//! What a client says about itself when it connects: whether it can keep an offset, and which session it comes back to.

use http::{header, request::Parts};
use serde::Deserialize;
use serde_json::Value;
use socketioxide::{ProtocolVersion, extract::TryData};

use super::{
    offset::{NoOffset, Offset},
    session::Pid,
};

/// What stands in the `auth` payload, or in the query where a client has no such payload.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Hello {
    #[serde(default)]
    pid: Value,
    #[serde(default)]
    offset: Value,
    #[serde(default)]
    recovery: Value,
}

/// Whether a client keeps the offset that stands behind the arguments of its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tracking {
    /// It may not know what to do with one argument more.
    Off,
    /// Clients of version 4 keep it by themselves.
    Native,
    /// The application asked for it and wants to hear of its session in an event.
    Asked,
}

/// A session that a client wants back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Presented {
    /// None where it is no name of a session.
    pub(super) pid: Option<Pid>,
    /// Of the last event that it got, if there was one.
    pub(super) offset: Result<Option<Offset>, NoOffset>,
    /// Queries are written to the logs of load balancers.
    pub(super) in_query: bool,
}

impl Hello {
    /// Of what a client sent, if it sent an object.
    #[must_use]
    pub fn of(data: TryData<Self>) -> Self {
        data.0.unwrap_or_default()
    }

    /// The session that the client wants back.
    pub(super) fn presented(&self, request: &Parts) -> Option<Presented> {
        if !self.pid.is_null() {
            let offset = match &self.offset {
                Value::Null => Ok(None),
                Value::String(text) => text.parse().map(Some),
                _ => Err(NoOffset),
            };
            return Some(Presented { pid: self.pid.as_str().and_then(Pid::presented), offset, in_query: false });
        }
        let query = request.uri.query().unwrap_or_default();
        let pid = parameter(query, "pid")?;
        let offset = parameter(query, "offset").filter(|text| !text.is_empty());
        Some(Presented { pid: Pid::presented(pid), offset: offset.map(str::parse).transpose(), in_query: true })
    }

    /// Whether its events carry offsets.
    pub(super) fn tracking(&self, request: &Parts, protocol: ProtocolVersion) -> Tracking {
        let query = request.uri.query().unwrap_or_default();
        let word = match &self.recovery {
            Value::Null => parameter(query, "recovery").map(str::to_owned),
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        match word.as_deref() {
            Some("0" | "false") => Tracking::Off,
            Some("1" | "true") => Tracking::Asked,
            _ if protocol == ProtocolVersion::V5 && is_javascript(request) => Tracking::Native,
            _ if !self.pid.is_null() || parameter(query, "pid").is_some() => Tracking::Asked,
            _ => Tracking::Off,
        }
    }
}

/// Listeners in JavaScript ignore an argument that they do not expect; those of other languages may fail. The JavaScript client puts `EIO`
/// and `transport` side by side, in this order, and runs in a browser, whose name it cannot hide, or in one of few runtimes.
fn is_javascript(request: &Parts) -> bool {
    let agent = request.headers.get(header::USER_AGENT).map_or(Some(""), |value| value.to_str().ok());
    let is_runtime = |agent: &str| ["Mozilla/", "node", "Bun", "Deno"].iter().any(|name| agent.starts_with(name));
    let query = request.uri.query().unwrap_or_default();
    agent.is_some_and(|agent| agent.is_empty() || is_runtime(agent)) && query.contains("EIO=4&transport=")
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(query: &str, agent: Option<&str>) -> Parts {
        let mut request = http::Request::builder().uri(format!("/s/?{query}"));
        if let Some(agent) = agent {
            request = request.header(header::USER_AGENT, agent);
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn hello(json: &str) -> Hello {
        serde_json::from_str(json).expect("an object")
    }

    fn tracking(json: &str, query: &str, agent: Option<&str>, protocol: ProtocolVersion) -> Tracking {
        hello(json).tracking(&request(query, agent), protocol)
    }

    #[test]
    fn javascript_clients_are_recognised_and_others_are_left_alone() {
        const V5: ProtocolVersion = ProtocolVersion::V5;
        let javascript = "EIO=4&transport=websocket";
        for agent in [None, Some("Mozilla/5.0 (X11)"), Some("node-XMLHttpRequest"), Some("Deno/2.1")] {
            assert_eq!(tracking("{}", javascript, agent, V5), Tracking::Native, "{agent:?}");
        }
        for agent in [Some("python-requests/2.34"), Some("Dart/3.5 (dart:io)"), Some("okhttp/4.9")] {
            assert_eq!(tracking("{}", javascript, agent, V5), Tracking::Off, "{agent:?}");
        }
        assert_eq!(tracking("{}", "transport=websocket&EIO=4", None, V5), Tracking::Off);
        assert_eq!(tracking("{}", "EIO=3&transport=websocket", None, ProtocolVersion::V4), Tracking::Off);
    }

    #[test]
    fn what_the_application_says_counts_before_what_the_client_looks_like() {
        const V5: ProtocolVersion = ProtocolVersion::V5;
        let (python, javascript) = ("transport=websocket&EIO=4", "EIO=4&transport=websocket");
        for json in [r#"{"recovery":true}"#, r#"{"recovery":1}"#, r#"{"recovery":"1"}"#, r#"{"pid":"x"}"#] {
            assert_eq!(tracking(json, python, None, V5), Tracking::Asked, "{json}");
        }
        assert_eq!(tracking(r#"{"recovery":false}"#, javascript, None, V5), Tracking::Off);
        assert_eq!(tracking("{}", "recovery=0&EIO=4&transport=websocket", None, V5), Tracking::Off);
        assert_eq!(tracking("{}", "recovery=1&EIO=3&transport=polling", None, ProtocolVersion::V4), Tracking::Asked);
        assert_eq!(tracking(r#"{"pid":"x"}"#, javascript, None, V5), Tracking::Native);
    }

    #[test]
    fn a_session_is_presented_in_the_payload_or_in_the_query() {
        let pid = Pid::random();
        let offset = Offset::at(7);
        let payload = format!(r#"{{"pid":"{}","offset":"7-0"}}"#, pid.as_str());
        let in_payload = Presented { pid: Some(pid.clone()), offset: Ok(Some(offset)), in_query: false };
        assert_eq!(hello(&payload).presented(&request("EIO=4", None)), Some(in_payload));
        let query = format!("pid={}&offset=&EIO=3", pid.as_str());
        let in_query = Presented { pid: Some(pid), offset: Ok(None), in_query: true };
        assert_eq!(hello("{}").presented(&request(&query, None)), Some(in_query));
        assert_eq!(hello("{}").presented(&request("EIO=4&mypid=x", None)), None);
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_nothing() {
        let presented = hello(r#"{"pid":7,"offset":7}"#).presented(&request("", None)).expect("presented");
        assert_eq!((presented.pid, presented.offset), (None, Err(NoOffset)));
        let presented = hello("{}").presented(&request("pid=x&offset=y", None)).expect("presented");
        assert_eq!((presented.pid, presented.offset), (None, Err(NoOffset)));
    }
}
