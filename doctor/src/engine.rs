//! Engine.IO as it is answered: handshakes of versions 3 and 4, and error bodies.

use serde::Deserialize;

/// The revision of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    /// Clients of version 1 and 2.
    Three,
    /// Clients of version 3 and 4.
    Four,
}

impl Revision {
    /// The value of the parameter `EIO`.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Three => 3,
            Self::Four => 4,
        }
    }
}

/// The packet with which a session begins.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    /// The session's id.
    pub sid: String,
    /// Transports that it can move to.
    #[serde(default)]
    pub upgrades: Vec<String>,
    /// Milliseconds between pings.
    #[serde(default)]
    pub ping_interval: u64,
    /// Milliseconds that an answer to a ping may take.
    #[serde(default)]
    pub ping_timeout: u64,
}

/// An error body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineError {
    /// Engine.IO's number, 0 to 5; some servers send it as a string.
    pub code: u8,
    /// Its words.
    pub message: String,
    /// A word of this project's server for it.
    pub reason: Option<String>,
    /// Of this project's server: which mistake it looks like.
    pub hint: Option<String>,
}

/// What a body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// A session begins.
    Open(Revision, Open),
    /// A refusal in Engine.IO's words.
    Error(EngineError),
    /// Neither.
    Other,
}

/// Reads the body of an answer.
#[must_use]
pub fn read(body: &[u8]) -> Spoken {
    if let Some(open) = open_packet(body) {
        return Spoken::Open(Revision::Four, open);
    }
    if let Some(open) = framed_open(body) {
        return Spoken::Open(Revision::Three, open);
    }
    error(body).map_or(Spoken::Other, Spoken::Error)
}

/// The open packet as it comes over a WebSocket, and over polling in revision 4.
#[must_use]
pub fn open_packet(body: &[u8]) -> Option<Open> {
    // More packets may follow.
    let mut values = serde_json::Deserializer::from_slice(body.strip_prefix(b"0")?).into_iter();
    values.next()?.ok()
}

/// Revision 3 puts a length before each packet: `97:0{...}`, or in binary `0x00 9 7 0xff 0{...}`.
fn framed_open(body: &[u8]) -> Option<Open> {
    let from = body.iter().take(12).position(|byte| *byte == b':' || *byte == 0xff)? + 1;
    let digits = &body[..from - 1];
    let digits = digits.strip_prefix(&[0]).unwrap_or(digits);
    let is_length = !digits.is_empty() && digits.iter().all(|byte| byte.is_ascii_digit() || *byte < 10);
    is_length.then(|| open_packet(&body[from..]))?
}

fn error(body: &[u8]) -> Option<EngineError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Code {
        Number(u8),
        Text(String),
    }
    #[derive(Deserialize)]
    struct Body {
        code: Code,
        message: String,
        reason: Option<String>,
        hint: Option<String>,
    }
    let Body { code, message, reason, hint } = serde_json::from_slice(body).ok()?;
    let code = match code {
        Code::Number(code) => code,
        Code::Text(text) => text.parse().ok()?,
    };
    (code <= 5).then_some(EngineError { code, message, reason, hint })
}

/// Whether an answer to a request with `sid` says that nobody knows it.
#[must_use]
pub fn is_unknown_session(body: &[u8]) -> bool {
    if let Spoken::Error(error) = read(body) {
        return error.code == 1;
    }
    // go-socket.io and others say it in words of their own.
    let text = String::from_utf8_lossy(&body[..body.len().min(300)]).to_ascii_lowercase();
    let names = text.contains("sid") || text.contains("session");
    names && ["unknown", "invalid", "not found"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str =
        r#"0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

    #[test]
    fn a_handshake_of_either_revision_is_recognised() {
        let expected =
            Open { sid: "abc".into(), upgrades: vec!["websocket".into()], ping_interval: 25_000, ping_timeout: 20_000 };
        assert_eq!(read(OPEN.as_bytes()), Spoken::Open(Revision::Four, expected.clone()));
        let three = format!("{}:{OPEN}2:40", OPEN.len());
        assert_eq!(read(three.as_bytes()), Spoken::Open(Revision::Three, expected.clone()));
        let binary = [&[0, 1, 0, 3, 0xff][..], OPEN.as_bytes(), &[0, 2, 0xff], b"40"].concat();
        assert_eq!(read(&binary), Spoken::Open(Revision::Three, expected));
    }

    #[test]
    fn an_error_has_its_number_whether_as_number_or_as_text() {
        for body in [r#"{"code":1,"message":"Session ID unknown"}"#, r#"{"code":"1","message":"Session ID unknown"}"#] {
            assert!(matches!(read(body.as_bytes()), Spoken::Error(EngineError { code: 1, .. })), "{body}");
            assert!(is_unknown_session(body.as_bytes()));
        }
    }

    #[test]
    fn other_bodies_are_neither() {
        for body in ["", "0", "ok", "<html>", "0{", "{\"code\":404,\"message\":\"no\"}", "[]", "12:0x"] {
            assert_eq!(read(body.as_bytes()), Spoken::Other, "{body:?}");
            assert!(!is_unknown_session(body.as_bytes()), "{body:?}");
        }
        assert!(is_unknown_session(b"invalid sid value: abc"));
    }
}
