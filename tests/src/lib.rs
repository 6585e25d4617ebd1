//! What the tests against real parts share: a control plane, the project's own programs as processes, and ways to wait
//! for what is to happen.

pub mod audit;
pub mod children;
pub mod cluster;
pub mod helm;
pub mod http;
pub mod kubectl;
pub mod operator;
pub mod program;
pub mod server;
pub mod stage;
pub mod usage;
pub mod wait;

pub use children::{CHILDREN, Child, FURTHER};
pub use cluster::Cluster;
pub use operator::Operator;
pub use server::Server;
pub use stage::Stage;
