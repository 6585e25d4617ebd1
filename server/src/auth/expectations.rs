//! What a token has to say, and where the keys are.

use realtime_crds::v1alpha1::{Auth, Jwks};

use super::refusal::{Reason, Refusal};

/// What a token has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectations {
    /// The issuer it has to name.
    pub issuer: String,
    /// Audiences of which it has to name one.
    pub audiences: Vec<String>,
    /// Query parameter that may carry it.
    pub query_parameter: Option<String>,
    /// Where the keys are.
    pub source: KeySource,
}

/// Where the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// At a URL.
    Url(String),
    /// In a Secret, which is mounted as a file.
    Secret {
        /// Its name.
        name: String,
        /// Key in it.
        key: String,
    },
}

impl KeySource {
    /// For `/status` and logs.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Url(url) => url.clone(),
            Self::Secret { name, key } => format!("secret {name}/{key}"),
        }
    }
}

impl Expectations {
    /// What a spec asks for.
    #[must_use]
    pub fn of_spec(auth: &Auth) -> Self {
        let jwt = &auth.jwt;
        Self {
            issuer: jwt.issuer.clone(),
            audiences: jwt.audiences.clone(),
            query_parameter: jwt.query_parameter.clone(),
            source: source(&jwt.jwks),
        }
    }

    /// Whether this issuer may speak to this service.
    pub(super) fn admit(&self, issuer: Option<&str>, audiences: &[String]) -> Result<(), Refusal> {
        if issuer != Some(&self.issuer) {
            let says = if issuer.is_some() { "names another issuer" } else { "names no issuer" };
            let message = format!("the token {says} (iss); {:?} is expected", self.issuer);
            return Err(Refusal::new(Reason::IssuerMismatch, message));
        }
        if !self.audiences.iter().any(|audience| audiences.contains(audience)) {
            let says = if audiences.is_empty() { "names no audience" } else { "is for another audience" };
            let expected =
                self.audiences.iter().map(|audience| format!("{audience:?}")).collect::<Vec<_>>().join(" or ");
            let message = format!("the token {says} (aud); {expected} is expected");
            return Err(Refusal::new(Reason::AudienceMismatch, message));
        }
        Ok(())
    }
}

fn source(jwks: &Jwks) -> KeySource {
    match (&jwks.url, &jwks.secret_ref) {
        (Some(url), _) => KeySource::Url(url.clone()),
        (None, Some(secret)) => KeySource::Secret { name: secret.name.clone(), key: secret.key.clone() },
        (None, None) => unreachable!("validation asks for one of the two"),
    }
}
