//! A request and what came of it: the evidence. Values of headers that may be secrets are never kept.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use url::Url;

const BODY: usize = 600;
const VALUE: usize = 300;
const FRAME: usize = 200;

/// A request and what came of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When it was sent.
    pub at: SystemTime,
    /// How long it took to the end of the answer.
    pub took: Duration,
    /// What was sent, without secrets.
    pub request: Sent,
    /// What came back.
    pub outcome: Outcome,
    /// What went over the WebSocket, if one opened.
    pub frames: Vec<Frame>,
}

/// A request as it was sent, with what may be secret left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// The URL, as a browser shows it.
    pub url: String,
    /// What stands in the request line.
    pub target: String,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// What came back.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// An answer.
    Answer(Answer),
    /// None.
    Failed(Failure),
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, as much as was read.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody listens.
    #[error("connection refused")]
    Refused,
    /// No connection within the limit.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// No way there.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// TLS failed; the first rungs tell more.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// No answer within the limit.
    #[error("no answer within {0:?}")]
    NoAnswer(Duration),
    /// Closed before an answer.
    #[error("the connection was closed without an answer")]
    Closed,
    /// Something else than HTTP/1.1.
    #[error("the answer is not HTTP/1.1: {0}")]
    NotHttp(String),
}

/// A frame of a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Since the request.
    pub after: Duration,
    /// Whether the doctor sent it.
    pub is_sent: bool,
    /// What it was, for people: text, `close 1001 ...`, `ping`, `binary, 12 bytes`.
    pub text: String,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a header, as browsers combine several lines; empty where there is none.
    #[must_use]
    pub fn value(&self, name: impl AsRef<str>) -> Option<String> {
        combined(&self.headers, name.as_ref())
    }
}

/// The value of a header, as browsers combine several lines.
pub(crate) fn combined(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<_> =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

impl Exchange {
    /// The answer, if there is one.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Answer(answer) => Some(answer),
            Outcome::Failed(_) => None,
        }
    }

    /// The request and the answer as lines; `>` is what was sent and `<` is what came.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("> {} {} HTTP/1.1", self.request.method, self.request.target)];
        lines.extend(self.request.headers.iter().map(|(name, value)| format!("> {name}: {value}")));
        if !self.request.body.is_empty() {
            lines.extend([">".to_owned(), format!("> {}", clean(&self.request.body, BODY))]);
        }
        match &self.outcome {
            Outcome::Failed(failure) => lines.push(format!("< ({failure})")),
            Outcome::Answer(answer) => {
                lines.push(format!("< HTTP/1.1 {}", answer.status));
                lines.extend(shown_headers(&answer.headers).map(|(name, value)| format!("< {name}: {value}")));
                let body = answer.text();
                if !body.trim().is_empty() {
                    lines.push("<".to_owned());
                    lines.extend(bounded(&body).lines().map(|line| format!("< {}", clean(line, BODY))));
                }
            }
        }
        lines.extend(self.frames.iter().map(|frame| {
            let arrow = if frame.is_sent { ">" } else { "<" };
            format!("{arrow} [{:.3} s] {}", frame.after.as_secs_f64(), clean(&frame.text, FRAME))
        }));
        lines
    }
}

/// Response headers for people, without the values of cookies.
pub(crate) fn shown_headers(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    headers.iter().map(|(name, value)| {
        let text = String::from_utf8_lossy(value.as_bytes());
        let text = if name == header::SET_COOKIE { without_value(&text) } else { text.into_owned() };
        (name.as_str().to_owned(), clean(&text, VALUE))
    })
}

/// `name=...; SameSite=Lax`: the attributes matter, the value is a secret.
fn without_value(cookie: &str) -> String {
    let (pair, attributes) = cookie.split_once(';').map_or((cookie, ""), |(pair, rest)| (pair, rest));
    let name = pair.split('=').next().unwrap_or_default();
    if attributes.is_empty() { format!("{name}=(not shown)") } else { format!("{name}=(not shown);{attributes}") }
}

/// A request's header for people: `given` are values that somebody passed to the doctor.
pub(crate) fn shown(name: &HeaderName, value: &HeaderValue, given: bool) -> (String, String) {
    let is_secret = given
        || [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE].contains(name)
        || value.is_sensitive();
    let text = if is_secret {
        format!("({} bytes, not shown)", value.len())
    } else {
        clean(&String::from_utf8_lossy(value.as_bytes()), VALUE)
    };
    (name.as_str().to_owned(), text)
}

/// A URL without what may be secret in its query: Engine.IO's own parameters stay.
pub(crate) fn without_secrets(url: &Url) -> Url {
    const KNOWN: [&str; 6] = ["EIO", "transport", "sid", "t", "b64", "j"];
    let mut shown = url.clone();
    if url.query().is_some() {
        let pairs: Vec<_> = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        shown.query_pairs_mut().clear().extend_pairs(
            pairs.iter().map(|(name, value)| (name, if KNOWN.contains(&name.as_str()) { value } else { "-" })),
        );
    }
    shown
}

fn bounded(text: &str) -> &str {
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= BODY).unwrap_or(text.len());
    &text[..end]
}

/// What a server sends may hold what moves a terminal's cursor.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    let mut clean: String = text
        .chars()
        .take(limit)
        .flat_map(|it| if it.is_control() { it.escape_default().collect::<Vec<_>>() } else { vec![it] })
        .collect();
    if text.chars().nth(limit).is_some() {
        clean.push('…');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_gave_and_cookies_are_not_shown() {
        let (name, value) = (header::AUTHORIZATION, HeaderValue::from_static("Bearer abc"));
        assert_eq!(shown(&name, &value, false).1, "(10 bytes, not shown)");
        let own = HeaderName::from_static("x-api-key");
        assert_eq!(shown(&own, &value, true).1, "(10 bytes, not shown)");
        assert_eq!(without_value("io=secret; Path=/; SameSite=Lax"), "io=(not shown); Path=/; SameSite=Lax");
        let url = Url::parse("https://a.com/socket.io/?EIO=4&transport=polling&token=secret").unwrap();
        assert_eq!(without_secrets(&url).query(), Some("EIO=4&transport=polling&token=-"));
    }

    #[test]
    fn what_moves_a_cursor_is_escaped_and_long_values_end() {
        assert_eq!(clean("a\u{1b}[2J", 100), "a\\u{1b}[2J");
        assert_eq!(clean(&"x".repeat(50), 3), "xxx…");
    }
}
