//! Hosts and paths → Envoy's virtual hosts and routes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Front, Input, Kind, duration, listener};
use crate::model::{Affinity, Backend, BackendId, Frontend, Header, PathMatch, PlainHttp, RedirectCode, Route};

const ANY_HOST: &str = "*";
const COOKIE: &str = "GCLB";

type Backends<'a> = BTreeMap<&'a BackendId, &'a Backend>;

pub(super) fn configuration(name: &str, input: &Input<'_>, backends: &Backends<'_>) -> Value {
    let is_plain = name == listener::HTTP;
    let mut hosts: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for frontend in input.frontends {
        let redirect = match frontend.plain_http {
            _ if !is_plain && frontend.certificates.is_empty() => continue,
            PlainHttp::Off if is_plain => continue,
            PlainHttp::Redirected(code) if is_plain => Some(code),
            PlainHttp::Off | PlainHttp::Redirected(_) | PlainHttp::Served => None,
        };
        let with_default = frontend.default_backend.as_ref().map(|_| ANY_HOST);
        for host in frontend.hosts.keys().map(String::as_str).chain(with_default) {
            // Every Ingress of GKE's has an address of its own; here they share one, and the oldest keeps the host.
            hosts.entry(host).or_insert_with(|| match redirect {
                Some(code) => vec![self::redirect(code, input.front)],
                None => routes(frontend, host, backends),
            });
        }
    }
    hosts.entry(ANY_HOST).or_insert_with(|| vec![not_found()]);
    let virtual_hosts =
        hosts.into_iter().map(|(host, routes)| json!({"name": host, "domains": [host], "routes": routes}));
    json!({
        "@type": Kind::Routes.type_url(),
        "name": name,
        "ignore_port_in_host_matching": true,
        "virtual_hosts": virtual_hosts.collect::<Vec<_>>(),
        "request_headers_to_remove": ["x-envoy-external-address"],
        // Google appends the client's address and its own. Envoy would append the client's alone, and its machine's for
        // one on loopback.
        "request_headers_to_add": [{
            "header": {
                "key": "x-forwarded-for",
                "value": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%,%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%",
            },
            "append_action": "APPEND_IF_EXISTS_OR_ADD",
        }],
    })
}

fn routes(frontend: &Frontend, host: &str, backends: &Backends<'_>) -> Vec<Value> {
    let of_host = frontend.hosts.get(host).into_iter().flatten();
    let mut routes: Vec<_> =
        of_host.filter_map(|Route { path, backend: id }| Some(route(path, id, backends.get(id)?))).collect();
    let default = frontend.default_backend.as_ref().and_then(|id| Some((id, backends.get(id)?)));
    routes.push(match default {
        Some((id, backend)) => route(&PathMatch::Below("/".to_owned()), id, backend),
        None => not_found(),
    });
    routes
}

fn route(path: &PathMatch, id: &BackendId, backend: &Backend) -> Value {
    let mut action = json!({
        "cluster": id.to_string(),
        // Counts from the end of a request, so it would never begin for a WebSocket.
        "timeout": "0s",
        "idle_timeout": "0s",
        "retry_policy": {"retry_on": "connect-failure,reset-before-request", "num_retries": 1},
    });
    if let Some(timeout) = backend.timeout {
        action["max_stream_duration"] = json!({"max_stream_duration": duration(timeout)});
    }
    let mut filters = json!({});
    match backend.affinity {
        Affinity::None => {}
        Affinity::ClientIp => {
            action["hash_policy"] = json!([{"connection_properties": {"source_ip": true}}]);
        }
        Affinity::Cookie { ttl } => {
            filters[listener::COOKIE_FILTER] = json!({
                "@type": "type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute",
                "stateful_session": {"session_state": {
                    "name": "envoy.http.stateful_session.cookie",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
                        "cookie": {"name": COOKIE, "path": "/", "ttl": duration(ttl)},
                    },
                }},
            });
        }
    }
    json!({
        "match": matcher(path),
        "route": action,
        "typed_per_filter_config": filters,
        "request_headers_to_add": headers(&backend.request_headers),
        "response_headers_to_add": headers(&backend.response_headers),
    })
}

fn matcher(path: &PathMatch) -> Value {
    match path {
        PathMatch::Exact(path) => json!({"path": path}),
        PathMatch::Segments(path) => json!({"path_separated_prefix": path}),
        PathMatch::Below(path) => json!({"prefix": path}),
    }
}

fn headers(headers: &[Header]) -> Vec<Value> {
    let header = |Header { name, value }: &Header| {
        json!({
            "header": {"key": name, "value": value},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            "keep_empty_value": true,
        })
    };
    headers.iter().map(header).collect()
}

fn redirect(code: RedirectCode, front: Front) -> Value {
    let code = match code {
        RedirectCode::MovedPermanently => "MOVED_PERMANENTLY",
        RedirectCode::Found => "FOUND",
        RedirectCode::SeeOther => "SEE_OTHER",
        RedirectCode::TemporaryRedirect => "TEMPORARY_REDIRECT",
        RedirectCode::PermanentRedirect => "PERMANENT_REDIRECT",
    };
    let mut action = json!({"https_redirect": true, "response_code": code});
    if front.https != 443 {
        action["port_redirect"] = front.https.into();
    }
    json!({"match": {"prefix": "/"}, "redirect": action})
}

fn not_found() -> Value {
    json!({
        "match": {"prefix": "/"},
        "direct_response": {"status": 404, "body": {"inline_string": "default backend - 404\n"}},
    })
}
