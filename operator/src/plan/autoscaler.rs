//! CPU or memory decides on the number of pods.

use std::time::Duration;

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget, ResourceMetricSource,
};
use realtime_crds::{ValidService, v1alpha1::Autoscaling};

use super::{
    names::{Names, metadata},
    pace::{PODS_A_PERIOD, Pace},
    timeouts::Budget,
};

pub(crate) fn build(service: &ValidService, budget: &Budget) -> Option<HorizontalPodAutoscaler> {
    // Connections are counted by the operator itself, and nobody else decides then.
    let scale = service.spec().workload.autoscaling.as_ref().filter(|scale| scale.connections_per_replica.is_none())?;
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
            behavior: Some(HorizontalPodAutoscalerBehavior {
                scale_down: Some(scale_in(Pace::of(budget))),
                scale_up: None,
            }),
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

fn scale_in(Pace { window, period }: Pace) -> HPAScalingRules {
    HPAScalingRules {
        stabilization_window_seconds: Some(narrow(window)),
        select_policy: Some("Min".to_owned()),
        policies: Some(vec![HPAScalingPolicy {
            type_: "Pods".to_owned(),
            value: PODS_A_PERIOD,
            period_seconds: narrow(period),
        }]),
        ..HPAScalingRules::default()
    }
}

fn narrow(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}
