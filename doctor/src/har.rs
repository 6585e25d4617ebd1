//! HTTP Archive 1.2: what browsers' developer tools and others open.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    Exchange, Report,
    exchange::{Outcome, clean, shown_headers},
};

/// All requests of a climb.
#[must_use]
pub fn archive(report: &Report) -> Value {
    let entries: Vec<_> = report.exchanges().into_iter().map(entry).collect();
    json!({"log": {
        "version": "1.2",
        "creator": {"name": "realtime-doctor", "version": env!("CARGO_PKG_VERSION")},
        "comment": format!("{} as a page on {}", report.url, report.origin),
        "entries": entries,
    }})
}

fn entry(exchange: &Exchange) -> Value {
    let Exchange { at, took, request, outcome, frames } = exchange;
    let took = milliseconds(*took);
    let (status, words, headers, body, error) = match outcome {
        Outcome::Answer(answer) => {
            let words = answer.status.canonical_reason().unwrap_or_default();
            (answer.status.as_u16(), words, shown_headers(&answer.headers).collect(), answer.text(), None)
        }
        Outcome::Failed(failure) => (0, "", Vec::new(), String::new(), Some(failure.to_string())),
    };
    let named = |pairs: &[(String, String)]| -> Vec<_> {
        pairs.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
    };
    let kind = headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value.as_str());
    let query: Vec<_> = url::Url::parse(&request.url)
        .map(|url| url.query_pairs().map(|(name, value)| json!({"name": name, "value": value})).collect())
        .unwrap_or_default();
    let mut entry = json!({
        "startedDateTime": humantime::format_rfc3339_millis(*at).to_string(),
        "time": took,
        "request": {"method": request.method, "url": request.url, "httpVersion": "HTTP/1.1", "cookies": [], "headers": named(&request.headers),
            "queryString": query, "headersSize": -1, "bodySize": request.body.len()},
        "response": {"status": status, "statusText": words, "httpVersion": "HTTP/1.1", "cookies": [], "headers": named(&headers),
            "content": {"size": body.len(), "mimeType": kind, "text": clean(&body, 65_536)}, "redirectURL": "", "headersSize": -1, "bodySize": body.len()},
        "cache": {},
        "timings": {"send": 0, "wait": took, "receive": 0},
    });
    if let Some(error) = error {
        entry["response"]["_error"] = error.into();
    }
    if !request.body.is_empty() {
        entry["request"]["postData"] = json!({"mimeType": "text/plain;charset=UTF-8", "text": request.body});
    }
    if !frames.is_empty() {
        // As Chromium writes them.
        let began = at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let message = |frame: &crate::exchange::Frame| {
            let kind = if frame.is_sent { "send" } else { "receive" };
            json!({"type": kind, "time": (began + frame.after).as_secs_f64(), "opcode": 1, "data": frame.text})
        };
        entry["_resourceType"] = "websocket".into();
        entry["_webSocketMessages"] = frames.iter().map(message).collect();
    }
    entry
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
