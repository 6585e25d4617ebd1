//! Nodes run pods as nodes anywhere do, and leave nothing behind.

mod deletion;
mod leftovers;
mod missing;
mod pods;
mod several;
mod support;
