//! What breaks at each rung is the reason. What kubectl shows of it is captured in `docs/probe-failures.md`.

use anyhow::{Context, Result, ensure};
use realtime_doctor_tests::{envoy::Envoy, node::Node};
use realtime_tests::{Cluster, Stage, wait};

use super::{
    doors::{Door, Doors, EXPOSURE},
    leads_to, told,
};
use crate::{manifests::service, readiness::pods_are_ready};

const APP: &str = "https://app.domain-b.com";

/// A service whose server has one mistake.
struct Broken {
    name: &'static str,
    /// What is wrong, for people.
    what: &'static str,
    /// Lines of its spec besides.
    spec: &'static str,
    /// What the message has to say.
    says: &'static [&'static str],
}

const fn broken(name: &'static str, what: &'static str, says: &'static [&'static str]) -> Broken {
    Broken { name, what, spec: "probe: {via: LoadBalancer}", says }
}

/// One for each rung, from below; the name of the service is that of the rung.
const ALL: [Broken; 9] = [
    Broken {
        spec: "probe: {}",
        ..broken(
            "dns",
            "the host has no DNS record yet",
            &[
                "(NameNotFound)",
                "To do: make a DNS record for dns.invalid that leads to",
                "Behind that address all other rungs hold.",
            ],
        )
    },
    broken(
        "tls",
        "a certificate for another name",
        &["(NameMismatch)", "In YAML: spec.exposure.ingress.tlsSecretName: NAME"],
    ),
    Broken {
        spec: "path: /oursocketio\nprobe: {via: LoadBalancer}",
        ..broken("path", "the server listens on another path", &["(PathNotFound)", "spec.path: /socket.io"])
    },
    broken("handshake", "a server with an origin check of its own", &["(OriginRefused)", "To do: "]),
    broken("preflight", "a router that answers OPTIONS with 405", &["(PreflightNotRouted)", "OPTIONS", "answered 405"]),
    broken("authorization", "a server that does not list Authorization", &["(HeaderNotAllowed)", "To do: "]),
    broken(
        "upgrade",
        "a server that lets any page open a WebSocket",
        &["(ForeignOriginAccepted)", "The spec has that already"],
    ),
    broken("replicas", "two replicas without affinity", &["(SessionUnknown)", "In YAML: "]),
    Broken {
        spec: "probe: {via: LoadBalancer, hold: 10s}",
        ..broken(
            "cut",
            "a load balancer that cuts after 3 s",
            &["(CutAbruptly)", "In YAML: spec.timeouts.maxConnectionAge: 1h"],
        )
    },
];

/// The doors of all, by the order of the table.
struct Site {
    _node: Node,
    _envoy: Envoy,
    doors: Vec<Door>,
}

impl Site {
    async fn start(doors: &Doors) -> Result<Self> {
        let node = Node::start(APP).await?;
        let envoy = Envoy::start(node.port("right")?).await?;
        let cut = envoy.url("cut").rsplit_once(':').and_then(|(_, port)| port.parse().ok()).context("a port")?;
        let mut open = Vec::new();
        for Broken { name, .. } in &ALL {
            let host = format!("{name}.invalid");
            let (host, port) = match *name {
                "dns" => (host, node.port("right")?),
                "tls" => ("other.invalid".to_owned(), node.port("right")?),
                "path" => (host, node.port("other-path")?),
                "handshake" => (host, node.port("origin-check")?),
                "preflight" => (host, node.port("router-without-options")?),
                "authorization" => (host, node.port("header-not-listed")?),
                "upgrade" => (host, node.port("cors-alone")?),
                "replicas" => (host, node.port("two-replicas")?),
                _ => (host, cut),
            };
            open.push(doors.open(&host, port).await?);
        }
        Ok(Self { _node: node, _envoy: envoy, doors: open })
    }
}

/// `dns` is the reason Dns.
fn reason(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}

#[tokio::test]
async fn each_rung_that_breaks_is_the_reason_and_the_message_says_what_to_do() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "rungs").await?;
    let Some(doors) = Doors::new()? else { return Ok(()) };
    let site = Site::start(&doors).await?;
    let operator = stage.operator_with(&["--probe-ca", doors.authority()]).await?;
    for Broken { name, spec, .. } in &ALL {
        let manifest = service(name, &format!("{EXPOSURE}\n{spec}")).replace("domain-a.com", "invalid");
        stage.apply(&manifest).await?;
    }
    for (Broken { name, .. }, door) in ALL.iter().zip(&site.doors) {
        stage.says(name, "Available", "Unknown", "PodsPending").await?;
        pods_are_ready(&stage, name, 1).await?;
        leads_to(&stage, name, &door.address).await?;
    }
    for (Broken { name, says, .. }, door) in ALL.iter().zip(&site.doors) {
        let message = stage.says(name, "Reachable", "False", &reason(name)).await?;
        for part in *says {
            stage.holds(message.contains(part), &format!("{name} says {part:?}: {message}")).await?;
        }
        stage.holds(name != &"dns" || message.contains(&door.address), &message).await?;
        let ready = stage.says(name, "Ready", "True", "Available").await?;
        stage.holds(ready.contains("see the condition Reachable"), &ready).await?;
    }

    // Asked again and again, and nothing is written: what was told stands.
    stage.quiet().await?;
    let (audit, asked) = (stage.audit()?, failures(&operator).await?);
    let again = async || Ok((failures(&operator).await? > asked).then_some(()));
    stage.within(2 * wait::DEADLINE, "another probe", again).await?;
    let writes = audit.writes()?;
    stage.holds(writes.is_empty(), &format!("the same answer again is written: {writes:?}")).await?;
    for Broken { name, .. } in &ALL {
        let told = told(&stage, name).await?;
        let failures = told.iter().filter(|reason| *reason == "ProbeFailed").count();
        stage.holds(failures == 1, &format!("one Event of {name}: {told:?}")).await?;
    }
    page(&stage, &site).await
}

/// How many probes have failed.
async fn failures(operator: &realtime_tests::Operator) -> Result<u64> {
    let metrics = operator.admin("/metrics").await?.1;
    let lines = metrics.lines().filter(|line| line.starts_with("realtime_operator_probes_total{verdict=\"fail\""));
    let counts = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    Ok(counts.sum())
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/probe-failures.md");
const INTRODUCTION: &str = "# What a failed probe says

Captured from a real cluster by a test with a really broken server at each rung; `UPDATE_DOCS=1 cargo test --workspace --test
apiserver reachable` writes it anew. [The probe](probe.md) itself, and [the ladder](ladder/README.md), a page a rung.

Ready stays True all the while, with the message \"Everything is in place, and the probe could not connect (Tls): see the
condition Reachable.\"
";

async fn page(stage: &Stage, site: &Site) -> Result<()> {
    let mut page = INTRODUCTION.to_owned();
    for (Broken { name, what, .. }, door) in ALL.iter().zip(&site.doors) {
        let shown = stage.kubectl(&["describe", "rts", name]).await?.good()?;
        let condition = condition(&shown).with_context(|| shown.clone())?;
        let events = shown.lines().filter(|line| line.contains("ProbeFailed"));
        ensure!(events.count() == 1, "{shown}");
        let condition = steady(&condition).replace(&door.address, "203.0.113.7");
        page += &format!(
            "\n## {}: {what}\n\n```console\n$ kubectl describe rts {name}\n…\n{condition}\n…\n```\n",
            reason(name)
        );
    }
    crate::kubectl_shows::compare(FILE, &page)
}

/// The lines of the condition Reachable.
fn condition(shown: &str) -> Option<String> {
    let lines: Vec<_> = shown.lines().collect();
    let end = lines.iter().position(|line| line.trim().replace(' ', "") == "Type:Reachable")?;
    Some(lines[end.checked_sub(5)?..=end].join("\n"))
}

/// Times and a resolver's words as they could have been.
fn steady(shown: &str) -> String {
    let shown = crate::kubectl_shows::steady(shown);
    let shown = between(
        &shown,
        "has no address: ",
        ". To do",
        "failed to lookup address information: Name or service not known",
    );
    between(
        &shown,
        "was cut after ",
        ". Asked",
        "3.0 s without a close frame (connection reset without closing handshake)",
    )
}

/// With these words where others stand between the two.
fn between(text: &str, from: &str, to: &str, words: &str) -> String {
    let Some((before, rest)) = text.split_once(from) else { return text.to_owned() };
    let Some((_, after)) = rest.split_once(to) else { return text.to_owned() };
    format!("{before}{from}{words}{to}{after}")
}
