//! `spec.publish`: how programs publish.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::SecretKey;

/// How programs publish events to clients: by HTTP, through a queue, or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.tokenSecretRef) || has(self.queue)").message("publish needs tokenSecretRef, queue, or both"))]
pub struct Publish {
    /// A key of a Secret in the same namespace that holds the tokens of programs, one a line, at least 16 characters each. With it, programs POST to
    /// http://NAME.NAMESPACE:8083/publish, inside the cluster. A change is in use when the kubelet has refreshed the file. Default: nobody
    /// publishes by HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<SecretKey>,

    /// A stream in the backplane's Redis whose entries become events, each once. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
}

/// A stream in Redis that programs append events to; the pods read it as one consumer group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.deadLetter) || self.deadLetter != self.stream").message("deadLetter must be another stream than the queue's own").field_path(".deadLetter"))]
pub struct Queue {
    /// Name of the stream, e.g. "chat:publish". The field "publish" of an entry holds the event as JSON.
    #[schemars(length(min = 1, max = 128), regex(pattern = "^[-._:{}a-zA-Z0-9]+$"))]
    pub stream: String,

    /// Name of the consumer group; it is made where there is none. Default "realtime".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = "^[-._:{}a-zA-Z0-9]+$"))]
    pub group: Option<String>,

    /// Stream for entries that cannot be published, with the reason. Default: the name of the queue with ":dead" at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = "^[-._:{}a-zA-Z0-9]+$"))]
    pub dead_letter: Option<String>,

    /// How often an entry is tried before it is a dead letter, 1 to 100. Default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub tries: Option<i32>,
}
