//! What a pod reads from files: its policy, and keys of Secrets.

use k8s_openapi::api::core::v1::{ConfigMapVolumeSource, KeyToPath, SecretVolumeSource, Volume, VolumeMount};
use realtime_crds::{ValidService, v1alpha1::SecretKey};

use super::names::Names;

/// The names of volumes and folders are those that a `podTemplate` is kept from.
pub(super) const POLICY_FOLDER: &str = "/etc/realtime";
const POLICY_VOLUME: &str = "policy";

/// A key of a Secret as a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mounted {
    volume: &'static str,
    folder: &'static str,
    file: &'static str,
    /// The environment variable that names the file.
    pub(super) variable: &'static str,
    optional: Option<bool>,
}

const KEYS: Mounted = Mounted {
    volume: "jwks",
    folder: "/etc/realtime-keys",
    file: "jwks.json",
    variable: "REALTIME_JWKS_FILE",
    optional: None,
};
// Without what the backplane needs a pod serves its own clients and says what it lacks; it takes it up when it comes.
const REDIS_URL: Mounted = Mounted {
    volume: "redis-url",
    folder: "/etc/realtime-redis-url",
    file: "url",
    variable: "REALTIME_REDIS_URL_FILE",
    optional: Some(true),
};
const REDIS_CA: Mounted = Mounted {
    volume: "redis-ca",
    folder: "/etc/realtime-redis-ca",
    file: "ca.crt",
    variable: "REALTIME_REDIS_CA_FILE",
    optional: Some(true),
};

// Without it nobody publishes; clients are served all the same.
const PUBLISH_TOKEN: Mounted = Mounted {
    volume: "publish-token",
    folder: "/etc/realtime-publish",
    file: "token",
    variable: "REALTIME_PUBLISH_TOKEN_FILE",
    optional: Some(true),
};

impl Mounted {
    /// Whether pods start without it.
    pub(super) fn optional(&self) -> bool {
        self.optional == Some(true)
    }

    /// Where the file is.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.folder, self.file)
    }
}

/// The keys of Secrets that a service refers to, each with its file.
pub(super) fn secrets(service: &ValidService) -> impl Iterator<Item = (Mounted, &SecretKey)> {
    let spec = service.spec();
    let keys = spec.auth.as_ref().and_then(|auth| auth.jwt.jwks.secret_ref.as_ref());
    let redis = spec.backplane.as_ref().map(|backplane| &backplane.redis);
    let url = redis.map(|redis| &redis.url_secret_ref);
    let ca = redis.and_then(|redis| redis.ca_secret_ref.as_ref());
    let token = spec.publish.as_ref().and_then(|publish| publish.token_secret_ref.as_ref());
    let all = [(KEYS, keys), (REDIS_URL, url), (REDIS_CA, ca), (PUBLISH_TOKEN, token)];
    all.into_iter().filter_map(|(mounted, key)| Some((mounted, key?)))
}

pub(super) fn volumes(service: &ValidService) -> Vec<Volume> {
    let policy = Volume {
        name: POLICY_VOLUME.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: Names::of(service).policy(),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    };
    let secrets = secrets(service).map(|(mounted, secret)| Volume {
        name: mounted.volume.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.name.clone()),
            items: Some(vec![KeyToPath {
                key: secret.key.clone(),
                path: mounted.file.to_owned(),
                ..KeyToPath::default()
            }]),
            optional: mounted.optional,
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    });
    [policy].into_iter().chain(secrets).collect()
}

pub(super) fn mounts(service: &ValidService) -> Vec<VolumeMount> {
    // Folders, not files: the kubelet never refreshes a file that is mounted by subPath.
    let mount = |name: &str, folder: &str| VolumeMount {
        name: name.to_owned(),
        mount_path: folder.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    let secrets = secrets(service).map(|(mounted, _)| mount(mounted.volume, mounted.folder));
    [mount(POLICY_VOLUME, POLICY_FOLDER)].into_iter().chain(secrets).collect()
}
