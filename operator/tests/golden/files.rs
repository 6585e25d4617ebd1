//! The files by name.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const INPUT: &str = ".in.yaml";
const OUTPUT: &str = ".out.yaml";
/// What is refused instead of planned.
const REFUSED: &str = "refused.yaml";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/plan")
}

fn all() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("tests/plan is there");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8")).collect()
}

/// Every resource with the name of its file, in the order of the names.
pub fn inputs() -> Vec<(String, String)> {
    let text = |name: &String| fs::read_to_string(folder().join(format!("{name}{INPUT}"))).expect("a resource");
    names(INPUT).into_iter().map(|name| (name.clone(), text(&name))).collect()
}

/// The children that were written down, where there are any.
pub fn output(name: &str) -> Option<String> {
    fs::read_to_string(folder().join(format!("{name}{OUTPUT}"))).ok()
}

/// Writes them down.
pub fn write_output(name: &str, text: &str) {
    fs::write(folder().join(format!("{name}{OUTPUT}")), text).expect("tests/plan can be written to");
}

/// Names of the files with this ending, without it.
pub fn names(ending: &str) -> BTreeSet<String> {
    all().iter().filter_map(|name| name.strip_suffix(ending)).map(str::to_owned).collect()
}

/// Files of neither sort.
pub fn others() -> Vec<String> {
    let known = |name: &String| name.ends_with(INPUT) || name.ends_with(OUTPUT) || name == REFUSED;
    all().into_iter().filter(|name| !known(name)).collect()
}
