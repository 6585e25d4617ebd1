//! Where Envoy's program is: `tests/setup envoy` brings it, once. `ENVOY` wins where it is set.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::Command,
};

use crate::Error;

pub(crate) async fn find(mut progress: impl FnMut(&str)) -> Result<PathBuf, Error> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("setup");
    let failed = |source| Error::Start { binary: script.clone(), source };
    let mut setup = Command::new(&script)
        .arg("envoy")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut stdout = setup.stdout.take().expect("stdout is piped");
    let mut lines = BufReader::new(setup.stderr.take().expect("stderr is piped")).lines();
    let mut last = String::new();
    while let Some(line) = lines.next_line().await.map_err(failed)? {
        progress(&line);
        last = line;
    }
    let mut path = String::new();
    stdout.read_to_string(&mut path).await.map_err(failed)?;
    let status = setup.wait().await.map_err(failed)?;
    if status.success() { Ok(PathBuf::from(path.trim_end())) } else { Err(Error::NoEnvoy(last)) }
}
