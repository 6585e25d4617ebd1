//! The addresses in a Service's EndpointSlices, by watch: also of pods that are not ready, or on their way out, since their sessions
//! are there.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures::{StreamExt, pin_mut};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{
    Api, Client, ResourceExt,
    runtime::watcher::{self, Event},
};
use tokio::time;

use super::table::Addresses;

/// After an error the API is asked again after a pause that doubles from this …
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
/// … to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

pub(super) async fn follow(client: Client, namespace: String, service: String, port: u16, mut addresses: Addresses) {
    let api: Api<EndpointSlice> = Api::namespaced(client, &namespace);
    let of_service = watcher::Config::default().labels(&format!("kubernetes.io/service-name={service}"));
    let mut pause = SHORTEST_PAUSE;
    while addresses.are_of_use() {
        let mut slices: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        let mut is_listed = false;
        let events = watcher::watcher(api.clone(), of_service.clone());
        pin_mut!(events);
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => {
                    slices.clear();
                    is_listed = false;
                }
                Ok(Event::InitApply(slice) | Event::Apply(slice)) => {
                    slices.insert(slice.name_any(), in_slice(&slice));
                }
                Ok(Event::Delete(slice)) => drop(slices.remove(&slice.name_any())),
                Ok(Event::InitDone) => is_listed = true,
                Err(error) => {
                    tracing::warn!(%error, service, "failed to watch EndpointSlices; the replicas that are known stay");
                    break;
                }
            }
            if is_listed {
                pause = SHORTEST_PAUSE;
                let ips: BTreeSet<_> = slices.values().flatten().map(|ip| SocketAddr::new(*ip, port)).collect();
                addresses.are(ips);
            }
        }
        time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn in_slice(slice: &EndpointSlice) -> Vec<IpAddr> {
    let endpoints = slice.endpoints.iter().flatten();
    endpoints.flat_map(|endpoint| &endpoint.addresses).filter_map(|address| address.parse().ok()).collect()
}
