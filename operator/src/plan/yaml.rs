//! Children as YAML: what `kubectl-realtime render` prints and the golden files hold.

use super::Child;

/// One document for each child, in the order in which they are applied.
#[must_use]
pub fn yaml(children: &[Child]) -> String {
    let document = |child: &Child| serde_saphyr::to_string(&child.object).expect("JSON is YAML");
    children.iter().map(document).collect::<Vec<_>>().join("---\n")
}
