//! What each fault of the origin grammar is called, in a configuration and in a request.

use crate::{
    decision::DenyReason,
    explain::Hint,
    host::HostFault,
    origin::{Fault, MAX_ORIGIN_LEN},
    problem::ProblemReason,
    scheme::Scheme,
};

pub(crate) fn pattern_reason(fault: Fault) -> ProblemReason {
    match fault {
        Fault::Empty | Fault::Control | Fault::Blank | Fault::NoScheme => ProblemReason::NotAnOrigin,
        Fault::TooLong => ProblemReason::TooLong,
        Fault::Null => ProblemReason::NullOrigin,
        Fault::Several => ProblemReason::SeveralOrigins,
        Fault::BadScheme => ProblemReason::UnknownScheme,
        Fault::UpperCaseScheme => ProblemReason::UpperCaseScheme,
        Fault::TrailingSlash => ProblemReason::TrailingSlash,
        Fault::Path => ProblemReason::HasPath,
        Fault::Query => ProblemReason::HasQuery,
        Fault::Fragment => ProblemReason::HasFragment,
        Fault::Userinfo => ProblemReason::HasUserinfo,
        Fault::BadPort => ProblemReason::BadPort,
        Fault::DefaultPort => ProblemReason::DefaultPort,
        Fault::NonAscii | Fault::Host(HostFault::NonAscii) => ProblemReason::IdnHost,
        Fault::Host(HostFault::UpperCase) => ProblemReason::UpperCaseHost,
        Fault::Host(HostFault::TrailingDot) => ProblemReason::TrailingDot,
        Fault::Host(HostFault::BadIpv4 | HostFault::BadIpv6) => ProblemReason::BadIp,
        Fault::Host(HostFault::Empty | HostFault::BadCharacter | HostFault::EmptyLabel | HostFault::TooLong) => {
            ProblemReason::BadHost
        }
    }
}

/// Why a request with this fault is denied, and what its sender may want to know.
pub(crate) fn deny_reason(fault: Fault) -> DenyReason {
    match fault {
        Fault::TooLong => DenyReason::OriginTooLong,
        Fault::Null => DenyReason::OriginNull,
        Fault::Several => DenyReason::OriginMultiple,
        Fault::Empty
        | Fault::Control
        | Fault::Blank
        | Fault::NonAscii
        | Fault::NoScheme
        | Fault::BadScheme
        | Fault::UpperCaseScheme
        | Fault::TrailingSlash
        | Fault::Path
        | Fault::Query
        | Fault::Fragment
        | Fault::Userinfo
        | Fault::Host(_)
        | Fault::BadPort
        | Fault::DefaultPort => DenyReason::OriginMalformed,
    }
}

/// The hint for a request with this fault, and the fault in words that follow "the origin".
pub(crate) fn hint(fault: Fault) -> (Hint, String) {
    let (hint, words) = match fault {
        Fault::Empty => (Hint::NotAnOrigin, "is empty"),
        Fault::TooLong => return (Hint::NotAnOrigin, format!("is longer than {MAX_ORIGIN_LEN} bytes")),
        Fault::Null => (Hint::OpaqueOrigin, "is null, as from a sandboxed frame, a file, a data URL or a redirect"),
        Fault::Several => (Hint::SeveralOrigins, "is a list, and only one origin can be decided on"),
        Fault::Control => (Hint::NotAnOrigin, "contains control characters"),
        Fault::Blank => (Hint::NotAnOrigin, "contains a space or comma"),
        Fault::NoScheme => (Hint::NotAnOrigin, "has no scheme"),
        Fault::BadScheme => (Hint::NotAnOrigin, "has an impossible scheme"),
        Fault::UpperCaseScheme | Fault::Host(HostFault::UpperCase) => (Hint::UpperCase, "has upper-case letters"),
        Fault::TrailingSlash => (Hint::TrailingSlash, "has a trailing slash"),
        Fault::Path => (Hint::NotAnOrigin, "has a path"),
        Fault::Query => (Hint::NotAnOrigin, "has a query"),
        Fault::Fragment => (Hint::NotAnOrigin, "has a fragment"),
        Fault::Userinfo => (Hint::NotAnOrigin, "has a user name"),
        Fault::BadPort => (Hint::NotAnOrigin, "has an impossible port"),
        Fault::DefaultPort => (Hint::DefaultPort, "names the scheme's default port, which browsers leave out"),
        Fault::NonAscii | Fault::Host(HostFault::NonAscii) => {
            (Hint::NotPunycode, "has a host outside ASCII, which browsers write as punycode")
        }
        Fault::Host(HostFault::TrailingDot) => (Hint::TrailingDot, "has a dot after its host"),
        Fault::Host(HostFault::BadIpv4 | HostFault::BadIpv6) => {
            (Hint::NotAnOrigin, "has an IP address that is not in canonical form")
        }
        Fault::Host(HostFault::Empty | HostFault::BadCharacter | HostFault::EmptyLabel | HostFault::TooLong) => {
            (Hint::NotAnOrigin, "has an impossible host name")
        }
    };
    (hint, words.to_owned())
}

/// What is wrong with an entry of `allow`, and what is allowed.
pub(crate) fn pattern_message(reason: ProblemReason, text: &str) -> String {
    const FORM: &str = "an origin is scheme://host[:port]";
    match reason {
        ProblemReason::NotAnOrigin if text.is_empty() => format!("is empty; {FORM}"),
        ProblemReason::NotAnOrigin if text.contains("://") => {
            format!("has spaces, commas or control characters; {FORM}")
        }
        ProblemReason::NotAnOrigin => format!("has no scheme; {FORM}"),
        ProblemReason::SeveralOrigins => "holds several origins; write one entry for each".to_owned(),
        ProblemReason::RegularExpression => {
            "looks like a regular expression; write the origin itself, or *. before its host for all subdomains"
                .to_owned()
        }
        ProblemReason::TooLong => format!("is longer than {MAX_ORIGIN_LEN} bytes; {FORM}"),
        ProblemReason::TrailingSlash => format!("has a trailing slash; {FORM}"),
        ProblemReason::HasPath => format!("has a path, and origins do not; {FORM}"),
        ProblemReason::HasQuery => format!("has a query, and origins do not; {FORM}"),
        ProblemReason::HasFragment => format!("has a fragment, and origins do not; {FORM}"),
        ProblemReason::HasUserinfo => format!("has a user name, and origins do not; {FORM}"),
        ProblemReason::UnknownScheme => format!("has a scheme that no page has; use {}", Scheme::offered()),
        ProblemReason::UpperCaseScheme => "has upper case in its scheme; browsers send lower case".to_owned(),
        ProblemReason::UpperCaseHost => "has upper case in its host; browsers send lower case".to_owned(),
        ProblemReason::IdnHost => "has a host outside ASCII; browsers send punycode (xn--…)".to_owned(),
        ProblemReason::BadHost => {
            "has no valid host; a host is labels of a-z, 0-9, - and _ with dots between".to_owned()
        }
        ProblemReason::TrailingDot => {
            "has a dot after its host; that is another origin than the one without".to_owned()
        }
        ProblemReason::BadIp => {
            "has no canonical IP address; write 192.0.2.1 or [2001:db8::1], with no leading zeros".to_owned()
        }
        ProblemReason::BadPort => {
            "has no valid port; a port is a number from 1 to 65535, one entry for each port".to_owned()
        }
        ProblemReason::DefaultPort => "names the scheme's default port, which browsers leave out of origins".to_owned(),
        ProblemReason::NullOrigin => {
            "can be sent by any page, from a sandboxed frame; serve the page over https and list its origin".to_owned()
        }
        ProblemReason::WildcardAny => {
            "would allow every site; list the origins, such as https://app.example.com or https://*.example.com"
                .to_owned()
        }
        ProblemReason::WildcardNotLeftmost => {
            "has a * that is not the first label; one * may stand first, and stands for one or more labels".to_owned()
        }
        ProblemReason::PartialWildcard => {
            "has a * inside a label; a * stands for whole labels, as in https://*.example.com".to_owned()
        }
        ProblemReason::WildcardOnIp => "has a * before an IP address; list each address".to_owned(),
        ProblemReason::WildcardOnAppScheme => {
            "has a * with an app's scheme; only http and https have subdomains".to_owned()
        }
        ProblemReason::WildcardPublicSuffix => {
            "would allow names that anybody can register; put the name that you registered after \"*.\"".to_owned()
        }
        // The others are not found by looking at one entry alone.
        ProblemReason::EmptyList
        | ProblemReason::InsecureWithCredentials
        | ProblemReason::Duplicate
        | ProblemReason::Shadowed
        | ProblemReason::HeaderNotToken
        | ProblemReason::HeaderWildcard
        | ProblemReason::HeaderForbidden
        | ProblemReason::HeaderNeverNeeded
        | ProblemReason::MaxAgeOutOfRange
        | ProblemReason::MaxAgeCapped => format!("is refused: {reason}"),
    }
}
