//! What happens before any answer.

use super::{Entry, Known};
use crate::Rung;

pub(super) const TABLE: &[Entry] = &[
    Entry {
        known: Known::LocalNetwork,
        rung: Some(Rung::Dns),
        any: &[
            &["local network access"],
            &["loopback address space"],
            &["more-private address space"],
            &["local address space"],
        ],
        causes: &[
            "a public page reaches for a private or loopback address: Chrome 142 and newer asks the user, and no header grants it",
        ],
        checks: &[
            "serve page and server both from private or both from public addresses; allow it for the site in the browser's settings",
        ],
    },
    Entry {
        known: Known::ContentSecurityPolicy,
        rung: None,
        any: &[&["content security policy"]],
        causes: &["the page's own policy does not allow the server: connect-src needs https://HOST and wss://HOST"],
        checks: &["the header Content-Security-Policy of the page"],
    },
    Entry {
        known: Known::MixedContent,
        rung: Some(Rung::Tls),
        any: &[
            &["mixed content"],
            &["insecure websocket connection may not be initiated"],
            &["the operation is insecure"],
        ],
        causes: &["the page is https and the URL of the server is http or ws"],
        checks: &["use https or wss"],
    },
    Entry {
        known: Known::NameNotResolved,
        rung: Some(Rung::Dns),
        any: &[
            &["err_name_not_resolved"],
            &["enotfound"],
            &["no such host"],
            &["eai_again"],
            &["name or service not known"],
        ],
        causes: &["the DNS record is missing or not known everywhere yet"],
        checks: &["dig HOST", "doctor --connect-to ADDRESS:443 tries the load balancer before the record is there"],
    },
    Entry {
        known: Known::ConnectionRefused,
        rung: Some(Rung::Tls),
        any: &[&["err_connection_refused"], &["econnrefused"], &["connection refused"]],
        causes: &["nobody listens: the server is down, on another port, or on loopback alone"],
        checks: &["port and targetPort of the Service; the listener of the load balancer"],
    },
    Entry {
        known: Known::ConnectionTimedOut,
        rung: Some(Rung::Tls),
        any: &[&["err_connection_timed_out"], &["err_timed_out"], &["etimedout"], &["i/o timeout"]],
        causes: &[
            "a firewall drops the packets, or the address belongs to nobody",
            "Go: a read deadline passed, as no ping or message came",
        ],
        checks: &["firewall rules; the DNS record", "ping interval against the deadline"],
    },
    Entry {
        known: Known::ConnectionReset,
        rung: Some(Rung::Cut),
        any: &[
            &["err_connection_reset"],
            &["econnreset"],
            &["connection reset by peer"],
            &["broken pipe"],
            &["epipe"],
            &["err_connection_closed"],
            &["err_empty_response"],
            &["socket hang up"],
        ],
        causes: &[
            "the other side or a proxy dropped the connection: a timeout, a crash, a rollout",
            "a write to a connection that had been closed already",
        ],
        checks: &["kubectl realtime doctor URL --origin ORIGIN --hold 10m", "restarts of pods at that time"],
    },
    Entry {
        known: Known::CertificateName,
        rung: Some(Rung::Tls),
        any: &[
            &["err_cert_common_name_invalid"],
            &["hostname/ip does not match"],
            &["certificate is valid for", "not"],
            &["ssl_error_bad_cert_domain"],
        ],
        causes: &[
            "the load balancer has no certificate for this name and shows its default one",
            "DNS points at another load balancer",
        ],
        checks: &["kubectl realtime doctor URL --origin ORIGIN: it lists the names of the certificate"],
    },
    Entry {
        known: Known::CertificateDate,
        rung: Some(Rung::Tls),
        any: &[
            &["err_cert_date_invalid"],
            &["certificate has expired"],
            &["cert_has_expired"],
            &["sec_error_expired_certificate"],
        ],
        causes: &["the certificate was not renewed, or a clock is wrong"],
        checks: &["kubectl describe certificate, or the managed certificate's status"],
    },
    Entry {
        known: Known::CertificateAuthority,
        rung: Some(Rung::Tls),
        any: &[
            &["err_cert_authority_invalid"],
            &["self-signed certificate"],
            &["self signed certificate"],
            &["unable to verify the first certificate"],
            &["unknown authority"],
            &["sec_error_unknown_issuer"],
        ],
        causes: &[
            "a self-signed certificate or an authority of your own",
            "the intermediate certificate is not served",
        ],
        checks: &["serve the full chain"],
    },
    Entry {
        known: Known::TlsProtocol,
        rung: Some(Rung::Tls),
        any: &[
            &["err_ssl_protocol_error"],
            &["wrong version number"],
            &["first record does not look like a tls handshake"],
            &["err_ssl_version"],
        ],
        causes: &["the port serves plain http, or the versions of TLS differ"],
        checks: &["scheme and port of the URL"],
    },
];
