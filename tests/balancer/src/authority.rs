//! A certificate authority of this machine's own, in the place of the one that Google asks. It is kept in a folder, so that a
//! browser has to be told of it only once.

use std::{
    collections::BTreeMap,
    fs, io,
    net::IpAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};

use crate::{Error, xds};

const CERTIFICATE: &str = "ca.crt";
const KEY: &str = "ca.key";
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Debug)]
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: PathBuf,
    issued: BTreeMap<Vec<String>, xds::KeyPair>,
}

impl Authority {
    /// The one in this folder, which is made where there is none.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::Files)?;
        let (certificate, key_file) = (folder.join(CERTIFICATE), folder.join(KEY));
        let key = match fs::read_to_string(&key_file) {
            Ok(pem) if certificate.exists() => KeyPair::from_pem(&pem)?,
            Ok(_) => make(&certificate, &key_file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&certificate, &key_file)?,
            Err(error) => return Err(Error::Files(error)),
        };
        Ok(Self { issuer: Issuer::new(parameters(), key), certificate, issued: BTreeMap::new() })
    }

    /// The file that clients are to trust.
    pub(crate) fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// A certificate for these names: the same one for the same names.
    pub(crate) fn issue(&mut self, names: &[String], address: Option<IpAddr>) -> Result<xds::KeyPair, Error> {
        if let Some(pair) = self.issued.get(names) {
            return Ok(pair.clone());
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.subject_alt_names.extend(address.map(SanType::IpAddress));
        if let Some(name) = names.first().filter(|name| name.len() <= 64) {
            params.distinguished_name.push(DnType::CommonName, name.as_str());
        }
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Some clients take none that is valid for longer than 398 days.
        let now = SystemTime::now();
        (params.not_before, params.not_after) = ((now - DAY).into(), (now + DAY * 390).into());
        let chain = params.signed_by(&key, &self.issuer)?.pem();
        let pair = xds::KeyPair { chain, key: key.serialize_pem() };
        self.issued.insert(names.to_vec(), pair.clone());
        Ok(pair)
    }
}

fn parameters() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "realtime-operator local load balancer");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn make(certificate: &Path, key_file: &Path) -> Result<KeyPair, Error> {
    let key = KeyPair::generate()?;
    let pem = parameters().self_signed(&key)?.pem();
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let write_key = || io::Write::write_all(&mut options.open(key_file)?, key.serialize_pem().as_bytes());
    write_key().and_then(|()| fs::write(certificate, pem)).map_err(Error::Files)?;
    Ok(key)
}
