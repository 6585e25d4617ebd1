//! A service as it is kept between two looks at it: its names and versions, and all of it as text. As a tree, most of whose
//! places are empty, each would be as large as all its children are in the cache.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use realtime_crds::RealtimeService;
use serde::{Deserialize, Deserializer};

use crate::packed::{Packed, Pattern, named, text};

/// A service that is kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// What names it alone.
    metadata: ObjectMeta,
    packed: Packed,
}

impl Kept {
    pub(crate) fn of(service: &RealtimeService, pattern: &mut Pattern) -> Self {
        Self { metadata: named(&service.metadata), packed: pattern.pack(&text(service)) }
    }

    /// The service.
    pub(crate) fn open(&self) -> RealtimeService {
        self.packed.open()
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RealtimeService::deserialize(deserializer).map(|service| Self::of(&service, &mut Pattern::default()))
    }
}

impl Resource for Kept {
    type DynamicType = ();
    type Scope = <RealtimeService as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        RealtimeService::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        RealtimeService::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        RealtimeService::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        RealtimeService::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// The services of the plan's golden tests, which between them have every field.
    fn services() -> Vec<RealtimeService> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/plan");
        let files = fs::read_dir(folder).expect("golden tests").flatten().map(|file| file.path());
        let inputs = files.filter(|path| path.to_string_lossy().ends_with(".in.yaml"));
        let texts = inputs.map(|path| fs::read_to_string(path).expect("a text"));
        let all = texts.flat_map(|text| serde_saphyr::from_multiple::<serde_json::Value>(&text).expect("YAML"));
        let services = all.filter(|object| object["kind"] == "RealtimeService");
        services.map(|service| serde_json::from_value(service).expect("a service")).collect()
    }

    #[test]
    fn every_service_comes_out_as_it_was() {
        let (services, mut pattern) = (services(), Pattern::default());
        assert!(services.len() > 20, "{}", services.len());
        for service in services {
            let value = |service: &RealtimeService| serde_json::to_value(service).expect("JSON");
            let open = Kept::of(&service, &mut pattern).open();
            assert_eq!(open.spec, service.spec);
            assert_eq!(value(&open), value(&service));
        }
    }
}
