//! `allowedHeaders` and `exposedHeaders`: names, by Fetch's own tables.

use std::collections::HashSet;

use crate::problem::{Problem, ProblemReason};

/// Fetch, "forbidden request-header": a page cannot set these, so listing them allows nothing.
const FORBIDDEN_REQUEST: [&str; 21] = [
    "accept-charset",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "expect",
    "host",
    "keep-alive",
    "origin",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];
const FORBIDDEN_REQUEST_PREFIXES: [&str; 2] = ["proxy-", "sec-"];
/// Fetch, "CORS-safelisted request-header". `Content-Type` is one only for form types and is missing here on purpose.
const SAFE_REQUEST: [&str; 3] = ["accept", "accept-language", "content-language"];
/// Fetch, "forbidden response-header name".
const FORBIDDEN_RESPONSE: [&str; 2] = ["set-cookie", "set-cookie2"];
/// Fetch, "CORS-safelisted response-header name".
const SAFE_RESPONSE: [&str; 7] =
    ["cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"];

/// Which of the two lists.
#[derive(Clone, Copy)]
pub(crate) enum List {
    Allowed,
    Exposed,
}

impl List {
    const fn field(self) -> &'static str {
        match self {
            Self::Allowed => "allowedHeaders",
            Self::Exposed => "exposedHeaders",
        }
    }

    fn fault(self, name: &str) -> Option<(ProblemReason, &'static str)> {
        let lower = name.to_ascii_lowercase();
        match self {
            _ if name == "*" => Some((
                ProblemReason::HeaderWildcard,
                "is not a list: * never covers Authorization, and nothing at all with credentials; name each header",
            )),
            _ if !is_token(name) => Some((
                ProblemReason::HeaderNotToken,
                "is not a header name; a name is letters, digits and any of !#$%&'*+-.^_`|~",
            )),
            Self::Allowed if is_forbidden_request(&lower) => Some((
                ProblemReason::HeaderForbidden,
                "is set by browsers and never by pages, so that listing it allows nothing; leave it out",
            )),
            Self::Allowed if SAFE_REQUEST.contains(&lower.as_str()) => {
                Some((ProblemReason::HeaderNeverNeeded, "may be sent by every page without being listed; leave it out"))
            }
            Self::Exposed if FORBIDDEN_RESPONSE.contains(&lower.as_str()) => Some((
                ProblemReason::HeaderForbidden,
                "is withheld from pages by browsers whatever is listed; leave it out",
            )),
            Self::Exposed if SAFE_RESPONSE.contains(&lower.as_str()) => {
                Some((ProblemReason::HeaderNeverNeeded, "can be read by every page without being listed; leave it out"))
            }
            _ if lower.starts_with("access-control-") => {
                Some((ProblemReason::HeaderNeverNeeded, "is between server and browser, not for pages; leave it out"))
            }
            Self::Allowed | Self::Exposed => None,
        }
    }
}

/// The names that are accepted, each once; problems and warnings go to `found`.
pub(crate) fn check(list: List, names: &[String], found: &mut Vec<Problem>) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut accepted = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let mut say = |reason, message: &str, suggestion| {
            let field = format!("{}[{index}]", list.field());
            found.push(Problem { field, value: name.clone(), reason, message: message.to_owned(), suggestion });
        };
        if let Some((reason, message)) = list.fault(name) {
            let token = name.trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | ',' | '"' | '\''));
            let mended = reason == ProblemReason::HeaderNotToken && list.fault(token).is_none();
            say(reason, message, mended.then(|| token.to_owned()));
            if !reason.is_warning() {
                continue;
            }
        }
        if seen.insert(name.to_ascii_lowercase()) {
            accepted.push(name.clone());
        } else {
            say(ProblemReason::Duplicate, "is listed already; header names have no case", None);
        }
    }
    accepted
}

/// RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(token)
}

fn is_forbidden_request(lower: &str) -> bool {
    FORBIDDEN_REQUEST.contains(&lower) || FORBIDDEN_REQUEST_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(list: List, names: &[&str]) -> Vec<ProblemReason> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut found = Vec::new();
        check(list, &names, &mut found);
        found.into_iter().map(|problem| problem.reason).collect()
    }

    #[test]
    fn ordinary_names_are_accepted_once() {
        let mut found = Vec::new();
        let names = ["Authorization", "X-Trace", "x-trace"].map(str::to_owned);
        assert_eq!(check(List::Allowed, &names, &mut found), ["Authorization", "X-Trace"]);
        assert_eq!(found[0].reason, ProblemReason::Duplicate);
        assert_eq!(found[0].field, "allowedHeaders[2]");
    }

    #[test]
    fn a_star_is_not_a_name_in_either_list() {
        assert_eq!(reasons(List::Allowed, &["*"]), [ProblemReason::HeaderWildcard]);
        assert_eq!(reasons(List::Exposed, &["*"]), [ProblemReason::HeaderWildcard]);
    }

    #[test]
    fn what_pages_cannot_set_or_read_is_refused() {
        for name in ["Cookie", "sec-fetch-site", "Proxy-Authorization", "VIA", "Origin", "Upgrade"] {
            assert_eq!(reasons(List::Allowed, &[name]), [ProblemReason::HeaderForbidden], "{name}");
        }
        assert_eq!(reasons(List::Exposed, &["Set-Cookie"]), [ProblemReason::HeaderForbidden]);
    }

    #[test]
    fn what_works_anyway_is_a_warning() {
        assert_eq!(reasons(List::Allowed, &["Accept"]), [ProblemReason::HeaderNeverNeeded]);
        assert_eq!(reasons(List::Allowed, &["Access-Control-Allow-Origin"]), [ProblemReason::HeaderNeverNeeded]);
        assert_eq!(reasons(List::Exposed, &["Content-Type"]), [ProblemReason::HeaderNeverNeeded]);
        assert_eq!(reasons(List::Allowed, &["Content-Type"]), []);
    }

    #[test]
    fn a_name_with_punctuation_is_mended() {
        let mut found = Vec::new();
        check(List::Allowed, &["X-Trace:".to_owned(), "X Trace".to_owned(), String::new()], &mut found);
        assert_eq!(
            found.iter().map(|problem| problem.suggestion.as_deref()).collect::<Vec<_>>(),
            [Some("X-Trace"), None, None]
        );
        assert!(found.iter().all(|problem| problem.reason == ProblemReason::HeaderNotToken));
    }
}
