//! What is wrong, and what the doctor has to say about it.

use anyhow::Result;
use realtime_doctor::{
    Reason::{self, *},
    Rung::{self, *},
    Target, Verdict,
    cors::Credentials,
};

/// Who is the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// One of `tests/clients/broken.mjs`.
    Node,
    /// nginx in front of a right one.
    Nginx,
    /// Envoy in front of a right one.
    Envoy,
    /// go-socket.io or gorilla/websocket.
    Go,
    /// TLS in front of a right one.
    Tls,
    /// Nobody.
    Nobody,
    /// This project's server.
    Own,
}

/// A server, the page that comes to it, and what the doctor says.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name; that of the server.
    pub name: &'static str,
    /// What is wrong, for people.
    pub what: &'static str,
    /// Who the server is.
    pub host: Host,
    /// The page.
    pub page: Page,
    /// The rung that breaks or is doubtful; None where all is well.
    pub rung: Option<Rung>,
    /// Pass, warn or fail.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
}

/// The page that connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Whether it sends credentials.
    pub credentials: bool,
    /// Its headers.
    pub headers: &'static [&'static str],
    /// The path of its client.
    pub path: &'static str,
}

const PLAIN: Page = Page { credentials: false, headers: &[], path: "/socket.io" };
const TOKEN: Page = Page { headers: &["Authorization: Bearer abc"], ..PLAIN };
const COOKIES: Page = Page { credentials: true, ..PLAIN };
const BOTH: Page = Page { credentials: true, ..TOKEN };
const OTHER_PATH: Page = Page { path: "/oursocketio", ..PLAIN };

const fn node(name: &'static str, what: &'static str, page: Page, rung: Rung, reason: Reason) -> Case {
    Case { name, what, host: Host::Node, page, rung: Some(rung), verdict: Verdict::Fail, reason }
}

const fn of(host: Host, case: Case) -> Case {
    Case { host, ..case }
}

const fn warning(case: Case) -> Case {
    Case { verdict: Verdict::Warn, ..case }
}

const fn good(host: Host, name: &'static str, what: &'static str, page: Page) -> Case {
    Case { name, what, host, page, rung: None, verdict: Verdict::Pass, reason: AllHold }
}

/// All of them, from the lowest rung.
pub const CASES: &[Case] = &[
    good(Host::Own, "realtime-server", "this project's server", TOKEN),
    good(Host::Node, "right", "Node socket.io 4 with `cors` and an origin check of its own (`allowRequest`)", TOKEN),
    of(Host::Nobody, node("no-name", "the name has no DNS record", PLAIN, Dns, NameNotFound)),
    of(Host::Nobody, node("nobody", "nobody listens on the port", PLAIN, Tls, ConnectionRefused)),
    of(Host::Tls, node("other-name", "a certificate for another name", PLAIN, Tls, NameMismatch)),
    of(Host::Tls, node("expired", "a certificate that has expired", PLAIN, Tls, CertificateExpired)),
    of(Host::Tls, node("self-signed", "a certificate of an authority that nobody knows", PLAIN, Tls, UnknownIssuer)),
    of(Host::Tls, node("plain", "https asked of a port that speaks http", PLAIN, Tls, NotTls)),
    node("silent", "a server that accepts and never answers", PLAIN, Path, NoAnswer),
    node("closing", "a server that closes without an answer", PLAIN, Path, ConnectionClosed),
    node("other-path", "Socket.IO on /socket.io, the client on /oursocketio", OTHER_PATH, Path, PathNotFound),
    node("single-page-app", "a web app answers every path but /socket.io with its page", OTHER_PATH, Path, WebPage),
    of(Host::Nginx, node("dead-server", "nginx in front of a server that is down", PLAIN, Path, NoHealthyBackend)),
    node("no-cors", "no `cors` at all", PLAIN, Handshake, NoAllowOrigin),
    node("other-origin", "`cors` for another origin", PLAIN, Handshake, AllowOriginMismatch),
    node("slash", "`cors` with a slash after the origin", PLAIN, Handshake, AllowOriginMismatch),
    node("cors-twice", "proxy and server both add the header", PLAIN, Handshake, SeveralAllowOrigins),
    node(
        "wildcard-with-credentials",
        "`cors` with `*`, the page with credentials",
        COOKIES,
        Handshake,
        WildcardWithCredentials,
    ),
    node(
        "credentials-not-allowed",
        "`cors` without credentials, the page with",
        COOKIES,
        Handshake,
        CredentialsNotAllowed,
    ),
    node("origin-check", "`allowRequest` refuses the origin", PLAIN, Handshake, OriginRefused),
    node("token-refused", "a token that is refused", TOKEN, Handshake, Unauthorized),
    of(
        Host::Go,
        node(
            "gorilla",
            "gorilla/websocket, a plain WebSocket server, behind the path",
            PLAIN,
            Handshake,
            PlainWebSocket,
        ),
    ),
    node(
        "auth-before-cors",
        "auth middleware before CORS answers OPTIONS with 401",
        TOKEN,
        Preflight,
        PreflightUnauthorized,
    ),
    node("router-without-options", "a router that knows no OPTIONS answers 405", TOKEN, Preflight, PreflightNotRouted),
    node("redirected-options", "OPTIONS is redirected", TOKEN, Preflight, PreflightRedirected),
    node(
        "options-without-cors",
        "something answers OPTIONS with 200 and no CORS headers",
        TOKEN,
        Preflight,
        NoAllowOrigin,
    ),
    node("header-not-listed", "`allowedHeaders` without Authorization", TOKEN, Authorization, HeaderNotAllowed),
    warning(node(
        "any-header",
        "`Access-Control-Allow-Headers: *` with Authorization",
        TOKEN,
        Authorization,
        WildcardWithoutAuthorization,
    )),
    node(
        "any-header-with-credentials",
        "`Access-Control-Allow-Headers: *` with credentials",
        BOTH,
        Authorization,
        WildcardHeadersWithCredentials,
    ),
    node("headers-misspelt", "`Access-Control-Allow-Headers` without commas", TOKEN, Authorization, AllowListInvalid),
    of(
        Host::Go,
        node(
            "go-socket.io",
            "go-socket.io 1.4.2 behind CORS middleware, without CheckOrigin",
            PLAIN,
            Upgrade,
            UpgradeOriginRefused,
        ),
    ),
    of(Host::Nginx, node("no-upgrade-headers", "nginx without upgrade headers", PLAIN, Upgrade, UpgradeLost)),
    of(Host::Envoy, node("no-upgrades", "Envoy without `upgrade_configs`", PLAIN, Upgrade, UpgradeLost)),
    warning(node("polling-alone", "a server that offers polling alone", PLAIN, Upgrade, WebSocketNotOffered)),
    warning(node(
        "websocket-alone",
        "a server that offers WebSocket alone, a page that polls",
        PLAIN,
        Handshake,
        PollingNotOffered,
    )),
    warning(node(
        "cors-alone",
        "`cors` and no origin check: any site may open a WebSocket",
        PLAIN,
        Upgrade,
        ForeignOriginAccepted,
    )),
    node("two-replicas", "two replicas without affinity", PLAIN, Replicas, SessionUnknown),
    node(
        "cookie-affinity",
        "two replicas with an affinity cookie without SameSite=None",
        PLAIN,
        Replicas,
        AffinityCookieLost,
    ),
    of(Host::Envoy, node("cut", "Envoy cuts the route after 3 s", PLAIN, Cut, CutAbruptly)),
    warning(node("connect-refused", "`io.use` wants a token in the CONNECT", PLAIN, Cut, ConnectRefused)),
];

impl Case {
    /// All of one host.
    pub fn of(host: Host) -> impl Iterator<Item = &'static Self> {
        CASES.iter().filter(move |case| case.host == host)
    }

    /// What the doctor is asked.
    ///
    /// # Errors
    /// When it is not a target.
    pub fn target(&self, url: &str, origin: &str) -> Result<Target> {
        let headers: Vec<_> = self.page.headers.iter().map(|header| (*header).to_owned()).collect();
        let mut target = Target::new(url, origin)?.path(self.page.path)?.headers(&headers)?;
        target.credentials = if self.page.credentials { Credentials::Include } else { Credentials::Omit };
        // What never answers is waited for; what does is quick, and this machine may be busy.
        target.timeout = std::time::Duration::from_secs(if self.reason == NoAnswer { 2 } else { 10 });
        Ok(target)
    }
}
