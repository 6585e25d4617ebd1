//! Until when this process may write.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use kube::client::Body;

/// A request that was not sent, as the lease may be somebody else's by now.
#[derive(Debug, thiserror::Error)]
#[error("the lease has run out")]
pub struct Ended;

/// The time for which the lease surely holds; shared by the keeper of the lease and all who write.
// A process that was frozen, or cut off from the apiserver, finds out by its own clock before anybody tells it.
#[derive(Clone, Debug)]
pub struct Term(Arc<Mutex<Option<Instant>>>);

impl Term {
    /// One that does not end: there is no election.
    #[must_use]
    pub fn unlimited() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }

    /// One that has not begun.
    #[must_use]
    pub fn not_yet() -> Self {
        Self(Arc::new(Mutex::new(Some(Instant::now()))))
    }

    pub(super) fn set(&self, until: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// When it ends.
    pub(super) fn until(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request pass unless it writes after the end.
    ///
    /// # Errors
    /// When it does.
    pub fn check(&self, request: http::Request<Body>) -> Result<http::Request<Body>, Ended> {
        let reads = request.method().is_safe();
        let over = self.until().is_some_and(|end| Instant::now() >= end);
        if reads || !over { Ok(request) } else { Err(Ended) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn request(method: &str) -> http::Request<Body> {
        http::Request::builder().method(method).uri("/").body(Body::empty()).expect("a request")
    }

    #[test]
    fn nothing_is_written_before_and_after_the_term() {
        let term = Term::not_yet();
        assert!(term.check(request("PATCH")).is_err() && term.check(request("GET")).is_ok());
        term.set(Instant::now() + Duration::from_secs(60));
        assert!(term.check(request("PATCH")).is_ok());
        term.set(Instant::now());
        assert!(term.clone().check(request("DELETE")).is_err());
        assert!(Term::unlimited().check(request("POST")).is_ok());
    }
}
