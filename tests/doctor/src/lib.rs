//! Servers with one mistake each, for the doctor to name: what they are, and how they are started.

pub mod case;
pub mod docs;
pub mod envoy;
pub mod go;
pub mod nginx;
pub mod node;
pub mod secure;

pub use case::{CASES, Case, Host};
