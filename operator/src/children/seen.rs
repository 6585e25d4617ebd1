//! A child as a watch or an answer shows it. It becomes a text as soon as it was read: a list of hundreds as trees would need more
//! memory for its moment than all that is kept for good.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Resource,
    core::{ApiResource, DynamicObject},
};
use serde::{Deserialize, Deserializer};

use super::Live;
use crate::packed;

/// Names and versions of an object, and the child that it is.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// What names it alone.
    metadata: ObjectMeta,
    pub(super) child: Option<Child>,
}

/// A child of a RealtimeService.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) uid: Box<str>,
    pub(super) resource_version: u64,
    pub(super) owner: (String, String),
    pub(super) deleting: bool,
    pub(super) text: Box<[u8]>,
}

impl Seen {
    pub(crate) fn of(mut object: DynamicObject) -> Self {
        // The items of a list do not say what they are; their kind is known.
        object.types = None;
        let metadata = packed::named(&object.metadata);
        let child = Live::of(object).map(|Live { uid, resource_version, owner, deleting, object, owned }| Child {
            uid: uid.into(),
            resource_version,
            owner,
            deleting,
            text: packed::text(&(&object, &owned)),
        });
        Self { metadata, child }
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DynamicObject::deserialize(deserializer).map(Self::of)
    }
}

impl Resource for Seen {
    type DynamicType = ApiResource;
    type Scope = <DynamicObject as Resource>::Scope;

    fn kind(of: &ApiResource) -> Cow<'_, str> {
        DynamicObject::kind(of)
    }

    fn group(of: &ApiResource) -> Cow<'_, str> {
        DynamicObject::group(of)
    }

    fn version(of: &ApiResource) -> Cow<'_, str> {
        DynamicObject::version(of)
    }

    fn plural(of: &ApiResource) -> Cow<'_, str> {
        DynamicObject::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
