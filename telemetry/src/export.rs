//! Where spans go: in batches, by OTLP over HTTP.

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    resource::{EnvResourceDetector, TelemetryResourceDetector},
    trace::SdkTracerProvider,
};
use tokio::runtime::Handle;

use crate::{Error, Program, send};

/// Whether OpenTelemetry's own switch is off, whatever the endpoint.
pub(crate) fn is_disabled() -> bool {
    std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"))
}

/// What OpenTelemetry's own variables say beside the endpoint counts: `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER`,
/// `OTEL_BSP_*`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SERVICE_NAME`.
pub(crate) fn provider(program: Program, endpoint: &str, runtime: &Handle) -> Result<SdkTracerProvider, Error> {
    let url = url(endpoint)?;
    let exporter =
        SpanExporter::builder().with_http().with_endpoint(url.to_string()).with_protocol(Protocol::HttpBinary);
    let exporter = if url.scheme_str() == Some("https") {
        exporter.with_http_client(send::Sender::new(send::with_tls()?, runtime))
    } else {
        exporter.with_http_client(send::Sender::new(HttpConnector::new(), runtime))
    };
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter.build()?).with_resource(resource(program)).build())
}

fn url(endpoint: &str) -> Result<Uri, Error> {
    let bad = || Error::Endpoint(endpoint.to_owned());
    let url: Uri = format!("{}/v1/traces", endpoint.trim_end_matches('/')).parse().map_err(|_| bad())?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty());
    if is_web { Ok(url) } else { Err(bad()) }
}

/// Who sends; what the environment says comes last, as it counts most.
fn resource(program: Program) -> Resource {
    let named = |key: &'static str, variable: &str| {
        let value = std::env::var(variable).ok().filter(|value| !value.is_empty());
        value.map(|value| KeyValue::new(key, value))
    };
    Resource::builder_empty()
        .with_service_name(program.name)
        .with_attribute(KeyValue::new("service.version", program.version))
        .with_attributes(named("service.instance.id", "HOSTNAME"))
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()))
        .with_attributes(named("service.name", "OTEL_SERVICE_NAME"))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_appended_to_the_endpoint() {
        for (endpoint, expected) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("https://traces.example/otlp", "https://traces.example/otlp/v1/traces"),
        ] {
            assert_eq!(url(endpoint).expect("a URL").to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for endpoint in ["collector:4318", "collector", "grpc://collector:4317", "http://", "http://a b"] {
            assert!(matches!(url(endpoint), Err(Error::Endpoint(_))), "{endpoint}");
        }
    }
}
