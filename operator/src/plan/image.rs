//! When a node pulls an image.

/// What Kubernetes fills in for a new object, <https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting>. Left
/// to it, the policy of the first image stays when the image changes.
pub(crate) fn pull_policy(image: &str) -> &'static str {
    // A registry may have a port.
    let name = image.rsplit('/').next().unwrap_or(image);
    let is_fixed = name.contains('@') || name.split_once(':').is_some_and(|(_, tag)| tag != "latest");
    if is_fixed { "IfNotPresent" } else { "Always" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_moves_is_pulled_each_time() {
        for image in ["chat", "chat:latest", "registry:5000/shop/chat", "registry:5000/chat:latest"] {
            assert_eq!(pull_policy(image), "Always", "{image}");
        }
        for image in ["chat:1", "registry:5000/chat:v2", "chat@sha256:0123", "chat:latest@sha256:0123"] {
            assert_eq!(pull_policy(image), "IfNotPresent", "{image}");
        }
    }
}
