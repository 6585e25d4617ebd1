//! The rules of Fetch by which a browser lets a page read an answer, and the words in which Chromium refuses.

use http::{HeaderMap, StatusCode, header};

use crate::{Reason, exchange::combined};

/// Whether the page sends cookies and the like: `withCredentials`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// No.
    Omit,
    /// Yes.
    Include,
}

/// Why a browser refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// There is no Access-Control-Allow-Origin.
    NoAllowOrigin,
    /// It is `*`, and the page sends credentials.
    WildcardWithCredentials,
    /// It names several.
    SeveralAllowOrigins(String),
    /// It is no origin.
    AllowOriginInvalid(String),
    /// It is another origin.
    AllowOriginMismatch(String),
    /// Access-Control-Allow-Credentials is not `true`.
    CredentialsNotAllowed(String),
    /// The preflight is redirected.
    Redirected,
    /// The preflight's status is not 2xx.
    NotOk,
    /// Access-Control-Allow-Methods cannot be parsed.
    MethodsInvalid,
    /// Access-Control-Allow-Headers cannot be parsed.
    HeadersInvalid,
    /// Access-Control-Allow-Headers does not name this header.
    HeaderNotAllowed(String),
    /// Access-Control-Allow-Headers is `*`, and the page sends credentials: then it is a name like any other.
    WildcardHeadersWithCredentials(String),
    /// Access-Control-Allow-Headers is `*`, which does not cover Authorization.
    WildcardWithoutAuthorization,
}

const PREFLIGHT: &str = "Response to preflight request doesn't pass access control check: ";
const VALID: &str = " Have the server send the header with a valid value.";
const ATTRIBUTE: &str =
    " The credentials mode of requests initiated by the XMLHttpRequest is controlled by the withCredentials attribute.";

impl Objection {
    /// What Chromium's console says after "has been blocked by CORS policy: ", for a request of XMLHttpRequest; None where
    /// Chromium lets it pass.
    #[must_use]
    pub fn console(&self, of_preflight: bool) -> Option<String> {
        let access = |text: String| if of_preflight { format!("{PREFLIGHT}{text}") } else { text };
        let origin = "The 'Access-Control-Allow-Origin' header";
        Some(match self {
            Self::NoAllowOrigin => {
                access("No 'Access-Control-Allow-Origin' header is present on the requested resource.".to_owned())
            }
            Self::WildcardWithCredentials => access(format!(
                "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'.{ATTRIBUTE}"
            )),
            Self::SeveralAllowOrigins(value) => {
                access(format!("{origin} contains multiple values '{value}', but only one is allowed.{VALID}"))
            }
            Self::AllowOriginInvalid(value) => access(format!("{origin} contains the invalid value '{value}'.{VALID}")),
            Self::AllowOriginMismatch(value) => {
                access(format!("{origin} has a value '{value}' that is not equal to the supplied origin.{VALID}"))
            }
            Self::CredentialsNotAllowed(value) => access(format!(
                "The value of the 'Access-Control-Allow-Credentials' header in the response is '{value}' which must be 'true' when the request's credentials mode is 'include'.{ATTRIBUTE}"
            )),
            Self::Redirected => access("Redirect is not allowed for a preflight request.".to_owned()),
            Self::NotOk => access("It does not have HTTP ok status.".to_owned()),
            Self::MethodsInvalid => {
                "Cannot parse Access-Control-Allow-Methods response header field in preflight response.".to_owned()
            }
            Self::HeadersInvalid => {
                "Cannot parse Access-Control-Allow-Headers response header field in preflight response.".to_owned()
            }
            Self::HeaderNotAllowed(name) | Self::WildcardHeadersWithCredentials(name) => format!(
                "Request header field {name} is not allowed by Access-Control-Allow-Headers in preflight response."
            ),
            Self::WildcardWithoutAuthorization => return None,
        })
    }

    /// The word for it.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::NoAllowOrigin => Reason::NoAllowOrigin,
            Self::WildcardWithCredentials => Reason::WildcardWithCredentials,
            Self::SeveralAllowOrigins(_) => Reason::SeveralAllowOrigins,
            Self::AllowOriginInvalid(_) => Reason::AllowOriginInvalid,
            Self::AllowOriginMismatch(_) => Reason::AllowOriginMismatch,
            Self::CredentialsNotAllowed(_) => Reason::CredentialsNotAllowed,
            Self::Redirected => Reason::PreflightRedirected,
            Self::NotOk => Reason::PreflightNotOk,
            Self::MethodsInvalid | Self::HeadersInvalid => Reason::AllowListInvalid,
            Self::HeaderNotAllowed(_) => Reason::HeaderNotAllowed,
            Self::WildcardHeadersWithCredentials(_) => Reason::WildcardHeadersWithCredentials,
            Self::WildcardWithoutAuthorization => Reason::WildcardWithoutAuthorization,
        }
    }
}

/// The CORS check of Fetch: may a page on this origin read the answer?
///
/// # Errors
/// With what a browser objects to.
pub fn check(origin: &str, credentials: Credentials, headers: &HeaderMap) -> Result<(), Objection> {
    let Some(allowed) = combined(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN.as_str()) else {
        return Err(Objection::NoAllowOrigin);
    };
    if allowed == "*" {
        return match credentials {
            Credentials::Omit => Ok(()),
            Credentials::Include => Err(Objection::WildcardWithCredentials),
        };
    }
    if allowed != origin {
        return Err(if allowed.contains([' ', ',']) {
            Objection::SeveralAllowOrigins(allowed)
        } else if allowed == "null" || url::Url::parse(&allowed).is_ok() {
            Objection::AllowOriginMismatch(allowed)
        } else {
            Objection::AllowOriginInvalid(allowed)
        });
    }
    let may = combined(headers, header::ACCESS_CONTROL_ALLOW_CREDENTIALS.as_str()).unwrap_or_default();
    if credentials == Credentials::Include && may != "true" {
        return Err(Objection::CredentialsNotAllowed(may));
    }
    Ok(())
}

/// The part of a CORS-preflight that comes before its lists: the check, then the status.
///
/// # Errors
/// With what a browser objects to.
pub fn preflight(
    origin: &str,
    credentials: Credentials,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<(), Objection> {
    // Chromium follows none, whatever its headers are.
    if [301, 302, 303, 307, 308].contains(&status.as_u16()) && headers.contains_key(header::LOCATION) {
        return Err(Objection::Redirected);
    }
    check(origin, credentials, headers)?;
    if status.is_success() { Ok(()) } else { Err(Objection::NotOk) }
}

/// The lists of a preflight's answer, for a GET or POST with these headers; names are in lower case.
///
/// # Errors
/// With what Fetch objects to.
pub fn lists(credentials: Credentials, names: &[String], headers: &HeaderMap) -> Result<(), Objection> {
    if tokens(headers, header::ACCESS_CONTROL_ALLOW_METHODS.as_str()).is_none() {
        return Err(Objection::MethodsInvalid);
    }
    let Some(allowed) = tokens(headers, header::ACCESS_CONTROL_ALLOW_HEADERS.as_str()) else {
        return Err(Objection::HeadersInvalid);
    };
    let is_wildcard = allowed.iter().any(|it| it == "*");
    let is_named = |name: &String| allowed.iter().any(|it| it.eq_ignore_ascii_case(name));
    for name in names.iter().filter(|name| !is_named(name)) {
        match (is_wildcard, credentials, name.as_str()) {
            (true, Credentials::Omit, "authorization") => return Err(Objection::WildcardWithoutAuthorization),
            (true, Credentials::Omit, _) => {}
            (true, Credentials::Include, _) => {
                return Err(Objection::WildcardHeadersWithCredentials(name.clone()));
            }
            (false, _, _) => return Err(Objection::HeaderNotAllowed(name.clone())),
        }
    }
    Ok(())
}

/// A list of tokens; None where there is something else in it.
fn tokens(headers: &HeaderMap, name: &str) -> Option<Vec<String>> {
    let Some(value) = combined(headers, name) else { return Some(Vec::new()) };
    let tokens: Vec<_> = value.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect();
    let is_token =
        |it: &String| it.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    tokens.iter().all(is_token).then_some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "https://app.domain-b.com";

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn checked(credentials: Credentials, lines: &[(&'static str, &'static str)]) -> Result<(), Objection> {
        check(APP, credentials, &headers(lines))
    }

    #[test]
    fn an_origin_is_compared_byte_by_byte() {
        let allow = "access-control-allow-origin";
        use Credentials::{Include, Omit};
        assert_eq!(checked(Omit, &[(allow, APP)]), Ok(()));
        assert_eq!(checked(Omit, &[(allow, "*")]), Ok(()));
        assert_eq!(checked(Omit, &[]), Err(Objection::NoAllowOrigin));
        assert_eq!(checked(Include, &[(allow, "*")]), Err(Objection::WildcardWithCredentials));
        let slash = "https://app.domain-b.com/";
        assert_eq!(checked(Omit, &[(allow, slash)]), Err(Objection::AllowOriginMismatch(slash.into())));
        assert_eq!(checked(Omit, &[(allow, "null")]), Err(Objection::AllowOriginMismatch("null".into())));
        assert_eq!(checked(Omit, &[(allow, "true")]), Err(Objection::AllowOriginInvalid("true".into())));
        let two = Objection::SeveralAllowOrigins(format!("*, {APP}"));
        assert_eq!(checked(Omit, &[(allow, "*"), (allow, APP)]), Err(two));
    }

    #[test]
    fn credentials_are_allowed_by_true_in_lower_case_alone() {
        let (allow, may) = ("access-control-allow-origin", "access-control-allow-credentials");
        assert_eq!(checked(Credentials::Include, &[(allow, APP), (may, "true")]), Ok(()));
        for value in ["TRUE", "false", "1"] {
            let refused = Err(Objection::CredentialsNotAllowed(value.into()));
            assert_eq!(checked(Credentials::Include, &[(allow, APP), (may, value)]), refused);
        }
        assert_eq!(checked(Credentials::Omit, &[(allow, APP)]), Ok(()));
    }

    #[test]
    fn a_wildcard_covers_neither_authorization_nor_anything_with_credentials() {
        let star = headers(&[("access-control-allow-headers", "*")]);
        let (token, own) = (["authorization".to_owned()], ["x-tenant".to_owned()]);
        assert_eq!(lists(Credentials::Omit, &token, &star), Err(Objection::WildcardWithoutAuthorization));
        assert_eq!(lists(Credentials::Omit, &own, &star), Ok(()));
        let refused = Err(Objection::WildcardHeadersWithCredentials("x-tenant".into()));
        assert_eq!(lists(Credentials::Include, &own, &star), refused);
        let named = headers(&[("access-control-allow-headers", "*, Authorization")]);
        assert_eq!(lists(Credentials::Omit, &token, &named), Ok(()));
    }

    #[test]
    fn a_list_that_cannot_be_parsed_allows_nothing() {
        let names = ["authorization".to_owned()];
        for value in ["a b", "\"authorization\""] {
            let bad = headers(&[("access-control-allow-headers", value)]);
            assert_eq!(lists(Credentials::Omit, &names, &bad), Err(Objection::HeadersInvalid));
        }
        let bad =
            headers(&[("access-control-allow-methods", "G T"), ("access-control-allow-headers", "authorization")]);
        assert_eq!(lists(Credentials::Omit, &names, &bad), Err(Objection::MethodsInvalid));
    }

    #[test]
    fn a_preflight_needs_a_good_status_after_the_check() {
        let ok = headers(&[("access-control-allow-origin", "*"), ("location", "/login")]);
        let judged = |status| preflight(APP, Credentials::Omit, status, &ok);
        assert_eq!(judged(StatusCode::NO_CONTENT), Ok(()));
        assert_eq!(judged(StatusCode::UNAUTHORIZED), Err(Objection::NotOk));
        assert_eq!(judged(StatusCode::NOT_MODIFIED), Err(Objection::NotOk));
        assert_eq!(judged(StatusCode::FOUND), Err(Objection::Redirected));
        let bare = preflight(APP, Credentials::Omit, StatusCode::UNAUTHORIZED, &HeaderMap::new());
        assert_eq!(bare, Err(Objection::NoAllowOrigin));
    }
}
