//! Session ids that name their replica. PURE but for reading the secret.
//!
//! Behind the sixteen characters of the engine stand twelve more: four bytes that stand for the replica's address and five that nobody
//! can make who does not have the secret. Neither says anything about the cluster to whoever reads them.

use std::{fs, net::SocketAddr, path::Path};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::StartError;

/// Characters of an id as the engine makes it.
const BARE: usize = 16;
/// Characters that are added.
const ADDED: usize = 12;
const TAG: usize = 4;
const SEAL: usize = 5;
/// Shorter ones could be guessed.
const SHORTEST_SECRET: usize = 16;

/// Stands for a replica.
pub(super) type Tag = [u8; TAG];

/// Whose session an id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose<'t> {
    /// This replica's; the id as the engine knows it.
    Own(&'t str),
    /// That of the replica with this tag.
    Other(&'t str, Tag),
    /// It names no replica, or nobody here wrote it.
    Unknown,
}

/// Writes and reads session ids.
#[derive(Clone)]
pub(super) struct Names {
    keys: Vec<Hmac<Sha256>>,
    own: Tag,
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}

impl Names {
    /// With the secrets that all replicas share, the one in use first, and the address of this one.
    pub(super) fn new(secrets: &[String], own: SocketAddr) -> Self {
        let key = |secret: &String| Hmac::new_from_slice(secret.as_bytes()).expect("a key of any length will do");
        let keys: Vec<_> = secrets.iter().map(key).collect();
        let own = tag(&keys[0], own);
        Self { keys, own }
    }

    /// The id for the client.
    pub(super) fn written(&self, sid: &str) -> String {
        let mut added = [0; TAG + SEAL];
        added[..TAG].copy_from_slice(&self.own);
        added[TAG..].copy_from_slice(&sealed(&self.keys[0], sid, self.own).finalize().into_bytes()[..SEAL]);
        format!("{sid}{}", BASE64_URL_SAFE_NO_PAD.encode(added))
    }

    /// Whose session an id from a client is.
    pub(super) fn read<'t>(&self, text: &'t str) -> Whose<'t> {
        let Some((sid, added)) = text.split_at_checked(BARE).filter(|(_, added)| added.len() == ADDED) else {
            return Whose::Unknown;
        };
        let mut bytes = [0; TAG + SEAL];
        if BASE64_URL_SAFE_NO_PAD.decode_slice(added, &mut bytes) != Ok(bytes.len()) {
            return Whose::Unknown;
        }
        let tag: Tag = bytes[..TAG].try_into().expect("four bytes are four");
        let is_sealed = |key: &Hmac<Sha256>| sealed(key, sid, tag).verify_truncated_left(&bytes[TAG..]).is_ok();
        match self.keys.iter().any(is_sealed) {
            true if tag == self.own => Whose::Own(sid),
            true => Whose::Other(sid, tag),
            false => Whose::Unknown,
        }
    }

    /// What a replica may be called.
    pub(super) fn tags(&self, address: SocketAddr) -> impl Iterator<Item = Tag> {
        self.keys.iter().map(move |key| tag(key, address))
    }
}

/// The secrets of a file.
pub(super) fn secrets(file: &Path) -> Result<Vec<String>, StartError> {
    let text = fs::read_to_string(file).map_err(|source| StartError::Unreadable { file: file.to_owned(), source })?;
    let secrets: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    match !secrets.is_empty() && secrets.iter().all(|secret| secret.len() >= SHORTEST_SECRET) {
        true => Ok(secrets),
        false => Err(StartError::NoSecret(file.to_owned())),
    }
}

fn tag(key: &Hmac<Sha256>, address: SocketAddr) -> Tag {
    let digest = key.clone().chain_update(b"replica ").chain_update(address.to_string()).finalize().into_bytes();
    digest[..TAG].try_into().expect("a digest is longer")
}

fn sealed(key: &Hmac<Sha256>, sid: &str, tag: Tag) -> Hmac<Sha256> {
    key.clone().chain_update(b"session ").chain_update(tag).chain_update(sid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "AAAAAAAAAAAAAAHs";

    fn names(secrets: &[&str], own: &str) -> Names {
        let secrets: Vec<_> = secrets.iter().map(|&secret| secret.to_owned()).collect();
        Names::new(&secrets, own.parse().expect("an address"))
    }

    #[test]
    fn an_id_is_read_as_its_own_here_and_as_another_s_elsewhere() {
        let (a, b) = (names(&["secret"], "10.0.0.1:8082"), names(&["secret"], "10.0.0.2:8082"));
        let id = a.written(SID);
        assert_eq!((id.len(), a.read(&id)), (28, Whose::Own(SID)));
        let tag = b.tags("10.0.0.1:8082".parse().expect("an address")).next().expect("a tag");
        assert_eq!(b.read(&id), Whose::Other(SID, tag));
    }

    #[test]
    fn an_id_that_was_changed_or_comes_from_another_service_is_nobody_s() {
        let a = names(&["secret"], "10.0.0.1:8082");
        let id = a.written(SID);
        for at in 0..id.len() {
            let mut changed = id.clone().into_bytes();
            changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(changed).expect("text");
            // The last character has bits to spare.
            assert!(changed == id || a.read(&changed) == Whose::Unknown, "{changed}");
        }
        assert_eq!(names(&["other"], "10.0.0.1:8082").read(&id), Whose::Unknown);
        for text in ["", SID, &id[..27], &format!("{id}A"), &"ä".repeat(14), "AAAAAAAAAAAAAAHs            "] {
            assert_eq!(a.read(text), Whose::Unknown, "{text}");
        }
    }

    #[test]
    fn while_a_secret_is_replaced_both_are_known() {
        let (before, between) = (names(&["old"], "10.0.0.1:8082"), names(&["new", "old"], "10.0.0.2:8082"));
        let id = before.written(SID);
        let Whose::Other(sid, tag) = between.read(&id) else { panic!("{id} is not known") };
        assert_eq!(sid, SID);
        assert!(between.tags("10.0.0.1:8082".parse().expect("an address")).any(|known| known == tag));
    }
}
