//! `spec.auth`: who a connection speaks for.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Who a connection speaks for. Preflights never need it: browsers send them without credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// A JSON Web Token that the client presents when it connects.
    pub jwt: Jwt,
}

/// A JSON Web Token (RFC 7519). It is looked for in the `auth` payload of the Socket.IO client as `token`, then in the Authorization
/// header as Bearer, then in the query where `queryParameter` names one. When it expires its connection is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Jwt {
    /// Issuer that the token must name (`iss`), e.g. "https://login.domain-b.com/".
    #[schemars(length(min = 1, max = 512))]
    pub issuer: String,

    /// Audiences of which the token must name one (`aud`).
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 512)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub audiences: Vec<String>,

    /// The keys that sign tokens.
    pub jwks: Jwks,

    /// Name of a query parameter that may carry the token, for clients of version 2, which have no `auth` payload. Query strings end up in logs. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    #[x_kube(validation = Rule::new("!(self in ['EIO', 'transport', 'sid', 't', 'j', 'b64'])")
        .message("queryParameter must not be one of Engine.IO's own: EIO, transport, sid, t, j, b64"))]
    pub query_parameter: Option<String>,
}

/// Where the JSON Web Key Set (RFC 7517) is; exactly one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.url) != has(self.secretRef)").message("jwks takes exactly one of url and secretRef"))]
pub struct Jwks {
    /// URL of the key set, https, e.g. "https://login.domain-b.com/.well-known/jwks.json". It is read again when it is ten minutes old or a token names a key that is not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("self.startsWith('https://') || self.startsWith('http://localhost') || self.startsWith('http://127.') || self.startsWith('http://[::1]')")
        .message("jwks.url must be https: whoever can change the answer can make tokens"))]
    pub url: Option<String>,

    /// A key of a Secret in the same namespace that holds the key set as JSON. A change of it is live when the kubelet has refreshed the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKey>,
}

/// One key of a Secret in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKey {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in it.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}
