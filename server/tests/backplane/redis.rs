//! A real Redis on a free port, which can be killed and come back.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Once,
    time::{Duration, Instant},
};

use tempfile::TempDir;

pub struct Redis {
    child: Option<Child>,
    pub port: u16,
    options: Vec<String>,
    pub folder: TempDir,
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn set_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = Command::new(root().join("tests/setup")).args(["clients", "redis"]).status().unwrap();
        assert!(status.success(), "tests/setup clients redis");
    });
}

impl Redis {
    /// Nothing of it survives.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// What it said that it has, it has after it was killed too.
    pub fn durable() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    pub fn start_with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_in(folder, free_port(), options)
    }

    pub fn start_in(folder: TempDir, port: u16, options: &[&str]) -> Self {
        set_up();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut redis = Self { child: None, port, options, folder };
        redis.revive();
        redis
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// It ends at once, in the middle of whatever it does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// It is back at the same address.
    pub fn revive(&mut self) {
        let mut command = Command::new("redis-server");
        if self.options.first().is_some_and(|first| first == "--sentinel") {
            command.arg(self.folder.path().join("sentinel.conf"));
        }
        let has = |name: &str| self.options.iter().any(|option| option == name);
        if !has("--port") {
            command.args(["--port", &self.port.to_string()]);
        }
        if !has("--sentinel") {
            command.args(["--save", ""]);
        }
        command.args(["--bind", "127.0.0.1", "--dir"]).arg(self.folder.path()).args(&self.options);
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        self.child = Some(command.stdout(log).stderr(Stdio::null()).spawn().unwrap());
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        if !has("--tls-port") {
            while self.ask(&["PING"]).trim() != "PONG" && !self.ask(&["PING"]).contains("NOAUTH") {
                assert!(start.elapsed() < Duration::from_secs(20), "{}", self.log());
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    pub fn ask(&self, command: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(command).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
