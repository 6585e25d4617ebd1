//! The rules: for each warning a field, an expression that is true where all is well, and the words.
//!
//! Expressions keep to what cel-go and the `cel` crate both know, ask `has()` before every optional field, and are
//! cheap for ten
//! thousand origins: `startsWith` instead of `contains` and `matches`. They compare no text of a duration, which is
//! written in many ways.

use super::Warning;

/// One rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) field: &'static str,
    /// True where all is well.
    pub(super) fine: &'static str,
    /// A list of texts; the message begins with the first.
    pub(super) culprits: Option<&'static str>,
    /// What comes of it and what to do.
    pub(super) message: &'static str,
}

impl Rule {
    const fn new(field: &'static str, fine: &'static str, message: &'static str) -> Self {
        Self { field, fine, culprits: None, message }
    }

    const fn naming(self, culprits: &'static str) -> Self {
        Self { culprits: Some(culprits), ..self }
    }

    /// The words where no culprit is named.
    pub(super) fn message(&self) -> String {
        format!("{}: {}", self.field, self.message)
    }

    /// CEL that gives the words with the culprit.
    pub(super) fn message_expression(&self) -> Option<String> {
        let Self { field, fine: _, culprits, message } = self;
        culprits.map(|culprits| format!("'{field}: ' + {culprits}[0] + ' {message}'"))
    }
}

macro_rules! loopback {
    () => {
        "o.startsWith('http://') || o.startsWith('https://localhost') || o.startsWith('https://127.') || \
         o.startsWith('https://[::1]')"
    };
}

macro_rules! exposure {
    ($way:literal) => {
        concat!("has(object.spec.exposure) && has(object.spec.exposure.", $way, ")")
    };
}

macro_rules! iap {
    () => {
        concat!(
            exposure!("gke"),
            " && has(object.spec.exposure.gke.iap) || ",
            exposure!("gkeGateway"),
            " && has(object.spec.exposure.gkeGateway.iap)"
        )
    };
}

impl Warning {
    /// The rule behind a warning.
    pub(super) const fn rule(self) -> Rule {
        match self {
            Self::Paused => {
                Rule::new("spec.paused", "!object.spec.paused", "nothing of this is applied until it is false")
            }
            Self::ReportOnly => Rule::new(
                "spec.origins.mode",
                "object.spec.origins.mode != 'Report'",
                "Report refuses nobody; set Enforce when status.deniedOrigins lists no page of yours",
            ),
            Self::UnusedCredentials => Rule::new(
                "spec.origins.credentials",
                concat!(
                    "!object.spec.origins.credentials || has(object.spec.workload.image) || ",
                    exposure!("ingress"),
                    " || ",
                    iap!()
                ),
                "the bundled server reads no cookies; leave it false unless pages connect with withCredentials: true",
            ),
            Self::WildcardWithCredentials => Rule::new(
                "spec.origins.allow",
                "!object.spec.origins.credentials || !object.spec.origins.allow.exists(o, o.startsWith('https://*.'))",
                "lets every subdomain act with the cookies of its visitors, a forgotten one too; with credentials \
                 list the origins by name",
            )
            .naming("object.spec.origins.allow.filter(o, o.startsWith('https://*.'))"),
            Self::LoopbackWithCredentials => Rule::new(
                "spec.origins.allow",
                // Plain http is loopback: with credentials the definition refuses any other.
                concat!(
                    "!object.spec.origins.credentials || !object.spec.origins.allow.exists(o, ",
                    loopback!(),
                    ") || object.spec.origins.allow.all(o, ",
                    loopback!(),
                    ")"
                ),
                "lets every program on a machine act with the cookies of its user; with credentials keep loopback \
                 out of production",
            )
            .naming(concat!("object.spec.origins.allow.filter(o, ", loopback!(), ")")),
            Self::MissingOriginWithCredentials => Rule::new(
                "spec.origins.missing",
                "!object.spec.origins.credentials || object.spec.origins.missing != 'Allow'",
                "with credentials, requests without Origin come with the cookies of a user, such as an image in any \
                 page; set Deny unless native clients need Allow",
            ),
            Self::AuthorizationNotAllowed => Rule::new(
                "spec.origins.allowedHeaders",
                "!has(object.spec.auth) || !('polling' in object.spec.transports) || \
                 object.spec.origins.allowedHeaders.exists(h, h.lowerAscii() == 'authorization')",
                "without Authorization the preflight fails for pages that send their token in that header; add it \
                 unless all of them use the auth option",
            ),
            Self::TokensInLogs => Rule::new(
                "spec.auth.jwt.queryParameter",
                concat!(
                    "!has(object.spec.auth) || !has(object.spec.auth.jwt.queryParameter) || !(",
                    exposure!("gke"),
                    " && has(object.spec.exposure.gke.logging) && object.spec.exposure.gke.logging.sampleRate > 0.0 \
                     || ",
                    exposure!("gkeGateway"),
                    " && has(object.spec.exposure.gkeGateway.logging) && \
                     object.spec.exposure.gkeGateway.logging.sampleRate > 0.0)"
                ),
                "tokens in the query end up in the access logs of the load balancer; set logging.sampleRate to 0 or \
                 leave this out",
            ),
            Self::NoCertificate => Rule::new(
                "spec.exposure.gke",
                concat!(
                    "has(object.spec.exposure) && (!has(object.spec.exposure.gke) || \
                     has(object.spec.exposure.gke.tlsSecretName)",
                    " || has(object.spec.exposure.gke.managedCertificate) && \
                     object.spec.exposure.gke.managedCertificate",
                    " || has(object.spec.exposure.gke.annotations) && \
                     object.spec.exposure.gke.annotations.exists(k, k == \
                     'ingress.gcp.kubernetes.io/pre-shared-cert'))",
                    " || !object.spec.origins.allow.exists(o, o.startsWith('https://'))"
                ),
                "there is no certificate, and pages on https may open https and wss only; set managedCertificate: \
                 true or tlsSecretName",
            ),
            Self::IdentityAwareProxy => Rule::new(
                "spec.exposure",
                concat!("!(", iap!(), ")"),
                "Identity-Aware Proxy answers preflights itself and needs a cookie that browsers may keep from \
                 other sites; allow OPTIONS in its corsSettings, or use spec.auth instead",
            ),
            Self::PollingWithoutAffinity => Rule::new(
                "spec.transports",
                concat!(
                    "!(",
                    exposure!("gateway"),
                    ") || !('polling' in object.spec.transports) || \
                     (!has(object.spec.workload.image) && object.spec.policySource == 'Watch') || \
                     !(has(object.spec.workload.autoscaling)",
                    " ? object.spec.workload.autoscaling.maxReplicas > 1 : object.spec.workload.replicas > 1)"
                ),
                "an HTTPRoute keeps no client on one pod, and of the bundled server alone, with policySource: Watch, \
                 any pod answers; set [websocket], one replica, or the affinity of your Gateway",
            ),
            Self::ShortConnectionAge => Rule::new(
                "spec.timeouts.maxConnectionAge",
                "duration(object.spec.timeouts.maxConnectionAge) >= duration('5m')",
                "below 5m clients connect anew all the time; the default is 1h",
            ),
            Self::SlowPings => Rule::new(
                "spec.timeouts.pingInterval",
                "duration(object.spec.timeouts.pingInterval) + duration(object.spec.timeouts.pingTimeout) <= \
                 duration('60s')",
                "with pingTimeout it is more than 60s, and many networks and proxies drop what is silent for a \
                 minute; the defaults are 25s and 20s",
            ),
            Self::AbruptDrain => Rule::new(
                "spec.timeouts.drain",
                "duration(object.spec.timeouts.drain) >= duration('5s')",
                "below 5s all clients of a pod that goes reconnect at once; the default, 60s, spreads them",
            ),
            Self::LongDrain => Rule::new(
                "spec.timeouts.drain",
                "duration(object.spec.timeouts.drain) <= duration('9m')",
                "each pod of a rollout takes that long to go, and a cluster autoscaler takes a node away after 10m; \
                 stay below 9m",
            ),
            Self::UnpinnedImage => Rule::new(
                "spec.workload.image",
                "!has(object.spec.workload.image) || object.spec.workload.image.contains('@') || \
                 object.spec.workload.image.matches(':[A-Za-z0-9_][A-Za-z0-9_.-]*$') && \
                 !object.spec.workload.image.endsWith(':latest')",
                "without a version the pods of one service may run different ones; name a tag that stays, or a digest",
            ),
            Self::NoMemoryLimit => Rule::new(
                "spec.workload.resources",
                "!has(object.spec.workload.resources) || has(object.spec.workload.resources.limits) && 'memory' in \
                 object.spec.workload.resources.limits",
                "memory grows with connections, and without limits.memory a pod takes it from its neighbours; set \
                 limits.memory",
            ),
            Self::PolicyFromFile => Rule::new(
                "spec.policySource",
                "object.spec.policySource != 'File'",
                "with File an origin that is taken off the list stays allowed for about a minute; Watch takes a second",
            ),
        }
    }
}
