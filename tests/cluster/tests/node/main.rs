//! Nodes run pods as nodes anywhere do, and leave nothing behind.

mod deletion;
mod leftovers;
mod pods;
mod several;
mod support;
