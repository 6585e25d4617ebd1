//! The load decides on the number of pods.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget, ResourceMetricSource,
};
use realtime_crds::{ValidService, v1alpha1::Autoscaling};

use super::{
    names::{Names, metadata},
    timeouts::Budget,
};

/// Longest that Kubernetes lets a policy look back, in seconds.
const PERIOD_LIMIT_SEC: u64 = 1800;
/// Longest stabilisation window that Kubernetes takes, in seconds.
const WINDOW_LIMIT_SEC: u64 = 3600;
/// Kubernetes' own default for scaling in.
const WINDOW_SEC: u64 = 300;

pub(crate) fn build(service: &ValidService, budget: &Budget) -> Option<HorizontalPodAutoscaler> {
    let scale = service.spec().workload.autoscaling.as_ref()?;
    let name = Names::of(service).main();
    Some(HorizontalPodAutoscaler {
        metadata: metadata(service, name.clone()),
        spec: HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "Deployment".to_owned(),
                name,
            },
            min_replicas: Some(scale.min_replicas),
            max_replicas: scale.max_replicas,
            metrics: Some(metrics(scale)),
            behavior: Some(HorizontalPodAutoscalerBehavior { scale_down: Some(scale_in(budget)), scale_up: None }),
        },
        status: None,
    })
}

fn metrics(scale: &Autoscaling) -> Vec<MetricSpec> {
    let metric = |name: &str, share: i32| MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource {
            name: name.to_owned(),
            target: MetricTarget {
                type_: "Utilization".to_owned(),
                average_utilization: Some(share),
                ..MetricTarget::default()
            },
        }),
        ..MetricSpec::default()
    };
    [scale.cpu.map(|share| metric("cpu", share)), scale.memory.map(|share| metric("memory", share))]
        .into_iter()
        .flatten()
        .collect()
}

/// One pod at a time, and the next when the first has moved its connections away: they land on pods that stay.
fn scale_in(budget: &Budget) -> HPAScalingRules {
    let away = budget.detach_sec + budget.drain_sec;
    HPAScalingRules {
        stabilization_window_seconds: Some(narrow(away.clamp(WINDOW_SEC, WINDOW_LIMIT_SEC))),
        select_policy: Some("Min".to_owned()),
        policies: Some(vec![HPAScalingPolicy {
            type_: "Pods".to_owned(),
            value: 1,
            period_seconds: narrow(away.clamp(1, PERIOD_LIMIT_SEC)),
        }]),
        ..HPAScalingRules::default()
    }
}

fn narrow(seconds: u64) -> i32 {
    i32::try_from(seconds).unwrap_or(i32::MAX)
}
