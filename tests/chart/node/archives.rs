//! What the images hold.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};
use realtime_chart_tests::images::{self, Image};
use serde_json::Value;

const LARGEST: u64 = 25_000_000;

/// A file of an archive.
fn read(image: &Image, name: &str) -> Result<Vec<u8>> {
    let tar = Command::new("tar").arg("-xOf").arg(&image.archive).arg(name).output()?;
    ensure!(tar.status.success(), "{name} is not in {}", image.archive.display());
    Ok(tar.stdout)
}

#[tokio::test]
#[ignore = "builds release images first, which takes minutes: make test-node"]
async fn images_are_small_and_run_as_nobody() -> Result<()> {
    for image in images::images().await? {
        let size = fs::metadata(&image.archive)?.len();
        ensure!(size < LARGEST, "{} takes {size} bytes", image.name);
        let manifest: Value = serde_json::from_slice(&read(&image, "manifest.json")?)?;
        // The kubelet looks for the whole name, with the registry that is meant where none is named.
        let whole = format!("/library/{}", image.name);
        let tags = manifest[0]["RepoTags"].as_array().into_iter().flatten().filter_map(Value::as_str);
        ensure!(tags.into_iter().any(|tag| tag.ends_with(&whole)), "{manifest}");
        let config = read(&image, manifest[0]["Config"].as_str().context("a configuration")?)?;
        let config: Value = serde_json::from_slice(&config)?;
        let (name, version) = image.name.split_once(':').context("a tag")?;
        let about = &config["config"];
        ensure!(
            about["User"] == "65532:65532" && about["Entrypoint"] == serde_json::json!([format!("/{name}")]),
            "{about:#}"
        );
        for (label, value) in [("title", Some(name)), ("version", Some(version)), ("licenses", Some("Apache-2.0"))] {
            let said = about["Labels"][format!("org.opencontainers.image.{label}")].as_str();
            ensure!(said == value, "{label}: {said:?}");
        }
        for label in ["source", "revision", "description"] {
            let said = about["Labels"][format!("org.opencontainers.image.{label}")].as_str();
            ensure!(said.is_some_and(|said| !said.is_empty()), "{label} is empty");
        }
    }
    Ok(())
}

#[tokio::test]
#[ignore = "builds release images first, which takes minutes: make test-node"]
async fn the_same_input_gives_the_same_bytes() -> Result<()> {
    let read_all = |images: [Image; 2]| images.map(|image| fs::read(&image.archive));
    let first = read_all(images::images().await?);
    let folder = tempfile::tempdir()?;
    let second = read_all(images::build(folder.path()).await?);
    for (first, second) in first.into_iter().zip(second) {
        ensure!(first? == second?, "a second build gives another archive");
    }
    Ok(())
}
