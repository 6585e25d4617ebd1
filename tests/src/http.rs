//! Plain requests.

use std::sync::LazyLock;

use reqwest::Client;

/// A client for plain HTTP.
#[must_use]
pub fn client() -> Client {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        // Another crate of the same build may ask reqwest for TLS, which does not start without a provider then.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::builder().pool_max_idle_per_host(0).build().expect("a client needs nothing of the system")
    });
    CLIENT.clone()
}
