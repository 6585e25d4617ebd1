//! The account that the pods run as. It is theirs alone, so a token says which service it is.

use k8s_openapi::api::core::v1::ServiceAccount;
use realtime_crds::ValidService;

use super::names::{Names, metadata};

pub(crate) fn build(service: &ValidService) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(service, Names::of(service).server()),
        // Pods that need a token ask for it themselves.
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
