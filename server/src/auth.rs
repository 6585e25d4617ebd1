//! `spec.auth`: who a connection speaks for. It is asked when a client connects to a namespace, far behind the gate, so that preflights
//! never need a token; it is asked again when the policy changes, and a connection ends when its token does.

pub mod expectations;
pub mod fetch;
pub mod keyring;
pub mod keys;
pub mod refusal;
pub mod sessions;
pub mod token;
pub mod verify;

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{sync::watch, time};

use crate::{
    gate::LogLimit,
    metrics::{self, Metrics},
    policy::{self, Policy},
    recovery::{self, SocketIo, SocketRef},
    report::Report,
};
use expectations::{Expectations, KeySource};
use keyring::Keyring;
use refusal::{Reason, Refusal};
use sessions::Sessions;
use token::Payload;
use verify::{Identity, verify};

/// Longest that a connection waits for keys that are on their way.
const KEYS_PATIENCE: Duration = Duration::from_secs(6);
/// How often tokens are looked at for having expired.
const TICK: Duration = Duration::from_secs(1);
/// Longest from a verdict to the connection's place in its namespace.
const SECOND_LOOK: Duration = Duration::from_millis(500);
/// Event before the disconnect of a connection whose token has expired.
pub const EXPIRED_EVENT: &str = "token_expired";
/// Event before the disconnect of a connection that a new configuration does not admit.
pub const REFUSED_EVENT: &str = "token_refused";

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The keys are in a Secret, and nobody says where it is mounted.
    #[error(
        "spec.auth.jwt.jwks.secretRef takes the keys from key {key:?} of Secret {name:?}, which the operator mounts into its pods; \
         elsewhere give the key set as a file: --jwks-file FILE (or REALTIME_JWKS_FILE)"
    )]
    NoFile {
        /// Name of the Secret.
        name: String,
        /// Key in it.
        key: String,
    },
    /// The file is no good.
    #[error("{file} is not a usable JSON Web Key Set: {problem}")]
    Keys {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Asks for tokens.
#[derive(Debug)]
pub struct Auth {
    policy: watch::Receiver<Arc<Policy>>,
    /// None while no token is asked for.
    keyring: watch::Sender<Option<Arc<Keyring>>>,
    file: Option<PathBuf>,
    sessions: Arc<Sessions>,
    report: Arc<Report>,
    metrics: Arc<Metrics>,
    log: LogLimit,
}

impl Auth {
    /// By the policy in force; keys from the file where the policy says that they are in a Secret.
    ///
    /// # Errors
    /// When the keys are in a Secret and there is no such file, or it holds no key.
    pub fn open(
        policy: watch::Receiver<Arc<Policy>>,
        file: Option<PathBuf>,
        report: Arc<Report>,
        metrics: Arc<Metrics>,
    ) -> Result<Arc<Self>, StartError> {
        let expected = policy.borrow().auth.clone();
        if let Some(KeySource::Secret { name, key }) = expected.as_deref().map(|expected| &expected.source) {
            let file = file.as_ref().ok_or_else(|| StartError::NoFile { name: name.clone(), key: key.clone() })?;
            keyring::read(file).map_err(|problem| StartError::Keys { file: file.display().to_string(), problem })?;
        }
        let auth = Self {
            policy,
            keyring: watch::Sender::new(None),
            file,
            sessions: Arc::default(),
            report,
            metrics,
            log: LogLimit::default(),
        };
        auth.use_keys_of(expected.as_deref());
        Ok(Arc::new(auth))
    }

    /// Follows policy and clock for as long as the process runs.
    pub fn start(self: &Arc<Self>, io: &SocketIo) {
        tokio::spawn(Arc::clone(self).follow(io.clone()));
        tokio::spawn(Arc::clone(self).expire(io.clone()));
    }

    /// Decides about one that connects.
    ///
    /// # Errors
    /// Why it may not.
    pub async fn admit(self: Arc<Self>, socket: SocketRef, payload: Payload) -> Result<(), Refusal> {
        loop {
            let Some(expected) = self.expected() else { return Ok(()) };
            let verdict = self.check(&expected, &socket, &payload).await;
            // Keys may have taken a while to come.
            if self.expected().as_ref() != Some(&expected) {
                continue;
            }
            self.count(verdict.as_ref().err());
            let identity = verdict?;
            let session = self.sessions.open(socket.id, identity);
            socket.extensions.insert(session);
            return Ok(());
        }
    }

    async fn check(&self, expected: &Expectations, socket: &SocketRef, payload: &Payload) -> Result<Identity, Refusal> {
        let token = token::find(payload, socket.req_parts(), expected)?;
        let keyring = self.keyring_of(&expected.source).await?;
        let verdict = verify(&token, &*keyring.keys().await, expected, policy::now());
        match verdict {
            Err(refusal) if refusal.may_be_a_new_key && keyring.refresh().await => {
                verify(&token, &*keyring.keys().await, expected, policy::now())
            }
            verdict => verdict,
        }
    }

    fn expected(&self) -> Option<Arc<Expectations>> {
        self.policy.borrow().auth.clone()
    }

    async fn keyring_of(&self, source: &KeySource) -> Result<Arc<Keyring>, Refusal> {
        let is_meant =
            |keyring: &Option<Arc<Keyring>>| keyring.as_ref().is_some_and(|keyring| keyring.source == *source);
        let mut current = self.keyring.subscribe();
        let found = time::timeout(KEYS_PATIENCE, current.wait_for(is_meant)).await;
        let found = found.ok().and_then(|found| found.ok()?.clone());
        found.ok_or_else(|| Refusal::new(Reason::KeysUnavailable, "the server has no keys to check tokens with yet"))
    }

    fn use_keys_of(&self, expected: Option<&Expectations>) {
        let is_same = match (&*self.keyring.borrow(), expected) {
            (Some(keyring), Some(expected)) => keyring.source == expected.source,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if is_same {
            return;
        }
        let keyring = expected.map(|expected| {
            Arc::new(Keyring::open(
                expected.source.clone(),
                self.file.clone(),
                Arc::clone(&self.report),
                Arc::clone(&self.metrics),
            ))
        });
        let is_needed = keyring.is_some();
        drop(self.keyring.send_replace(keyring));
        if !is_needed {
            self.report.keys(None);
        }
    }

    /// What a new configuration does not admit is closed.
    async fn follow(self: Arc<Self>, io: SocketIo) {
        let mut policy = self.policy.clone();
        let mut was = policy.borrow_and_update().auth.clone();
        self.use_keys_of(was.as_deref());
        while policy.changed().await.is_ok() {
            let expected = policy.borrow_and_update().auth.clone();
            if expected == was {
                continue;
            }
            tracing::info!(required = expected.is_some(), "authentication changed");
            self.use_keys_of(expected.as_deref());
            was.clone_from(&expected);
            self.look_again(&io);
            // One that was admitted before the change may be in its namespace just after this.
            let (auth, io) = (Arc::clone(&self), io.clone());
            tokio::spawn(async move {
                time::sleep(SECOND_LOOK).await;
                auth.look_again(&io);
            });
        }
    }

    fn look_again(&self, io: &SocketIo) {
        let Some(expected) = self.expected() else { return };
        let mut closed = 0;
        for socket in io.sockets() {
            let verdict = match sessions::of(&socket) {
                Some(session) => session.identity.still_meets(&expected, policy::now()),
                None => {
                    Err(Refusal::new(Reason::TokenMissing, "this service asks for a token now; connect again with one"))
                }
            };
            if let Err(refusal) = verdict {
                closed += 1;
                self.close(socket, REFUSED_EVENT, &refusal);
            }
        }
        if closed > 0 {
            tracing::info!(
                connections = closed,
                "closing connections whose token the new configuration does not admit"
            );
        }
    }

    async fn expire(self: Arc<Self>, io: SocketIo) {
        let mut ticks = time::interval(TICK);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.expected().is_none() {
                continue;
            }
            let now = policy::now();
            for due in self.sessions.due(now) {
                let Some(socket) = io.get_socket(due.sid) else { continue };
                if let Some(session) = sessions::of(&socket).filter(|session| session.number() == due.number) {
                    let refusal = verify::expired(session.identity.expires_at, now);
                    self.close(socket, EXPIRED_EVENT, &refusal);
                }
            }
        }
    }

    /// A client whose buffer is full hears nothing and is asked again at the next tick.
    fn close(&self, socket: SocketRef, event: &'static str, refusal: &Refusal) {
        let message = json!({"reason": refusal.reason.as_str(), "message": refusal.message});
        tracing::debug!(sid = %socket.id, event, reason = refusal.reason.as_str(), "closing a connection");
        recovery::tell_apart(&socket, event, &message).ok();
        if socket.disconnect().is_ok() {
            self.metrics.disconnects.get_or_create(&metrics::Event { event }).inc();
        }
    }

    fn count(&self, refusal: Option<&Refusal>) {
        let reason = refusal.map_or("", |refusal| refusal.reason.as_str());
        let verdict = if refusal.is_some() { "refused" } else { "accepted" };
        self.metrics.tokens.get_or_create(&metrics::Token { verdict, reason }).inc();
        let Some(refusal) = refusal else { return };
        if self.log.permits() {
            tracing::warn!(reason, "a client may not connect: {}", refusal.message);
        }
    }
}

/// Whom a token names.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Principal {
    /// Who issued it.
    pub issuer: Option<String>,
    /// The user.
    pub subject: Option<String>,
}

impl Principal {
    /// Memory that its texts take.
    #[must_use]
    pub fn size(&self) -> usize {
        [&self.issuer, &self.subject].into_iter().flatten().map(String::len).sum()
    }
}

/// Whom the connection's token names; none where it needed no token.
#[must_use]
pub fn principal(socket: &SocketRef) -> Option<Principal> {
    sessions::of(socket).map(|session| session.identity.principal())
}

/// The user whom the connection's token names.
#[must_use]
pub fn user(socket: &SocketRef) -> Option<String> {
    sessions::of(socket).and_then(|session| session.identity.subject.clone())
}
