//! The server under attack: the real program, beside this one in the target folder.

#[expect(dead_code, reason = "memory is what is bounded")]
#[path = "../../src/usage.rs"]
mod usage;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

const MANIFEST: &str = "apiVersion: realtime-operator.dev/v1alpha1\nkind: RealtimeService\nmetadata: {name: chat}\n\
    spec: {host: chat.domain-a.com, origins: {allow: ['https://app.domain-b.com']}}\n";

pub(crate) struct Target {
    process: Child,
    pub(crate) public: SocketAddr,
    admin: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Target {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("chat.yaml");
        fs::write(&file, MANIFEST).expect("written");
        let here = std::env::current_exe().expect("a path");
        let program = here.ancestors().nth(2).expect("a target folder").join("realtime-server");
        assert!(program.exists(), "{} is not there: cargo build --release -p realtime-server", program.display());
        let mut process = Command::new(program)
            .arg("--policy-file")
            .arg(file)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log", "error"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let said: serde_json::Value = serde_json::from_str(&line).expect("the server says where it listens");
        let address = |name: &str| said[name].as_str().and_then(|text| text.parse().ok()).expect("an address");
        Self { public: address("listening"), admin: address("admin"), process, _folder: folder }
    }

    pub(crate) fn resident_kib(&self) -> u64 {
        usage::memory(self.process.id()).expect("it runs") / 1024
    }

    pub(crate) async fn status(&self) -> String {
        let answer = reqwest::get(format!("http://{}/status", self.admin)).await.expect("an answer");
        answer.text().await.expect("a text")
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
