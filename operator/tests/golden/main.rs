//! `tests/plan`: NAME.in.yaml is a resource, NAME.out.yaml its children as `kubectl-realtime render` prints them.

mod coverage;
mod files;

use std::collections::BTreeSet;

use realtime_crds::{ValidService, manifest};
use realtime_operator::plan::{Settings, plan, yaml};

/// Not the current version's: a release would change every file.
const SERVER_IMAGE: &str = "example.com/realtime-server:1.0.0";

fn planned(name: &str, text: &str) -> String {
    let services = manifest::read(text).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
    let [service] = services.as_slice() else { panic!("{name}: holds {} resources, not one", services.len()) };
    let service = ValidService::new(service).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
    let settings = Settings { server_image: SERVER_IMAGE.to_owned() };
    yaml(&plan(&service, &settings).into_children())
}

/// `UPDATE=1 cargo test -p realtime-operator --test golden` writes them anew.
#[test]
fn every_golden_plan_is_current() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut stale = Vec::new();
    for (name, text) in files::inputs() {
        let current = planned(&name, &text);
        if files::output(&name).as_deref() != Some(&*current) {
            match update {
                true => files::write_output(&name, &current),
                false => stale.push(name),
            }
        }
    }
    let how = "look at what changed after `UPDATE=1 cargo test -p realtime-operator --test golden`";
    assert!(stale.is_empty(), "{} are stale: {stale:?}; {how}", stale.len());
}

#[test]
fn every_file_has_its_part() {
    let (inputs, outputs): (BTreeSet<_>, BTreeSet<_>) = (files::names(".in.yaml"), files::names(".out.yaml"));
    assert!(inputs.len() >= 40, "{} golden plans", inputs.len());
    assert!(outputs.is_subset(&inputs), "nothing makes {:?}", outputs.difference(&inputs).collect::<Vec<_>>());
    assert!(files::others().is_empty(), "{:?} are neither a resource nor its children", files::others());
}

#[test]
fn what_is_printed_says_what_is_applied() {
    for (name, text) in files::inputs() {
        let service = ValidService::new(&manifest::read(&text).expect("valid")[0]).expect("valid");
        let children = plan(&service, &Settings { server_image: SERVER_IMAGE.to_owned() }).into_children();
        let read: Vec<serde_json::Value> = serde_saphyr::from_multiple(&yaml(&children)).expect("YAML");
        let applied: Vec<_> = children.into_iter().map(|child| child.object).collect();
        assert_eq!(read, applied, "{name}");
    }
}
