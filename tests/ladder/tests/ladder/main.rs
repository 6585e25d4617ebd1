//! The whole with real clients: what a page on another site meets on its way to the server.

mod chromium;
mod clients;
mod denied;
mod live;
mod pods;
mod policy_file;
mod up;

/// A page's origin that is allowed wherever a test does not say otherwise.
const APP: &str = "https://app.domain-b.com";
/// One that is not.
const OTHER: &str = "https://app.domain-c.com";
