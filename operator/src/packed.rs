//! How an object is kept: as text, pressed together against another of its kind. Objects of one kind are much alike, and as
//! trees in memory they would be most of what the operator needs.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use lz4_flex::block::{compress_with_dict, decompress_with_dict};
use serde::{Serialize, de::DeserializeOwned};

/// A text, pressed.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    bytes: Box<[u8]>,
    length: usize,
    against: Arc<[u8]>,
}

/// What the objects of one kind are pressed against.
#[derive(Debug, Default)]
pub(crate) struct Pattern {
    text: Arc<[u8]>,
    renewed: u8,
}

/// A text that becomes no shorter than this part of itself has another shape than the pattern.
const ALIKE: usize = 4;
/// Shapes that alternate must not make every object keep a pattern of its own.
const RENEWALS: u8 = 16;

/// An object as it is packed.
pub(crate) fn text(object: &impl Serialize) -> Box<[u8]> {
    serde_json::to_vec(object).expect("an object is JSON").into()
}

/// Namespace, name, uid, version and generation alone.
pub(crate) fn named(meta: &ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
        generation: meta.generation,
        ..ObjectMeta::default()
    }
}

impl Pattern {
    pub(crate) fn pack(&mut self, text: &[u8]) -> Packed {
        let mut packed = Packed::of(text, self.text.clone());
        if packed.bytes.len() > text.len() / ALIKE && self.renewed < RENEWALS {
            self.renewed += 1;
            self.text = text.into();
            packed = Packed::of(text, self.text.clone());
        }
        packed
    }
}

impl Packed {
    fn of(text: &[u8], against: Arc<[u8]>) -> Self {
        Self { bytes: compress_with_dict(text, &against).into(), length: text.len(), against }
    }

    /// What was packed.
    pub(crate) fn open<T: DeserializeOwned>(&self) -> T {
        let text = decompress_with_dict(&self.bytes, self.length, &self.against).expect("it was packed here");
        serde_json::from_slice(&text).expect("it was JSON")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn role(name: &str) -> (Value, Value) {
        let rules = json!([{"apiGroups": ["realtime-operator.dev"], "resources": ["realtimeservices"], "resourceNames": [name],
            "verbs": ["get", "list", "watch"]}]);
        let labels = json!({"app.kubernetes.io/instance": name, "app.kubernetes.io/managed-by": "realtime-operator"});
        let object =
            json!({"kind": "Role", "metadata": {"name": format!("{name}-server"), "labels": labels}, "rules": rules});
        let labels = json!({"f:app.kubernetes.io/instance": {}, "f:app.kubernetes.io/managed-by": {}});
        (object, json!({"f:metadata": {"f:labels": labels}, "f:rules": {}}))
    }

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        let mut pattern = Pattern::default();
        for name in ["chat", "lobby", "a-name-that-is-longer-than-the-others"] {
            let (object, owned) = role(name);
            assert_eq!(pattern.pack(&text(&(&object, &owned))).open::<(Value, Value)>(), (object, owned));
        }
        let empty = (json!({}), Value::Null);
        assert_eq!(pattern.pack(&text(&empty)).open::<(Value, Value)>(), empty);
    }

    #[test]
    fn of_children_that_are_alike_only_the_difference_is_kept() {
        let mut pattern = Pattern::default();
        let mut pack = |name: &str| {
            let (object, owned) = role(name);
            pattern.pack(&text(&(&object, &owned)))
        };
        pack("chat");
        let second = pack("lobby");
        assert!(second.bytes.len() < second.length / 5, "{} of {}", second.bytes.len(), second.length);
    }

    #[test]
    fn a_new_shape_becomes_the_pattern_and_what_was_packed_before_still_opens() {
        let mut pattern = Pattern::default();
        let (object, owned) = role("chat");
        let before = pattern.pack(&text(&(&object, &owned)));
        let other =
            json!({"data": (0..50).map(|number| json!({"key": number, "value": number * 7919})).collect::<Vec<_>>()});
        pattern.pack(&text(&(&other, Value::Null)));
        let again = pattern.pack(&text(&(&other, Value::Null)));
        assert!(again.bytes.len() < again.length / 5, "{} of {}", again.bytes.len(), again.length);
        assert_eq!(before.open::<(Value, Value)>(), (object, owned));
    }

    #[test]
    fn shapes_that_alternate_do_not_make_a_pattern_each() {
        let mut pattern = Pattern::default();
        for number in 0..1000_u64 {
            let noise: Vec<_> = (0..40).map(|it| (it + 40 * number).wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
            assert_eq!(pattern.pack(&text(&json!(noise))).open::<Value>(), json!(noise));
        }
        assert_eq!(pattern.renewed, RENEWALS);
    }
}
