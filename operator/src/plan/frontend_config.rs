//! Google's load balancer frontend: which TLS it speaks, and whether http is sent to https.

use realtime_crds::{
    ValidService,
    foreign::{
        FrontendConfig, FrontendConfigSpec,
        frontend_config::{RedirectCode, RedirectToHttps},
    },
    v1alpha1::{GkeClass, GkeExposure},
};

use super::names::{Names, metadata};

/// None where there is no https to speak of, and for the internal load balancer, which takes none.
pub(crate) fn build(service: &ValidService, gke: &GkeExposure) -> Option<FrontendConfig> {
    if gke.class != GkeClass::Gce || !gke.has_certificate() {
        return None;
    }
    let spec = FrontendConfigSpec {
        // Explicitly empty: a policy that is taken away here would stay.
        ssl_policy: Some(gke.ssl_policy.clone().unwrap_or_default()),
        redirect_to_https: Some(RedirectToHttps {
            enabled: gke.redirect_to_https,
            // With the others a polling POST would come back as a GET.
            response_code_name: gke.redirect_to_https.then_some(RedirectCode::PermanentRedirect),
        }),
    };
    let mut config = FrontendConfig::new("", spec);
    config.metadata = metadata(service, Names::of(service).main());
    Some(config)
}
