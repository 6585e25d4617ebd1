//! The charts on a real node: the images run as they are, in namespaces that enforce the restricted standard.

mod archives;
mod install;
mod some_namespaces;
mod support;
