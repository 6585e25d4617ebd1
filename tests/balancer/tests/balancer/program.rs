//! The program: what it prints, how it ends, and what it leaves.

use std::{fs, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

use crate::stage::{kubeconfig, until};

struct Program {
    child: Child,
    http: String,
    log: String,
}

async fn start(authority: &Path) -> Result<Program> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_local-balancer"))
        .args(["--http-port", "0", "--https-port", "0", "--authority"])
        .arg(authority)
        .env("KUBECONFIG", kubeconfig().await?)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("stdout is piped")?).lines();
    let mut said = async |what: &str| -> Result<String> {
        let line = lines.next_line().await?.with_context(|| format!("no line that says {what}"))?;
        Ok(line.strip_prefix(what).with_context(|| format!("{line:?} says no {what}"))?.trim().to_owned())
    };
    let (http, _https, ca, log) =
        (said("http ").await?, said("https ").await?, said("ca ").await?, said("log ").await?);
    assert!(fs::read_to_string(&ca)?.starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(Path::new(&ca).starts_with(authority));
    Ok(Program { child, http, log })
}

#[tokio::test]
async fn it_ends_when_it_is_told_to_and_leaves_its_authority_alone() -> Result<()> {
    let authority = tempfile::tempdir()?;
    let Program { mut child, http, log } = start(authority.path()).await?;
    TcpStream::connect(&http).await?;
    let kept = fs::read(authority.path().join("ca.crt"))?;
    let pid = Pid::from_raw(child.id().context("running")?.try_into()?).context("a process")?;
    kill_process(pid, Signal::TERM)?;
    assert!(child.wait().await?.success());
    assert!(TcpStream::connect(&http).await.is_err());
    assert!(!Path::new(&log).exists());

    let Program { .. } = start(authority.path()).await?;
    assert_eq!(fs::read(authority.path().join("ca.crt"))?, kept);
    Ok(())
}

#[tokio::test]
async fn envoy_ends_with_a_program_that_is_killed() -> Result<()> {
    let authority = tempfile::tempdir()?;
    let Program { mut child, http, log: _ } = start(authority.path()).await?;
    child.kill().await?;
    until(Duration::from_secs(5), async || Ok(TcpStream::connect(&http).await.is_err().then_some(()))).await
}
