//! The addresses of a backend.

use std::{collections::BTreeSet, net::SocketAddr};

use serde_json::{Value, json};

use super::Kind;
use crate::model::{Backend, BackendId};

pub(super) fn assignment(id: &BackendId, backend: &Backend, members: &BTreeSet<SocketAddr>) -> Value {
    let fixed_port = backend.health_check.as_ref().and_then(|check| check.port);
    let endpoint = |address: &SocketAddr| {
        // The Host header of the question is the endpoint's address.
        let mut check = json!({"hostname": address.ip().to_string()});
        if let Some(port) = fixed_port {
            check["port_value"] = port.into();
        }
        json!({"endpoint": {
            "address": {"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}},
            "health_check_config": check,
        }})
    };
    json!({
        "@type": Kind::Endpoints.type_url(),
        "cluster_name": id.to_string(),
        "endpoints": [{"lb_endpoints": members.iter().map(endpoint).collect::<Vec<_>>()}],
    })
}
