//! What the tests with real clients share: the project's own programs as processes, the Socket.IO clients of three
//! generations, a real browser, a site for its pages, and a cluster. Whatever a test starts ends with the value that holds it.

pub mod browser;
pub mod client;
pub mod cluster;
pub mod driver;
pub mod manifest;
pub mod ports;
pub mod process;
pub mod programs;
pub mod server;
pub mod site;
pub mod wait;

pub use browser::Browser;
pub use client::{Client, Version};
pub use cluster::Cluster;
pub use process::Process;
pub use realtime_tests::http;
pub use server::Server;
pub use site::Site;
