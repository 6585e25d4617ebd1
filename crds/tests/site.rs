//! The documentation holds together: links lead somewhere, every page can be found, and what people copy is valid.

mod markdown;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use markdown::Page;
use realtime_crds::manifest;
use serde_json::{Value, json};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const INDEX: &str = "docs/README.md";

fn below(folder: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(Path::new(ROOT).join(folder)).expect("a folder").flatten() {
        let path = Path::new(folder).join(entry.file_name());
        if entry.path().is_dir() {
            below(path.to_str().expect("a path is text"), found);
        } else if path.extension().is_some_and(|it| it == "md") {
            found.push(path);
        }
    }
}

fn pages() -> BTreeMap<PathBuf, Page> {
    let mut found = vec!["README.md".into(), "clients/js/README.md".into()];
    below("docs", &mut found);
    let read = |path: &PathBuf| fs::read_to_string(Path::new(ROOT).join(path)).expect("a page is text");
    found.into_iter().map(|path| (path.clone(), Page::new(&read(&path)))).collect()
}

/// A link's path from the root, without steps back, and its anchor; none for a link to elsewhere.
fn target(page: &Path, link: &str) -> Option<(PathBuf, Option<String>)> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor.to_owned())));
    if path.is_empty() {
        return Some((page.to_owned(), anchor));
    }
    let mut whole = PathBuf::new();
    for part in page.parent().expect("a page is in a folder").join(path).components() {
        match part {
            Component::ParentDir => assert!(whole.pop(), "{}: {link} leads out", page.display()),
            Component::CurDir => {}
            other => whole.push(other),
        }
    }
    Some((whole, anchor))
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    let (pages, mut dead, mut count) = (pages(), Vec::new(), 0);
    for (path, page) in &pages {
        for link in &page.links {
            let Some((to, anchor)) = target(path, link) else { continue };
            count += 1;
            let there = Path::new(ROOT).join(&to).exists();
            // Lines of a source have anchors that are no headings.
            let anchored = anchor.is_none_or(|anchor| pages.get(&to).is_none_or(|page| page.anchors.contains(&anchor)));
            if !there || !anchored {
                dead.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
    assert!(count > 150, "{count} links");
}

#[test]
fn every_page_is_reached_from_the_index() {
    let pages = pages();
    let (mut reached, mut next) = (BTreeSet::new(), vec![PathBuf::from(INDEX)]);
    while let Some(path) = next.pop() {
        let Some(page) = pages.get(&path) else {
            // A folder: its page, or else the list of what is in it.
            let index = path.join("README.md");
            let inside = pages.keys().filter(|it| it.parent() == Some(&path));
            if pages.contains_key(&index) {
                next.push(index)
            } else {
                next.extend(inside.cloned())
            }
            continue;
        };
        if reached.insert(path.clone()) {
            let links = page.links.iter().filter_map(|link| target(&path, link));
            next.extend(links.map(|(to, _)| to).filter(|to| to != Path::new("") && to.starts_with("docs")));
        }
    }
    let lost: Vec<_> = pages.keys().filter(|path| path.starts_with("docs") && !reached.contains(*path)).collect();
    assert!(lost.is_empty(), "{INDEX} does not lead to {lost:?}");
}

#[test]
fn every_manifest_in_the_documentation_is_valid() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (path, page) in &pages() {
        for block in page.blocks.iter().filter(|block| block.language == "yaml") {
            let documents: Vec<Value> = match serde_saphyr::from_multiple(&block.text) {
                Ok(documents) => documents,
                Err(error) => {
                    wrong.push(format!("{}: {error}\n{}", path.display(), block.text));
                    continue;
                }
            };
            for document in documents.iter().filter_map(whole) {
                count += 1;
                if let Err(problems) = manifest::one(&document) {
                    wrong.push(format!("{}: {problems:?}\n{}", path.display(), block.text));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 15, "{count} manifests");
}

#[test]
fn every_rung_says_symptom_cause_and_fix_and_has_something_to_copy() {
    let rungs = pages().into_iter().filter(|(path, _)| path.starts_with("docs/ladder") && !path.ends_with("README.md"));
    for (path, page) in rungs {
        let text = fs::read_to_string(Path::new(ROOT).join(&path)).expect("a page is text").to_lowercase();
        for word in ["symptom", "cause", "fix"] {
            assert!(text.contains(word), "{} tells of no {word}", path.display());
        }
        let blocks = page.blocks.iter().filter(|block| ["yaml", "sh"].contains(&block.language.as_str()));
        assert!(blocks.count() > 0, "{} has nothing to copy", path.display());
    }
}

/// A RealtimeService; where the page shows a part of its `spec`, with what every service has.
fn whole(document: &Value) -> Option<Value> {
    if document["kind"].is_string() {
        return Some(document.clone()).filter(|it| it["kind"] == "RealtimeService");
    }
    let mut spec = json!({"host": "chat.domain-a.com", "origins": {"allow": ["https://app.domain-b.com"]}});
    for (field, value) in document["spec"].as_object()? {
        spec[field] = value.clone();
    }
    let kind = json!({"apiVersion": manifest::API_VERSION, "kind": "RealtimeService"});
    Some(json!({"apiVersion": kind["apiVersion"], "kind": kind["kind"], "metadata": {"name": "chat"}, "spec": spec}))
}
