//! The charts without a node: what they come to, what the apiserver takes, and that each right is needed.

mod alerts;
mod dry_run;
mod lifecycle;
mod refusals;
mod rendering;
mod rights;
mod scope;
mod warnings;
