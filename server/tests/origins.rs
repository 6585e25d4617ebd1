//! The table of origins that CORS checks are known to get wrong, through all three doors of the real server.

mod harness;

use std::{fmt::Write, path::Path};

use harness::{Answer, Request, Server, manifest};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Group {
    policy: Value,
    cases: Vec<Case>,
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
    #[serde(default = "yes")]
    transport: bool,
}

const fn yes() -> bool {
    true
}

impl Case {
    fn values(&self) -> Vec<Vec<u8>> {
        let hex = |text: &String| {
            let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
            (0..text.len()).step_by(2).map(byte).collect()
        };
        let several = self.origins.iter().flatten().map(|origin| origin.clone().into_bytes());
        let one = self.origin.iter().map(|origin| origin.clone().into_bytes());
        several.chain(one).chain(self.bytes_hex.iter().map(hex)).collect()
    }

    fn send_by(&self, request: Request) -> Request {
        self.values().into_iter().fold(request, |request, value| request.origin(value))
    }

    /// What is wrong with an answer, if anything.
    fn problem(&self, door: &str, passes: u16, answer: &Answer) -> Option<String> {
        let acao = answer.header("access-control-allow-origin");
        let is_allowed = self.verdict == "allow";
        let (status, readable) = if is_allowed { (passes, self.origin.as_deref()) } else { (403, None) };
        let reason = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default()["reason"].clone();
        let is_reason_wrong = !is_allowed && reason != self.reason.as_str();
        (answer.status != status || acao != readable || is_reason_wrong).then(|| {
            format!(
                "{}, {door}: {} {acao:?} {reason}, expected {} {}",
                self.name, answer.status, self.verdict, self.reason
            )
        })
    }
}

#[tokio::test]
async fn the_verdict_is_the_same_at_every_door() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/origins/cases.yaml");
    let text = std::fs::read_to_string(file).expect("the table");
    let groups: Vec<Group> = serde_saphyr::from_str(&text).expect("a list of groups");
    let (mut count, mut problems) = (0, String::new());
    for group in groups {
        let server = Server::start(&manifest(&group.policy.to_string()));
        for case in group.cases.iter().filter(|case| case.transport) {
            assert_eq!(case.missing, case.values().is_empty(), "{}", case.name);
            count += 1;
            for (door, passes, request) in [
                ("polling", 200, Request::polling("")),
                ("preflight", 204, Request::preflight()),
                ("upgrade", 101, Request::websocket()),
            ] {
                let answer = server.send(case.send_by(request)).await;
                if let Some(problem) = case.problem(door, passes, &answer) {
                    writeln!(problems, "{problem}").expect("a String takes any text");
                }
            }
        }
    }
    assert!(problems.is_empty(), "{problems}");
    assert!(count >= 150, "{count} cases went through the doors");
}
