//! From a line in a log or on a console to what it means, what causes it and what to look at.

mod client;
mod closes;
mod cors;
mod engine;
mod network;
mod statuses;

use serde::Serialize;

use crate::{Rung, words::words};

words! {
    /// What a line is.
    Known {
        /// Close code 1000: the connection did what it was for.
        NormalClosure,
        /// Close code 1001: the server goes away, or the page was left.
        GoingAway,
        /// Close code 1002: one side broke the WebSocket protocol.
        ProtocolError,
        /// Close code 1003: one side got a kind of message that it cannot take.
        UnsupportedData,
        /// Close code 1005: a close frame without a code.
        NoStatus,
        /// Close code 1006: the connection ended without a close frame; nobody sends this code.
        AbnormalClosure,
        /// Close code 1007: text that is not UTF-8.
        InvalidPayload,
        /// Close code 1008: refused by a rule of the server.
        PolicyViolation,
        /// Close code 1009: a message is too big.
        MessageTooBig,
        /// Close code 1010: the server lacks an extension.
        MandatoryExtension,
        /// Close code 1011: the server failed.
        InternalError,
        /// Close code 1012: the server restarts.
        ServiceRestart,
        /// Close code 1013: the server is overloaded.
        TryAgainLater,
        /// Close code 1014: a gateway got a bad answer.
        BadGateway,
        /// Close code 1015: TLS failed; nobody sends this code.
        TlsHandshake,
        /// Close codes 3000 to 3999: a library's or framework's.
        LibraryCode,
        /// Close codes 4000 to 4999: the application's own.
        ApplicationCode,
        /// A close code that RFC 6455 gives no meaning.
        ReservedCode,
        /// The upgrade was answered 200: no WebSocket server answered.
        Status200,
        /// The upgrade or poll was redirected.
        StatusRedirect,
        /// Answered 400.
        Status400,
        /// Answered 401.
        Status401,
        /// Answered 403.
        Status403,
        /// Answered 404.
        Status404,
        /// Answered 405.
        Status405,
        /// Answered 413.
        Status413,
        /// Answered 426.
        Status426,
        /// Answered 429.
        Status429,
        /// Answered 500.
        Status500,
        /// Answered 502.
        Status502,
        /// Answered 503.
        Status503,
        /// Answered 504.
        Status504,
        /// Engine.IO code 0.
        TransportUnknown,
        /// Engine.IO code 1.
        SessionIdUnknown,
        /// Engine.IO code 2.
        BadHandshakeMethod,
        /// Engine.IO code 3.
        BadRequest,
        /// Engine.IO code 4.
        Forbidden,
        /// Engine.IO code 5.
        UnsupportedProtocolVersion,
        /// Socket.IO: no ping, or no answer to one.
        PingTimeout,
        /// Socket.IO: the connection was closed.
        TransportClose,
        /// Socket.IO: the connection failed.
        TransportError,
        /// Socket.IO: the server's code disconnected the socket.
        IoServerDisconnect,
        /// Socket.IO: the client's code disconnected.
        IoClientDisconnect,
        /// Socket.IO: the server shuts down.
        ServerShuttingDown,
        /// Socket.IO: the server closed a connection that joined no namespace in time.
        ForcedClose,
        /// Socket.IO: a packet that cannot be parsed.
        ParseError,
        /// Socket.IO: the namespace does not exist.
        InvalidNamespace,
        /// The client got no answer in time.
        ConnectTimeout,
        /// A poll failed.
        XhrPollError,
        /// A POST of polling failed.
        XhrPostError,
        /// The WebSocket failed.
        WebsocketError,
        /// gorilla's check of the origin.
        CheckOrigin,
        /// Go: the upgrade was not answered 101.
        BadHandshake,
        /// CORS: there is no Access-Control-Allow-Origin.
        NoAllowOrigin,
        /// CORS: the preflight has no Access-Control-Allow-Origin.
        PreflightNoAllowOrigin,
        /// CORS: another origin is allowed.
        AllowOriginMismatch,
        /// CORS: several origins in one header.
        SeveralAllowOrigins,
        /// CORS: what is no origin.
        AllowOriginInvalid,
        /// CORS: `*` with credentials.
        WildcardWithCredentials,
        /// CORS: credentials are not allowed.
        CredentialsNotAllowed,
        /// CORS: the preflight does not pass; the end of the line, which says why, is missing.
        PreflightFailed,
        /// CORS: the preflight is not answered 2xx.
        PreflightNotOk,
        /// CORS: the preflight is redirected.
        PreflightRedirected,
        /// CORS: a header is not allowed.
        HeaderNotAllowed,
        /// CORS: a method is not allowed.
        MethodNotAllowed,
        /// CORS: a list cannot be parsed.
        AllowListInvalid,
        /// CORS: the request did not succeed at all.
        CorsDidNotSucceed,
        /// The name has no address.
        NameNotResolved,
        /// Nobody listens.
        ConnectionRefused,
        /// The connection was reset.
        ConnectionReset,
        /// Nobody answers.
        ConnectionTimedOut,
        /// The certificate is for another name.
        CertificateName,
        /// The certificate's dates.
        CertificateDate,
        /// The certificate's authority.
        CertificateAuthority,
        /// TLS fails.
        TlsProtocol,
        /// An https page and a URL that is not.
        MixedContent,
        /// A public page and a private address.
        LocalNetwork,
        /// The page's own Content-Security-Policy.
        ContentSecurityPolicy,
    }
}

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Which it is.
    pub reason: Known,
    /// The close code or status, where the line has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// The rung of the ladder that it belongs to.
    pub rung: Option<Rung>,
    /// What it means.
    pub meaning: &'static str,
    /// What causes it, the likeliest first.
    pub causes: &'static [&'static str],
    /// What to look at.
    pub checks: &'static [&'static str],
}

/// A line of the tables: each of `any` is a group of words that all have to be there, in lower case.
struct Entry {
    known: Known,
    rung: Option<Rung>,
    any: &'static [&'static [&'static str]],
    causes: &'static [&'static str],
    checks: &'static [&'static str],
}

impl Entry {
    fn fits(&self, text: &str) -> bool {
        self.any.iter().any(|all| all.iter().all(|word| text.contains(word)))
    }

    fn explained(&self, code: Option<u16>) -> Explanation {
        let Self { known, rung, any: _, causes, checks } = self;
        Explanation { reason: *known, code, rung: *rung, meaning: known.meaning(), causes, checks }
    }
}

/// Explains a code, a word or a line; the most telling first, none where it is not known.
#[must_use]
pub fn explain(text: &str) -> Vec<Explanation> {
    // Firefox and macOS write other apostrophes and quotes.
    let text = text.trim().to_lowercase().replace(['’', '‘', '`'], "'").replace(['“', '”'], "\"");
    let mut found = Vec::new();
    let of = |table: &[Entry]| table.iter().find(|entry| entry.fits(&text)).map(|entry| entry.explained(None));
    found.extend(of(cors::TABLE));
    found.extend(of(network::TABLE));
    found.extend(engine::explain(&text));
    found.extend(statuses::explain(&text));
    found.extend(closes::explain(&text));
    found.extend(of(client::TABLE));
    found
}

/// The number right after one of these words, with nothing but signs between.
fn number_after(text: &str, words: &[&str]) -> Option<u16> {
    words.iter().find_map(|word| {
        let (_, rest) = text.split_once(word)?;
        let digits = rest.trim_start_matches([' ', ':', '=', '(', '[', '{', '"', '\'', ',']);
        let end = digits.find(|it: char| !it.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse().ok()
    })
}

#[cfg(test)]
mod tests;
