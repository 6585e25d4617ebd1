//! docs/doctor.md says what the tests hold.

use anyhow::{Context, Result, ensure};
use realtime_doctor::{Rung, Target, climb, explain};
use realtime_doctor_tests::docs;
use realtime_ladder::{Process, process, programs};

use crate::servers::APP;

// One test for both: they are in one file, and each may write it.
#[test]
fn the_matrix_of_broken_servers_and_the_reasons_are_in_the_documentation() -> Result<()> {
    docs::check("docs/doctor.md", "servers", &docs::matrix())?;
    docs::check("docs/doctor.md", "reasons", &docs::reasons())
}

#[test]
fn every_rung_has_the_page_that_the_doctor_points_to() -> Result<()> {
    for rung in Rung::ALL {
        ensure!(programs::root().join(rung.page()).is_file(), "{} is not there", rung.page());
    }
    Ok(())
}

#[test]
fn the_ladder_has_every_rung_in_its_order_with_symptoms_that_explain_close_gives_to_it() -> Result<()> {
    let page = std::fs::read_to_string(programs::root().join("docs/ladder/README.md"))?;
    let rows: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| [")?.split_once("](")).collect();
    let names: Vec<_> = rows.iter().map(|(name, _)| *name).collect();
    ensure!(names == Rung::ALL.map(Rung::as_str), "{names:?}");
    for (rung, (_, row)) in Rung::ALL.into_iter().zip(rows) {
        for symptom in row.split('`').skip(1).step_by(2) {
            let known = explain(symptom);
            ensure!(known.iter().any(|it| it.rung.is_none_or(|of| of == rung)), "{rung}: {symptom}: {known:?}");
        }
    }
    Ok(())
}

#[test]
fn every_error_of_chromiums_that_the_doctor_foretells_is_on_a_page_of_the_ladder() -> Result<()> {
    let text = |folder: &str| -> Result<String> {
        let files = std::fs::read_dir(programs::root().join(folder))?;
        files.map(|entry| Ok(std::fs::read_to_string(entry?.path())?)).collect()
    };
    let (code, pages) = (text("doctor/src/judge")?, text("docs/ladder")?);
    let mut count = 0;
    for rest in code.split("net::").skip(1) {
        let name: String = rest.chars().take_while(|it| it.is_ascii_uppercase() || *it == '_').collect();
        ensure!(pages.contains(&name), "docs/ladder does not tell of net::{name}");
        count += 1;
    }
    ensure!(count > 8, "{count}");
    Ok(())
}

#[tokio::test]
async fn the_server_of_the_page_about_node_passes() -> Result<()> {
    let page = std::fs::read_to_string(programs::root().join("docs/migrate/node.md"))?;
    let shown = page.split("```js\n").nth(1).and_then(|rest| rest.split("```").next()).context("a server")?;
    ensure!(shown.contains("http.listen(8080);"), "{shown}");
    let here = "http.listen(0, '127.0.0.1', () => console.log(`port ${http.address().port}`));";
    let mut command = process::command("node");
    command.args(["--input-type=module", "-e", &shown.replace("http.listen(8080);", here)]);
    command.current_dir(programs::clients().await?);
    let set = [("PATH", "/oursocketio"), ("TRANSPORTS", "websocket,polling"), ("ORIGINS", APP)];
    command.envs(set.map(|(name, value)| (format!("REALTIME_{name}"), value)));
    let server = Process::start("the page's server", command)?;
    let port = server.line("its port", |line| line.strip_prefix("port ").map(str::to_owned)).await?;
    let target = Target::new(&format!("http://127.0.0.1:{port}"), APP)?.path("/oursocketio")?;
    let report = climb(&target).await;
    ensure!(report.rung().is_none() && report.verdict() == realtime_doctor::Verdict::Pass, "{}", report.text());
    Ok(())
}
