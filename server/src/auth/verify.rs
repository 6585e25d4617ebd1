//! The verdict on one token. Pure: keys, expectations and the time come in, the crypto is `jsonwebtoken`'s.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Validation, errors::ErrorKind};
use serde::{Deserialize, de::IgnoredAny};

use super::{
    expectations::Expectations,
    keys::{Key, Keys},
    refusal::{Reason, Refusal},
};

/// How far clocks may be apart, in seconds.
pub const LEEWAY: u64 = 30;
/// Request heads are no longer either.
const LONGEST: usize = 16 * 1024;
/// A signature check costs time that strangers spend: a token without the id of its key is tried with this many.
const MOST_TRIES: usize = 8;

/// Whom a token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `sub`.
    pub subject: Option<String>,
    /// `exp`, in seconds since the epoch.
    pub expires_at: u64,
    issuer: Option<String>,
    audiences: Vec<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    aud: Option<Audiences>,
    sub: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Several(Vec<String>),
}

/// Checks a token at a time, in seconds since the epoch.
///
/// # Errors
/// Why it does not count.
pub fn verify(token: &str, keys: &Keys, expected: &Expectations, now: u64) -> Result<Identity, Refusal> {
    let header = header(token)?;
    if keys.is_empty() {
        let message = "the server has no keys to check tokens with; its /status and its log say why";
        return Err(Refusal::new(Reason::KeysUnavailable, message));
    }
    let (candidates, algorithm) = candidates(&header, keys)?;
    let is_named = candidates.iter().any(|key| key.id.is_some() && key.id == header.kid);
    let claims = signed(token, &candidates, algorithm).map_err(|refusal| refusal.unless_newer_keys(!is_named))?;
    let expires_at =
        seconds(claims.exp).ok_or_else(|| malformed("the token says no time at which it expires (exp)"))?;
    let audiences = match claims.aud {
        None => Vec::new(),
        Some(Audiences::One(audience)) => vec![audience],
        Some(Audiences::Several(audiences)) => audiences,
    };
    if let Some(start) = seconds(claims.nbf).filter(|start| *start > now.saturating_add(LEEWAY)) {
        let message = format!("the token is valid in {} (nbf); is a clock wrong?", spoken(start - now));
        return Err(Refusal::new(Reason::TokenNotYetValid, message));
    }
    let identity = Identity { subject: claims.sub, expires_at, issuer: claims.iss, audiences };
    identity.still_meets(expected, now)?;
    Ok(identity)
}

impl Identity {
    /// Whom the token names, and who says so.
    pub(super) fn principal(&self) -> super::Principal {
        super::Principal { issuer: self.issuer.clone(), subject: self.subject.clone() }
    }

    /// Whether the token counts by these expectations, at this time.
    pub(super) fn still_meets(&self, expected: &Expectations, now: u64) -> Result<(), Refusal> {
        expected.admit(self.issuer.as_deref(), &self.audiences)?;
        if now > self.expires_at.saturating_add(LEEWAY) { Err(expired(self.expires_at, now)) } else { Ok(()) }
    }

    #[cfg(test)]
    pub(super) fn until(expires_at: u64) -> Self {
        Self { subject: None, expires_at, issuer: None, audiences: Vec::new() }
    }
}

/// The refusal of a token whose time is over.
pub(super) fn expired(expires_at: u64, now: u64) -> Refusal {
    let message = format!(
        "the token expired {} ago (exp); connect again with a fresh one",
        spoken(now.saturating_sub(expires_at))
    );
    Refusal::new(Reason::TokenExpired, message)
}

fn header(token: &str) -> Result<Header, Refusal> {
    if token.len() > LONGEST {
        return Err(malformed("the token is longer than 16 KiB"));
    }
    let mut parts = token.split('.');
    let (Some(head), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(malformed("a signed JSON Web Token has three parts with dots between them"));
    };
    let head = BASE64_URL_SAFE_NO_PAD.decode(head).map_err(|_| malformed("the token's header is not base64url"))?;
    let header: Header =
        serde_json::from_slice(&head).map_err(|_| malformed("the token's header is not JSON with an alg"))?;
    match header.crit {
        // RFC 7515, section 4.1.11: what is not understood must be refused.
        Some(IgnoredAny) => Err(malformed("the token asks for extensions (crit) that this server does not know")),
        None => Ok(header),
    }
}

/// Keys that may have signed it. The key says which algorithms are its own; the token only chooses among them.
fn candidates<'k>(header: &Header, keys: &'k Keys) -> Result<(Vec<&'k Key>, Algorithm), Refusal> {
    let is_meant = |key: &&Key| header.kid.is_none() || key.id.is_none() || key.id == header.kid;
    let meant: Vec<_> = keys.iter().filter(is_meant).collect();
    if meant.is_empty() {
        let message = "the token is signed with a key that is not in the key set (kid)";
        return Err(Refusal::new(Reason::KeyUnknown, message).unless_newer_keys(true));
    }
    let algorithm = header.alg.parse().ok();
    let fit: Vec<_> = meant.into_iter().filter(|key| algorithm.is_some_and(|algorithm| key.takes(algorithm))).collect();
    match algorithm {
        Some(algorithm) if !fit.is_empty() && fit.len() <= MOST_TRIES => Ok((fit, algorithm)),
        Some(_) if !fit.is_empty() => {
            let message = format!(
                "the token does not say which key signed it (kid), and there are more than {MOST_TRIES} that could have"
            );
            Err(Refusal::new(Reason::KeyUnknown, message))
        }
        Some(_) | None => {
            let message = "the token's algorithm (alg) is not one that its key takes";
            Err(Refusal::new(Reason::AlgorithmNotAllowed, message))
        }
    }
}

fn signed(token: &str, candidates: &[&Key], algorithm: Algorithm) -> Result<Claims, Refusal> {
    let mut validation = Validation::new(algorithm);
    // The claims are checked here, with words and with the caller's clock.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    for key in candidates {
        match jsonwebtoken::decode(token, &key.key, &validation).map_err(|error| error.into_kind()) {
            Ok(decoded) => return Ok(decoded.claims),
            Err(ErrorKind::Base64(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) | ErrorKind::InvalidToken) => {
                return Err(malformed("the token's claims or signature cannot be read"));
            }
            Err(_) => {}
        }
    }
    Err(Refusal::new(Reason::SignatureInvalid, "the token's signature is not that of its key"))
}

/// RFC 7519 allows fractions.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times before 1970 and after the sun are as good as their limits"
)]
fn seconds(date: Option<f64>) -> Option<u64> {
    date.map(|date| date as u64)
}

fn spoken(seconds: u64) -> String {
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

fn malformed(message: &'static str) -> Refusal {
    Refusal::new(Reason::TokenMalformed, message)
}
