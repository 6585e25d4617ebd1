//! Why an Ingress is not taken over. The last good configuration stays meanwhile.

/// Why an Ingress is not taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// A backend is no Service.
    #[error("resource backends are not supported")]
    NotAService,
    /// There is no such Service.
    #[error("could not find service \"{0}\"")]
    NoService(String),
    /// The Service has no such port.
    #[error("could not find port \"{port}\" in service \"{service}\"")]
    NoPort {
        /// Namespace and name.
        service: String,
        /// Its name or number.
        port: String,
    },
    /// The annotation is no JSON, or names nothing for this port.
    #[error("error getting BackendConfig for port \"{port}\" on service \"{service}\", err: {why}")]
    BadBackendConfigAnnotation {
        /// Namespace and name.
        service: String,
        /// Its name or number.
        port: String,
        /// What is wrong with it.
        why: String,
    },
    /// The annotation names a BackendConfig that is not there.
    #[error(
        "error getting BackendConfig for port \"{port}\" on service \"{service}\", err: no BackendConfig for service port exists."
    )]
    NoBackendConfig {
        /// Namespace and name.
        service: String,
        /// Its name or number.
        port: String,
    },
    /// Google Cloud refuses a value of it.
    #[error("BackendConfig {config} is not valid: {field}: {why}")]
    BadBackendConfig {
        /// Namespace and name.
        config: String,
        /// The field's path below `spec`.
        field: &'static str,
        /// What it may be.
        why: String,
    },
    /// The annotation names a FrontendConfig that is not there.
    #[error("no FrontendConfig \"{0}\" for Ingress exists")]
    NoFrontendConfig(String),
    /// Its redirect has a code that there is not.
    #[error("FrontendConfig {config} has an unknown responseCodeName \"{code}\"")]
    BadRedirectCode {
        /// Its name.
        config: String,
        /// What it says.
        code: String,
    },
    /// A path that its type does not allow.
    #[error("failed to validate {kind} path \"{path}\" due to {why}")]
    BadPath {
        /// The type, in lower case.
        kind: &'static str,
        /// As it was given.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// spec.tls names a Secret that is not there.
    #[error("secret \"{0}\" does not exist")]
    NoSecret(String),
    /// The Secret holds no usable certificate.
    #[error("secret \"{secret}\" has no usable certificate: {why}")]
    BadSecret {
        /// Namespace and name.
        secret: String,
        /// What is wrong with it.
        why: String,
    },
    /// The annotation names a ManagedCertificate that is not there.
    #[error("ManagedCertificate \"{0}\" does not exist")]
    NoManagedCertificate(String),
    /// An internal load balancer redirects nothing.
    #[error("cannot enable HTTPS Redirects with L7 ILB: FrontendConfig \"{0}\"")]
    RedirectOnInternal(String),
    /// An internal load balancer serves one of the two on an address.
    #[error("an internal Ingress with TLS needs the annotation kubernetes.io/ingress.allow-http: \"false\"")]
    HttpBesideHttps,
    /// Neither HTTP nor HTTPS is left.
    #[error("kubernetes.io/ingress.allow-http is \"false\" and there is no TLS: nothing is left to serve")]
    NothingToServe,
    /// Cloud Armor is for external load balancers.
    #[error("BackendConfig {0} has a securityPolicy, which an internal load balancer does not take")]
    PolicyOnInternal(String),
    /// An address of both kinds.
    #[error("both the global and the regional static IP annotations are set")]
    TwoAddresses,
}

/// The controller translates first and asks Google Cloud then.
#[derive(Clone, Copy)]
enum Stage {
    Translate,
    Sync,
}

impl SyncError {
    fn stage(&self) -> Stage {
        match self {
            Self::NotAService
            | Self::NoService(_)
            | Self::NoPort { .. }
            | Self::BadBackendConfigAnnotation { .. }
            | Self::NoBackendConfig { .. }
            | Self::BadPath { .. } => Stage::Translate,
            Self::BadBackendConfig { .. }
            | Self::NoFrontendConfig(_)
            | Self::BadRedirectCode { .. }
            | Self::NoSecret(_)
            | Self::BadSecret { .. }
            | Self::NoManagedCertificate(_)
            | Self::RedirectOnInternal(_)
            | Self::HttpBesideHttps
            | Self::NothingToServe
            | Self::PolicyOnInternal(_)
            | Self::TwoAddresses => Stage::Sync,
        }
    }

    /// The reason of the Event, and what it says.
    pub(crate) fn note(errors: &[Self]) -> (&'static str, String) {
        let listed = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match errors.first().map_or(Stage::Sync, Self::stage) {
            Stage::Translate => ("Translate", format!("Translation failed: invalid ingress spec: {listed}")),
            Stage::Sync => ("Sync", format!("Error syncing to GCP: {listed}")),
        }
    }
}
