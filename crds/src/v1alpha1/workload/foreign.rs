//! Schemas of Kubernetes' own types, without their descriptions: those are explained where they come from, and would be most
//! of the definition.

use k8s_openapi::api::core::v1::{Toleration, TopologySpreadConstraint};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::narrow;
use crate::schema::without;

/// `1`, `"500m"`, `"1.5Gi"`, `"1e3"`: the grammar of `resource.Quantity`, and nothing below zero.
pub(crate) const QUANTITY: &str = r"^[+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$";

fn stripped<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = T::json_schema(generator);
    if let Some(node) = schema.as_object_mut() {
        node.remove("description");
        node.values_mut().for_each(|value| without(value, "description", Value::is_string));
    }
    schema
}

pub(super) fn plain<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = stripped::<T>(generator);
    narrow::narrow(schema.ensure_object(), &mut Vec::new());
    schema
}

/// Labels. What their keys may be no schema can tell: [`crate::ValidService`] knows.
pub(super) fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": {"type": "string", "pattern": narrow::LABEL_VALUE},
    })
}

fn list_of<T: JsonSchema>(generator: &mut SchemaGenerator, rules: Value) -> Schema {
    let mut items = plain::<T>(generator);
    items.insert("x-kubernetes-validations".to_owned(), rules);
    json_schema!({"type": "array", "items": items})
}

pub(super) fn tolerations(generator: &mut SchemaGenerator) -> Schema {
    list_of::<Toleration>(generator, narrow::toleration())
}

pub(super) fn spread(generator: &mut SchemaGenerator) -> Schema {
    list_of::<TopologySpreadConstraint>(generator, narrow::spread())
}

pub(super) fn map_by_name<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut items = stripped::<T>(generator);
    if let Some(name) =
        items.as_object_mut().and_then(|items| items.get_mut("properties")?.get_mut("name")?.as_object_mut())
    {
        name.insert("minLength".to_owned(), 1.into());
        name.insert("maxLength".to_owned(), 253.into());
        name.insert("pattern".to_owned(), narrow::VARIABLE.into());
    }
    json_schema!({"type": "array", "items": items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]})
}

pub(super) fn quantities(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"x-kubernetes-int-or-string": true, "pattern": QUANTITY, "maxLength": 64},
    })
}
