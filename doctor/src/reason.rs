//! The closed set of reasons.

use crate::words::words;

words! {
    /// Why a rung holds, is doubtful, breaks or was not tried.
    Reason {
        /// All rungs that were tried hold.
        AllHold,

        /// The name has an address.
        Resolved,
        /// The URL names an address, or `--connect-to` does.
        AddressGiven,
        /// The name has no address.
        NameNotFound,

        /// The certificate is one that browsers trust.
        Trusted,
        /// The URL is http; somebody listens there.
        PlainHttp,
        /// The page is https and the URL is not: browsers block that.
        MixedContent,
        /// Nobody listens there.
        ConnectionRefused,
        /// Nobody answers at that address.
        ConnectTimeout,
        /// There is no way to that address.
        Unreachable,
        /// The certificate is for other names.
        NameMismatch,
        /// The certificate has expired.
        CertificateExpired,
        /// The certificate is not valid yet.
        CertificateNotYetValid,
        /// No authority that this machine trusts has signed the certificate.
        UnknownIssuer,
        /// The certificate is refused for another reason.
        CertificateInvalid,
        /// The certificate expires within two weeks.
        CertificateExpiresSoon,
        /// What listens there does not speak TLS.
        NotTls,
        /// The TLS handshake fails.
        TlsFailed,
        /// The certificate is not valid, and `--insecure` goes on.
        NotVerified,

        /// A server answers on this path.
        Served,
        /// The connection is accepted and no answer comes.
        NoAnswer,
        /// The connection is closed without an answer.
        ConnectionClosed,
        /// What answers does not speak HTTP/1.1.
        NotHttp,
        /// Nothing is served on this path.
        PathNotFound,
        /// The path redirects elsewhere.
        Redirected,
        /// A web page answers where Socket.IO should.
        WebPage,
        /// The proxy has no healthy server behind it.
        NoHealthyBackend,
        /// The server fails.
        ServerError,
        /// The server asks clients to come back later.
        Overloaded,

        /// Engine.IO 4 answers and the page may read it.
        HandshakeAccepted,
        /// The server refuses the page's origin.
        OriginRefused,
        /// The server speaks Engine.IO 3 alone, which is for clients of version 1 and 2.
        EngineIo3Only,
        /// The server does not speak the protocol version of this client.
        ProtocolRefused,
        /// The server does not offer polling.
        PollingNotOffered,
        /// A plain WebSocket server answers, without Engine.IO.
        PlainWebSocket,
        /// Engine.IO refuses the handshake for another reason.
        EngineRefused,
        /// What answers is not Engine.IO.
        NotEngineIo,
        /// Authentication refuses the request.
        Unauthorized,
        /// Authentication asks for a value that the doctor was not given.
        ValueNeeded,
        /// The answer has no Access-Control-Allow-Origin.
        NoAllowOrigin,
        /// Access-Control-Allow-Origin names another origin.
        AllowOriginMismatch,
        /// Access-Control-Allow-Origin holds what is no origin.
        AllowOriginInvalid,
        /// Access-Control-Allow-Origin names several.
        SeveralAllowOrigins,
        /// `Access-Control-Allow-Origin: *` does not count with credentials.
        WildcardWithCredentials,
        /// Access-Control-Allow-Credentials is not `true`.
        CredentialsNotAllowed,

        /// The preflight passes.
        PreflightAllowed,
        /// Authentication answers the preflight, which never carries credentials.
        PreflightUnauthorized,
        /// The router or the server does not know OPTIONS here.
        PreflightNotRouted,
        /// The preflight is redirected.
        PreflightRedirected,
        /// The preflight's status is not 2xx.
        PreflightNotOk,

        /// The headers of this page pass.
        HeadersAllowed,
        /// Access-Control-Allow-Headers does not name a header.
        HeaderNotAllowed,
        /// `Access-Control-Allow-Headers: *` does not cover Authorization.
        WildcardWithoutAuthorization,
        /// `Access-Control-Allow-Headers: *` is no wildcard with credentials.
        WildcardHeadersWithCredentials,
        /// Access-Control-Allow-Headers or -Methods cannot be parsed.
        AllowListInvalid,
        /// The token is refused.
        TokenRefused,

        /// The WebSocket opens, for this origin and not for a foreign one.
        UpgradeAccepted,
        /// The WebSocket's own origin check refuses the page.
        UpgradeOriginRefused,
        /// A proxy on the way loses the Upgrade headers, or does not allow upgrades.
        UpgradeLost,
        /// Authentication refuses the upgrade, which cannot carry headers of the page's own.
        UpgradeUnauthorized,
        /// The WebSocket opens, and no Engine.IO handshake comes over it.
        NoEngineHandshake,
        /// The upgrade is answered with another status.
        UpgradeFailed,
        /// The server does not offer WebSocket.
        WebSocketNotOffered,
        /// Pages of any site may open a WebSocket.
        ForeignOriginAccepted,

        /// Each request of a session finds it.
        SessionKept,
        /// Some requests reach a replica that does not know the session.
        SessionUnknown,
        /// The affinity cookie is not sent across sites.
        AffinityCookieLost,
        /// Requests of a session fail otherwise.
        SessionFailed,

        /// The WebSocket lived as long as asked.
        Held,
        /// The WebSocket ended without a close frame: browsers say 1006.
        CutAbruptly,
        /// The server closed the WebSocket in good order.
        ClosedByServer,
        /// The server's own code refuses the connection in the Socket.IO CONNECT.
        ConnectRefused,
        /// No ping came for longer than the handshake promised.
        PingMissing,

        /// A rung below breaks.
        NotReached,
        /// Nobody asked for it.
        NotAsked,
        /// This transport is not used or not offered.
        NotOffered,
    }
}
