//! Manifests as people write them.

/// The smallest one that works.
pub const FIVE_LINES: &str = include_str!("../../examples/smallest.yaml");

/// One of this name, with more lines under `spec:`.
pub fn service(name: &str, more: &str) -> String {
    format!(
        "apiVersion: realtime-operator.dev/v1alpha1\nkind: RealtimeService\nmetadata: {{name: {name}}}\nspec:\n  \
         host: {name}.domain-a.com\n  origins: {{allow: [\"https://app.domain-b.com\"]}}\n{}\n",
        more.lines().map(|line| format!("  {line}\n")).collect::<String>()
    )
}
