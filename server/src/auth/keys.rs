//! A JSON Web Key Set (RFC 7517), reduced to the keys that may check tokens.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

/// More would make every token that names no key expensive.
const MOST_KEYS: usize = 100;
/// Of RSA keys: below is weak (RFC 7518, section 3.3), above is more work than a stranger's token is worth.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// Whether whoever wrote the key set can be trusted with a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// It is a Secret.
    Secret,
    /// Whoever can read the URL could make tokens.
    Public,
}

/// The keys.
#[derive(Debug, Default)]
pub struct Keys(Vec<Key>);

/// A key and what it may be used for.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) id: Option<String>,
    pub(super) key: DecodingKey,
    algorithms: Vec<Algorithm>,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

impl Keys {
    /// Reads a key set; also what is wrong with those of its keys that cannot be used.
    ///
    /// # Errors
    /// When it is no key set.
    pub fn read(json: &[u8], keeper: Keeper) -> Result<(Self, Vec<String>), String> {
        let set: Set = serde_json::from_slice(json).map_err(|error| {
            // What stands in the file is not repeated: it may hold secrets.
            format!("it is not JSON of the form {{\"keys\": [...]}} (line {}, column {})", error.line(), error.column())
        })?;
        let (mut keys, mut problems) = (Vec::new(), Vec::new());
        for (index, value) in set.keys.into_iter().enumerate() {
            match key(value, keeper) {
                Ok(Some(_)) if keys.len() == MOST_KEYS => {
                    problems.push(format!("keys[{index}] and what follows: only the first {MOST_KEYS} are used"));
                    break;
                }
                Ok(Some(key)) => keys.push(key),
                Ok(None) => {}
                Err(problem) => problems.push(format!("keys[{index}] {problem}")),
            }
        }
        Ok((Self(keys), problems))
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }
}

impl Key {
    pub(super) fn takes(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }
}

/// None where the key has another purpose.
fn key(value: Value, keeper: Keeper) -> Result<Option<Key>, String> {
    let jwk: Jwk = serde_json::from_value(value).map_err(|_| "is no JSON Web Key".to_owned())?;
    let is_for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let checks = |operation: &KeyOperations| matches!(operation, KeyOperations::Verify | KeyOperations::Sign);
    if !is_for_signatures || jwk.common.key_operations.as_ref().is_some_and(|operations| !operations.iter().any(checks))
    {
        return Ok(None);
    }
    let mut algorithms = algorithms(&jwk.algorithm, keeper)?;
    if let Some(named) = jwk.common.key_algorithm {
        let only = Algorithm::try_from(named).ok();
        algorithms.retain(|algorithm| Some(*algorithm) == only);
        if algorithms.is_empty() {
            return Err("has an alg that does not fit its type or is not supported".to_owned());
        }
    }
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| "is incomplete".to_owned())?;
    // The library looks at curve points only now.
    jsonwebtoken::crypto::verify("", b"", &key, algorithms[0]).map_err(|_| "is no valid key of its type".to_owned())?;
    Ok(Some(Key { id: jwk.common.key_id, key, algorithms }))
}

fn algorithms(parameters: &AlgorithmParameters, keeper: Keeper) -> Result<Vec<Algorithm>, String> {
    match parameters {
        AlgorithmParameters::RSA(rsa) => {
            let bits = bits(&rsa.n)?;
            if !RSA_BITS.contains(&bits) {
                return Err(format!("has {bits} bits; RSA keys have {} to {}", RSA_BITS.start(), RSA_BITS.end()));
            }
            Ok(AlgorithmFamily::Rsa.algorithms().to_vec())
        }
        AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
            EllipticCurve::P256 => Ok(vec![Algorithm::ES256]),
            EllipticCurve::P384 => Ok(vec![Algorithm::ES384]),
            _ => Err("has a curve other than P-256 and P-384".to_owned()),
        },
        AlgorithmParameters::OctetKeyPair(pair) => match pair.curve {
            EllipticCurve::Ed25519 => Ok(vec![Algorithm::EdDSA]),
            _ => Err("has a curve other than Ed25519".to_owned()),
        },
        AlgorithmParameters::OctetKey(_) if keeper == Keeper::Public => {
            Err("is a shared secret (oct), which counts only from a Secret: whoever can read the URL could make tokens"
                .to_owned())
        }
        AlgorithmParameters::OctetKey(secret) => {
            // RFC 7518, section 3.2: at least as long as the hash.
            let length = bytes(&secret.value)?.len();
            let sizes = [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)];
            let fit: Vec<_> =
                sizes.into_iter().filter(|(_, least)| length >= *least).map(|(algorithm, _)| algorithm).collect();
            if fit.is_empty() {
                Err(format!("is a shared secret of {length} bytes; 32 are the least"))
            } else {
                Ok(fit)
            }
        }
        _ => Err("has a type (kty) other than RSA, EC, OKP and oct".to_owned()),
    }
}

fn bytes(base64: &str) -> Result<Vec<u8>, String> {
    BASE64_URL_SAFE_NO_PAD.decode(base64).map_err(|_| "is not base64url without padding".to_owned())
}

fn bits(base64: &str) -> Result<usize, String> {
    let bytes = bytes(base64)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Ok(bytes[zeros..].first().map_or(0, |first| (bytes.len() - zeros) * 8 - first.leading_zeros() as usize))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(key: Value, keeper: Keeper) -> Option<String> {
        let set = json!({"keys": [key]}).to_string();
        Keys::read(set.as_bytes(), keeper).expect("a key set").1.pop()
    }

    fn random(bytes: usize) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(vec![0xab; bytes])
    }

    #[test]
    fn weak_and_oversized_keys_are_named() {
        for (bytes, is_good) in [(128, false), (256, true), (512, true), (513, false)] {
            let found = problem(json!({"kty": "RSA", "n": random(bytes), "e": "AQAB"}), Keeper::Public);
            assert_eq!(found.is_none(), is_good, "{bytes}: {found:?}");
        }
        for (bytes, algorithm, is_good) in
            [(31, None, false), (32, None, true), (32, Some("HS512"), false), (64, Some("HS512"), true)]
        {
            let found = problem(json!({"kty": "oct", "k": random(bytes), "alg": algorithm}), Keeper::Secret);
            assert_eq!(found.is_none(), is_good, "{bytes}: {found:?}");
        }
    }

    #[test]
    fn a_shared_secret_counts_only_where_it_is_kept() {
        let key = json!({"kty": "oct", "k": random(64)});
        assert_eq!(problem(key.clone(), Keeper::Secret), None);
        assert!(problem(key, Keeper::Public).is_some_and(|problem| problem.contains("could make tokens")));
    }

    #[test]
    fn a_point_that_is_not_on_its_curve_is_no_key() {
        let key = json!({"kty": "EC", "crv": "P-256", "x": random(32), "y": random(32)});
        assert_eq!(problem(key, Keeper::Public).as_deref(), Some("keys[0] is no valid key of its type"));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_what_is_in_it() {
        let problem = Keys::read(b"{\"keys\": \"hunter2\"}", Keeper::Secret).expect_err("no key set");
        assert!(problem.contains("line 1") && !problem.contains("hunter2"), "{problem}");
    }
}
