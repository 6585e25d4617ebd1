//! What plain HTTP gets.

use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;

use super::{Class, SyncError};
use crate::{
    gke::FrontendConfigSpec,
    model::{PlainHttp, RedirectCode},
    snapshot::Snapshot,
};

const FRONTEND_CONFIG: &str = "networking.gke.io/v1beta1.FrontendConfig";
const ALLOW_HTTP: &str = "kubernetes.io/ingress.allow-http";

pub(crate) fn plain_http(
    ingress: &Ingress,
    namespace: &str,
    class: Class,
    has_tls: bool,
    snapshot: &Snapshot,
) -> Result<PlainHttp, SyncError> {
    let annotations = ingress.annotations();
    if !class.is_gke() {
        return Ok(PlainHttp::Served);
    }
    let redirect = match annotations.get(FRONTEND_CONFIG) {
        None => None,
        Some(name) => {
            let config = snapshot.frontend_config(namespace, name);
            redirect(name, config.ok_or_else(|| SyncError::NoFrontendConfig(name.clone()))?, class)?
        }
    };
    let is_allowed = annotations.get(ALLOW_HTTP).is_none_or(|value| value != "false");
    match (is_allowed, has_tls) {
        (false, false) => Err(SyncError::NothingToServe),
        (false, true) => Ok(PlainHttp::Off),
        (true, true) if class == Class::GceInternal => Err(SyncError::HttpBesideHttps),
        (true, _) => Ok(redirect.map_or(PlainHttp::Served, PlainHttp::Redirected)),
    }
}

fn redirect(name: &str, config: &FrontendConfigSpec, class: Class) -> Result<Option<RedirectCode>, SyncError> {
    let Some(redirect) = config.redirect_to_https.as_ref().filter(|redirect| redirect.enabled) else {
        return Ok(None);
    };
    if class == Class::GceInternal {
        return Err(SyncError::RedirectOnInternal(name.to_owned()));
    }
    match redirect.response_code_name.as_deref().unwrap_or_default() {
        "" | "MOVED_PERMANENTLY_DEFAULT" => Ok(Some(RedirectCode::MovedPermanently)),
        "FOUND" => Ok(Some(RedirectCode::Found)),
        "SEE_OTHER" => Ok(Some(RedirectCode::SeeOther)),
        "TEMPORARY_REDIRECT" => Ok(Some(RedirectCode::TemporaryRedirect)),
        "PERMANENT_REDIRECT" => Ok(Some(RedirectCode::PermanentRedirect)),
        other => Err(SyncError::BadRedirectCode { config: name.to_owned(), code: other.to_owned() }),
    }
}
