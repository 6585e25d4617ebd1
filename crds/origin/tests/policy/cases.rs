//! The table that the real server is held to as well.

use origin_policy::{AllowedBy, Config, Decision, Missing, OriginPolicy, Received};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    policy: Policy,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    allow: Vec<String>,
    #[serde(default)]
    credentials: bool,
    #[serde(default)]
    missing: Missing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    origin: Option<String>,
    origins: Option<Vec<String>>,
    bytes_hex: Option<String>,
    #[serde(default)]
    missing: bool,
    verdict: String,
    reason: String,
    #[serde(default, rename = "transport")]
    _transport: Option<bool>,
}

impl Case {
    fn headers(&self) -> Vec<Vec<u8>> {
        match (&self.origin, &self.origins, &self.bytes_hex, self.missing) {
            (Some(origin), None, None, false) => vec![origin.clone().into_bytes()],
            (None, Some(origins), None, false) => origins.iter().map(|origin| origin.clone().into_bytes()).collect(),
            (None, None, Some(hex), false) => vec![bytes(hex)],
            (None, None, None, true) => Vec::new(),
            _ => panic!("{}: one of origin, origins, bytes_hex, missing", self.name),
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(digits).collect()
}

#[test]
fn every_case_of_the_table_has_its_verdict() {
    let table = include_str!("../../../../tests/origins/cases.yaml");
    let groups: Vec<Group> = serde_saphyr::from_str(table).expect("a readable table");
    let mut count = 0;
    let mut wrong = Vec::new();
    for group in groups {
        let Policy { allow, credentials, missing } = group.policy;
        let config = Config { allow, credentials, missing, ..Config::default() };
        let policy = OriginPolicy::new(&config).expect("a valid policy");
        for case in group.cases {
            count += 1;
            let headers = case.headers();
            let decision = policy.decide(Received::from_values(headers.iter().map(Vec::as_slice)));
            let found = match decision {
                Decision::Allowed(AllowedBy::Pattern(pattern)) => ("allow", pattern.to_string()),
                Decision::Allowed(AllowedBy::MissingOrigin) => ("allow", "MissingOrigin".to_owned()),
                Decision::Denied(reason) => ("deny", reason.to_string()),
            };
            if found != (case.verdict.as_str(), case.reason.clone()) {
                wrong.push(format!("{}: {} {}, not {found:?}", case.name, case.verdict, case.reason));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count >= 150, "{count} cases");
}
