//! The operator against a real kube-apiserver: the real process, with the rights that its chart gives it.

mod applying;
mod manifests;
