//! The two listeners. They are there from the start and never replaced: a listener that is replaced cuts its connections.
//! What changes are parts of their own: routes, and each certificate. A certificate for other names is another filter
//! chain; Envoy leaves the connections of the chains that stay alone.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use serde_json::{Value, json};

use super::{Input, Key, KeyPair, Kind, Part, source};

pub(super) const HTTP: &str = "http";
pub(super) const HTTPS: &str = "https";
pub(super) const COOKIE_FILTER: &str = "envoy.filters.http.stateful_session";
const DEFAULT: &str = "default";

pub(super) fn listeners(input: &Input<'_>) -> Vec<Value> {
    let mut taken = BTreeSet::new();
    let mut chains = Vec::new();
    for certificate in input.certificates {
        // No two chains may be for one name; the oldest keeps it.
        let named = certificate.names.iter().filter(|name| is_server_name(name));
        let names: Vec<_> = named.filter(|name| taken.insert(name.to_lowercase())).collect();
        if !names.is_empty() {
            let id = certificate_id(&certificate.names);
            chains.push(json!({
                "name": id,
                "filter_chain_match": {"server_names": names},
                "transport_socket": tls(&id),
                "filters": [http_connection_manager(HTTPS)],
            }));
        }
    }
    let plain = json!({
        "@type": Kind::Listeners.type_url(),
        "name": HTTP,
        "address": address(input, input.front.http),
        "enable_reuse_port": false,
        "filter_chains": [{"name": DEFAULT, "filters": [http_connection_manager(HTTP)]}],
    });
    let secure = json!({
        "@type": Kind::Listeners.type_url(),
        "name": HTTPS,
        "address": address(input, input.front.https),
        "enable_reuse_port": false,
        "listener_filters": [{
            "name": "envoy.filters.listener.tls_inspector",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
            },
        }],
        "filter_chains": chains,
        "default_filter_chain": {
            "name": DEFAULT,
            "transport_socket": tls(DEFAULT),
            "filters": [http_connection_manager(HTTPS)],
        },
    });
    vec![plain, secure]
}

pub(super) fn certificates(input: &Input<'_>) -> Vec<Part> {
    let part = |id: &str, KeyPair { chain, key }: &KeyPair| Part {
        key: Key::one(Kind::Certificates, id),
        stat: None,
        resources: vec![json!({
            "@type": Kind::Certificates.type_url(),
            "name": id,
            "tls_certificate": {"certificate_chain": {"inline_string": chain}, "private_key": {"inline_string": key}},
        })],
    };
    let named = input.certificates.iter().map(|named| part(&certificate_id(&named.names), &named.pair));
    std::iter::once(part(DEFAULT, input.default_certificate)).chain(named).collect()
}

/// Envoy refuses the whole listener for a wildcard elsewhere than in front.
fn is_server_name(name: &str) -> bool {
    let rest = name.strip_prefix("*.").unwrap_or(name);
    !rest.is_empty() && !rest.contains('*')
}

/// The same for the same names, so that another certificate for them changes no listener.
fn certificate_id(names: &[String]) -> String {
    let mut hasher = DefaultHasher::new();
    names.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn address(input: &Input<'_>, port: u16) -> Value {
    json!({"socket_address": {"address": input.front.address.to_string(), "port_value": port}})
}

fn tls(id: &str) -> Value {
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificate_sds_secret_configs": [{"name": id, "sds_config": source()}],
            },
        },
    })
}

fn http_connection_manager(name: &str) -> Value {
    let bad_gateway = |status: u16| {
        json!({
            "filter": {"status_code_filter": {"comparison": {
                "op": "EQ", "value": {"default_value": status, "runtime_key": format!("local_reply_{status}")},
            }}},
            "status_code": 502,
        })
    };
    json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": name,
            "rds": {"route_config_name": name, "config_source": source()},
            "upgrade_configs": [{"upgrade_type": "websocket"}],
            "use_remote_address": true,
            "skip_xff_append": true,
            "via": "1.1 google",
            "server_header_transformation": "PASS_THROUGH",
            "generate_request_id": false,
            // The backend's timeout is the only one that counts for a stream.
            "stream_idle_timeout": "0s",
            "request_timeout": "0s",
            "common_http_protocol_options": {"idle_timeout": "610s"},
            // How long Envoy would wait for a client to close first; what is cut is to be cut now.
            "delayed_close_timeout": "0.1s",
            // Google's own answer for a backend that does not answer, closes, or is not there.
            "local_reply_config": {"mappers": [bad_gateway(503), bad_gateway(504)]},
            "http_filters": [
                {
                    "name": COOKIE_FILTER,
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession",
                    },
                },
                {
                    "name": "envoy.filters.http.router",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                        "suppress_envoy_headers": true,
                    },
                },
            ],
        },
    })
}
