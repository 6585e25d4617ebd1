//! I/O: writes what it would cost to take a pod away, before anything is applied that may take one.

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    controller::Context,
    fleet::cost,
    inputs::Inputs,
    metrics::Verb,
    plan::{Kind, MANAGER, Plan},
    request::Request,
};

/// Writes the costs that are due. One that cannot be written is no reason to hold anything up: some other pod goes first.
pub(crate) async fn write(ctx: &Context, inputs: &Inputs, are_fewer_wanted: bool) {
    let namespace = inputs.service.namespace().expect("RealtimeService is namespaced");
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), &namespace);
    for (name, pod, cost) in cost::due(&inputs.pods, are_fewer_wanted) {
        let patch = json!({
            "apiVersion": "v1", "kind": "Pod",
            // Never another pod that came by the same name, and never a new one.
            "metadata": {"name": name, "uid": pod.uid, "annotations": {cost::ANNOTATION: cost.to_string()}},
        });
        let (manager, patch) = (PatchParams::apply(MANAGER).force(), Patch::Apply(&patch));
        let request = Request { verb: Verb::Apply, kind: "Pod", name };
        match request.send(&ctx.metrics, api.patch(name, &manager, &patch)).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
            Err(error) => tracing::warn!(pod = name, %error, "failed to write what it costs to take a pod away"),
        }
    }
}

/// Whether the apply of this plan takes pods away.
pub(crate) fn are_fewer_wanted(inputs: &Inputs, plan: &Plan) -> bool {
    let wanted = plan.deployment.spec.replicas;
    let live = inputs.live.iter().find(|((kind, _), _)| *kind == Kind::Deployment);
    let there = live.and_then(|(_, live)| live.object["spec"]["replicas"].as_i64());
    matches!((wanted, there), (Some(wanted), Some(there)) if i64::from(wanted) < there)
}
