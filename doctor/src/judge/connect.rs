//! The first two rungs: a name, somebody who listens, a certificate.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustls::{CertificateError, Error as Tls};

use crate::{Reason, Target, exchange::Failure, finding::Finding};

/// The name and its addresses; `error` where there are none.
pub(crate) fn name(target: &Target, found: &Result<Vec<SocketAddr>, String>) -> Finding {
    let given = target.connect_to.as_deref();
    let host = given.unwrap_or(target.host());
    match found {
        Ok(addresses) => {
            let mut listed: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
            listed.dedup();
            let finding = match given {
                Some(address) => Finding::skipped(Reason::AddressGiven, format!("{address} is used for {}", target.host())),
                None if target.url.domain().is_none() => {
                    Finding::skipped(Reason::AddressGiven, format!("{host} is an address"))
                }
                None => Finding::pass(Reason::Resolved, format!("{host} is {}", listed.join(", "))),
            };
            let is_private = addresses.iter().any(|address| is_private(address.ip()));
            if is_private && given.is_none() && !is_local_origin(&target.origin) {
                return finding.note(
                    "the address is private or loopback: Chrome 142 and newer asks the user before a public page may reach it (Local Network Access)",
                );
            }
            finding
        }
        Err(error) => Finding::fail(Reason::NameNotFound, format!("{host} has no address: {error}"))
            .console("net::ERR_NAME_NOT_RESOLVED")
            .cause("the DNS record is missing, has another name, or is not known everywhere yet")
            .change("point the record at the load balancer's address; before that, --connect-to HOST:PORT takes the address itself"),
    }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn is_local_origin(origin: &str) -> bool {
    let host = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    host == "localhost" || host.ends_with(".localhost") || host.trim_matches(['[', ']']).parse().is_ok_and(is_private)
}

/// What a TLS connection showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Secured {
    /// `TLSv1_3`.
    pub(crate) version: String,
    /// The issuer of the certificate.
    pub(crate) issuer: String,
    /// Until when it is valid.
    pub(crate) until: Option<SystemTime>,
}

/// A connection that opened; `unverified` where only `--insecure` made it so.
pub(crate) fn connected(target: &Target, secured: Option<&Secured>, now: SystemTime) -> Finding {
    let Some(secured) = secured else {
        if target.origin.starts_with("https://") && !is_exempt(target.host()) {
            return Finding::fail(Reason::MixedContent, format!("the page is on https and {} is not", target.url))
                .console("Mixed Content: The page was loaded over HTTPS, but requested an insecure endpoint. This request has been blocked")
                .cause("the page's URL for the server is http or ws, or the load balancer has no certificate yet")
                .change("serve https and give the page an https URL")
                .yaml("spec:\n  exposure:\n    gke: {managedCertificate: true}");
        }
        return Finding::pass(
            Reason::PlainHttp,
            "somebody listens; the URL is http, so there is no certificate to judge",
        );
    };
    let Secured { version, issuer, until } = secured;
    let day = until.map(|until| humantime::format_rfc3339_seconds(until).to_string());
    let day = day.as_deref().and_then(|text| text.split('T').next()).unwrap_or("an unknown day");
    let message = format!("{version}, a certificate for {} by {issuer} until {day}", target.host());
    let soon = Duration::from_secs(14 * 24 * 3600);
    if until.and_then(|until| until.duration_since(now).ok()).is_some_and(|left| left < soon) {
        return Finding::warn(Reason::CertificateExpiresSoon, message)
            .cause("whoever renews it has not done so yet")
            .change("look at the renewal: cert-manager renews 30 days before the end, Google 30 days");
    }
    Finding::pass(Reason::Trusted, message)
}

/// Secure Contexts: loopback is trustworthy without TLS.
fn is_exempt(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A connection that did not open.
pub(crate) fn not_connected(target: &Target, failure: &Failure) -> Finding {
    let port = target.url.port_or_known_default().unwrap_or_default();
    match failure {
        Failure::Refused => Finding::fail(Reason::ConnectionRefused, format!("nobody listens on port {port}"))
            .console("net::ERR_CONNECTION_REFUSED")
            .cause("the server is down, listens on another port or on loopback alone, or the load balancer has no such listener (https without a certificate)")
            .change("check the listener, the Service's ports and targetPort"),
        Failure::ConnectTimeout(limit) => {
            Finding::fail(Reason::ConnectTimeout, format!("nobody answers on port {port} within {limit:?}"))
                .console("net::ERR_CONNECTION_TIMED_OUT")
                .cause("a firewall drops the packets, or the address belongs to nobody")
                .change("open the port in the firewall; check the DNS record")
        }
        other => Finding::fail(Reason::Unreachable, other.to_string())
            .console("net::ERR_ADDRESS_UNREACHABLE")
            .cause("there is no route to that address from here")
            .change("check the address, and from where it can be reached"),
    }
}

/// A TLS handshake that failed.
pub(crate) fn not_secured(target: &Target, error: &Tls) -> Finding {
    let host = target.host();
    let fail = |reason, message: String, console: &str| Finding::fail(reason, message).console(console);
    match error {
        Tls::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
            name_mismatch(host, &presented.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", "))
        }
        Tls::InvalidCertificate(CertificateError::NotValidForName) => name_mismatch(host, "other names"),
        Tls::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            let ended = UNIX_EPOCH + Duration::from_secs(not_after.as_secs());
            let ended = humantime::format_rfc3339_seconds(ended);
            expired(fail(Reason::CertificateExpired, format!("the certificate ended at {ended}"), "net::ERR_CERT_DATE_INVALID"))
        }
        Tls::InvalidCertificate(CertificateError::Expired) => {
            expired(fail(Reason::CertificateExpired, "the certificate has ended".to_owned(), "net::ERR_CERT_DATE_INVALID"))
        }
        Tls::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            fail(Reason::CertificateNotYetValid, "the certificate is not valid yet".to_owned(), "net::ERR_CERT_DATE_INVALID")
                .cause("a clock is wrong: this machine's, or that of the authority")
                .change("set the clock")
        }
        Tls::InvalidCertificate(CertificateError::UnknownIssuer) => fail(
            Reason::UnknownIssuer,
            "no authority that this machine trusts has signed the certificate".to_owned(),
            "net::ERR_CERT_AUTHORITY_INVALID",
        )
        .cause("the certificate is self-signed or from an authority of your own; or the server leaves out the intermediate certificate")
        .change("serve the full chain; for an authority of your own, --ca FILE, and install it in browsers"),
        Tls::InvalidCertificate(other) => {
            fail(Reason::CertificateInvalid, format!("the certificate is refused: {other:?}"), "net::ERR_CERT_INVALID")
                .cause("the certificate is not one for web servers")
                .change("issue another one")
        }
        Tls::InvalidMessage(_) => fail(Reason::NotTls, "what listens there does not speak TLS".to_owned(), "net::ERR_SSL_PROTOCOL_ERROR")
            .cause("the port serves plain http")
            .change("use an http URL, or the port that speaks TLS"),
        other => fail(Reason::TlsFailed, format!("the TLS handshake fails: {other}"), "net::ERR_SSL_PROTOCOL_ERROR")
            .cause("server and browser have no TLS version or cipher in common, or the server has no certificate for this name")
            .change("look at the TLS settings of what listens there")
            .yaml("spec:\n  exposure:\n    gke: {managedCertificate: true}"),
    }
}

/// rustls writes names as it holds them: `DnsName("a.com")`.
fn bare(name: &str) -> &str {
    name.split_once('(').map_or(name, |(_, inside)| inside).trim_matches(['"', ')'])
}

fn name_mismatch(host: &str, presented: &str) -> Finding {
    Finding::fail(Reason::NameMismatch, format!("the certificate is not for {host}, but for {presented}"))
        .console("net::ERR_CERT_COMMON_NAME_INVALID")
        .cause("the load balancer has no certificate for this name and shows its default one, or DNS points at another load balancer")
        .change(format!("issue a certificate that names {host}"))
        .yaml(format!("spec:\n  host: {host}\n  exposure:\n    gke: {{managedCertificate: true}}"))
}

fn expired(finding: Finding) -> Finding {
    finding.cause("whoever renews it has failed").change("renew it; with cert-manager: kubectl describe certificate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{InvalidMessage, pki_types::UnixTime};

    fn target(url: &str) -> Target {
        Target::new(url, "https://app.domain-b.com").unwrap()
    }

    #[test]
    fn each_mistake_of_a_certificate_has_its_own_reason() {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(1));
        let cases = [
            (CertificateError::Expired, Reason::CertificateExpired),
            (CertificateError::ExpiredContext { time, not_after: time }, Reason::CertificateExpired),
            (CertificateError::NotValidYet, Reason::CertificateNotYetValid),
            (CertificateError::NotValidForName, Reason::NameMismatch),
            (CertificateError::UnknownIssuer, Reason::UnknownIssuer),
            (CertificateError::BadEncoding, Reason::CertificateInvalid),
        ];
        for (error, reason) in cases {
            assert_eq!(not_secured(&target("https://a.com"), &Tls::InvalidCertificate(error)).reason, reason);
        }
        let plain = Tls::InvalidMessage(InvalidMessage::InvalidContentType);
        assert_eq!(not_secured(&target("https://a.com"), &plain).reason, Reason::NotTls);
    }

    #[test]
    fn a_certificate_for_others_names_them() {
        let error = CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::try_from("a.com").unwrap(),
            presented: vec!["DnsName(\"b.com\")".to_owned(), "c.com".to_owned()],
        };
        let finding = not_secured(&target("https://a.com"), &Tls::InvalidCertificate(error));
        assert_eq!(finding.message, "the certificate is not for a.com, but for b.com, c.com");
    }

    #[test]
    fn an_https_page_needs_https_except_for_loopback() {
        let judged = |url: &str| connected(&target(url), None, SystemTime::now()).reason;
        assert_eq!(judged("http://a.com"), Reason::MixedContent);
        assert_eq!(judged("http://localhost:8080"), Reason::PlainHttp);
        assert_eq!(judged("http://127.0.0.1:8080"), Reason::PlainHttp);
    }

    #[test]
    fn a_certificate_that_ends_soon_is_a_warning() {
        let now = SystemTime::now();
        let secured =
            |days: u64| Secured { until: Some(now + Duration::from_secs(days * 24 * 3600)), ..Secured::default() };
        let judged = |days| connected(&target("https://a.com"), Some(&secured(days)), now).reason;
        assert_eq!((judged(13), judged(15)), (Reason::CertificateExpiresSoon, Reason::Trusted));
    }

    #[test]
    fn a_private_address_is_noted_for_public_pages_alone() {
        let found = Ok(vec![SocketAddr::from(([10, 0, 0, 1], 443))]);
        assert_eq!(name(&target("https://a.com"), &found).notes.len(), 1);
        let local = Target::new("https://a.com", "http://localhost:5173").unwrap();
        assert_eq!(name(&local, &found).notes.len(), 0);
    }
}
