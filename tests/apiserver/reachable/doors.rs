//! Doors at which a probe knocks: TLS on port 443 of addresses of this machine, each in front of a server.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::atomic::{AtomicU8, Ordering},
};

use anyhow::Result;
use realtime_doctor_tests::secure::{Authority, Secure};
use tempfile::TempDir;

/// An exposure with a certificate.
pub const EXPOSURE: &str = "exposure: {ingress: {tlsSecretName: chat-tls}}";
const DAYS: i64 = 90;
const PORT: u16 = 443;

/// An authority, and addresses that nobody else uses.
pub struct Doors {
    authority: Authority,
    file: PathBuf,
    _folder: TempDir,
}

/// A door that is open.
pub struct Door {
    /// Its address, as an Ingress has it.
    pub address: String,
    _front: Secure,
}

impl Doors {
    /// None, and a word why, where this user must not listen on low ports.
    pub fn new() -> Result<Option<Self>> {
        if let Err(error) = TcpListener::bind((Ipv4Addr::new(127, 127, 127, 127), PORT))
            && error.kind() == ErrorKind::PermissionDenied
        {
            eprintln!(
                "skipped: a probe asks port {PORT}, and this user must not listen there: sysctl net.ipv4.ip_unprivileged_port_start=0"
            );
            return Ok(None);
        }
        let (authority, folder) = (Authority::new()?, tempfile::tempdir()?);
        let file = folder.path().join("ca.crt");
        std::fs::write(&file, authority.pem())?;
        Ok(Some(Self { authority, file, _folder: folder }))
    }

    /// The file of the authority that signs.
    pub fn authority(&self) -> &str {
        self.file.to_str().expect("a path of this test's own")
    }

    /// An address with nobody behind it. Other processes of tests use others.
    pub fn address(&self) -> String {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [.., high, low] = std::process::id().to_be_bytes();
        Ipv4Addr::new(127, 64 | (high & 63), low, NEXT.fetch_add(1, Ordering::Relaxed)).to_string()
    }

    /// A door in front of a port, with a certificate for that name.
    pub async fn open(&self, name: &str, port: u16) -> Result<Door> {
        let address = self.address();
        let listen = SocketAddr::new(address.parse()?, PORT);
        let front = Secure::at(listen, &self.authority, name, DAYS, port).await?;
        Ok(Door { address, _front: front })
    }
}
