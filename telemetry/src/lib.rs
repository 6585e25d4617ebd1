//! What the operator and the server tell about themselves, beside their own metrics: log lines, traces, and the numbers of
//! their process.
//!
//! Spans bear the target [`SPANS`] and are seen by the exporter of traces alone. Without one nobody is interested in them, and
//! a span costs a look at one number.

mod export;
pub mod process;
mod send;

use std::{error, io::IsTerminal, time::Duration};

use clap::Args;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use tokio::{runtime::Handle, task};
use tracing::Metadata;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, LevelFilter, filter_fn},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// Target of the spans that traces consist of: `tracing::info_span!(target: realtime_telemetry::SPANS, …)`.
pub const SPANS: &str = "realtime::spans";

/// The last spans have this long to leave when the program ends.
const FAREWELL: Duration = Duration::from_secs(3);

/// An error with its causes, for a line of a log: the outermost alone often says no more than "client error".
#[must_use]
pub fn with_causes(error: &(dyn error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(&format!(": {error}"));
        cause = error.source();
    }
    words
}

/// Options of traces, for a command line.
#[derive(Clone, Debug, Default, Args)]
pub struct Traces {
    /// OTLP receiver that traces are sent to (HTTP, protobuf), e.g. http://collector:4318; /v1/traces is appended. Default: none are made.
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
}

/// Who tells.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// How log lines look, and which there are. They go to standard error.
#[derive(Debug)]
pub struct Log {
    /// Which there are.
    pub filter: EnvFilter,
    /// One JSON object a line, for machines; else for people.
    pub json: bool,
    /// Whether lines for people name the part of the program that they come from.
    pub targets: bool,
}

/// Why a program cannot tell about itself as it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The endpoint is none.
    #[error("--otlp-endpoint {0:?} is no URL of http or https")]
    Endpoint(String),
    /// The system trusts nobody.
    #[error("--otlp-endpoint is https, and the system has no CA roots")]
    Roots(#[source] std::io::Error),
    /// OpenTelemetry refuses the settings.
    #[error("traces cannot be sent")]
    Exporter(#[from] ExporterBuildError),
    /// A process logs in one way.
    #[error("logging was started already")]
    Twice,
}

/// Traces on their way; without an endpoint, nothing.
#[derive(Debug)]
#[must_use = "the last spans leave when it is told of the end"]
pub struct Running(Option<SdkTracerProvider>);

/// Starts logging and, where there is an endpoint, tracing. Spans are sent on `runtime`.
///
/// # Errors
/// When the options do not go together with this system.
pub fn start(program: Program, log: Log, traces: &Traces, runtime: &Handle) -> Result<Running, Error> {
    // An empty variable means none, as a chart writes it.
    let endpoint = traces.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty() && !export::is_disabled());
    let provider = endpoint.map(|endpoint| export::provider(program, endpoint, runtime)).transpose()?;
    let tracer = provider.as_ref().map(|provider| provider.tracer(program.name));
    let lines = tracing_subscriber::registry().with(lines(log));
    // Not a layer that may be none: such a one makes every span and event that nobody wants ask again each time.
    let started = match tracer {
        Some(tracer) => lines.with(spans(tracer)).try_init(),
        None => lines.try_init(),
    };
    started.map_err(|_| Error::Twice)?;
    Ok(Running(provider))
}

impl Running {
    /// Sends what has not been sent yet.
    pub async fn end(self) {
        let Some(provider) = self.0 else { return };
        let ended = task::spawn_blocking(move || provider.shutdown_with_timeout(FAREWELL)).await;
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

fn is_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == SPANS
}

/// Lines of the exporter for each batch that does not arrive, while `send` says it once and with its cause.
fn is_said_already(metadata: &Metadata<'_>) -> bool {
    metadata.name().starts_with("Export.Failed") || metadata.name() == "BatchSpanProcessor.ExportError"
}

fn lines(log: Log) -> Box<dyn Layer<Registry> + Send + Sync> {
    let Log { filter, json, targets } = log;
    let layer =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let is_wanted = filter_fn(|metadata| !is_span(metadata) && !is_said_already(metadata));
    // Without a hint there is none for both, and each line of a library's that nobody wants is looked at.
    let filter = filter.and(is_wanted.with_max_level_hint(LevelFilter::TRACE));
    match json {
        true => layer.json().flatten_event(true).with_filter(filter).boxed(),
        false => layer.with_target(targets).with_filter(filter).boxed(),
    }
}

fn spans<S>(tracer: Tracer) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    OpenTelemetryLayer::new(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .with_filter(filter_fn(is_span).with_max_level_hint(LevelFilter::INFO))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tracing::{Level, span_enabled};

    use super::*;

    // One after the other: whether a span is wanted is remembered for the whole process.
    #[test]
    fn a_span_is_made_for_an_exporter_and_is_nothing_without() {
        without_an_endpoint_a_span_is_nothing();
        for_an_exporter_a_span_is_made();
    }

    #[test]
    fn what_nobody_wants_is_known_before_anybody_looks_at_it() {
        let few = || Log { filter: EnvFilter::new("info,kube=warn"), json: false, targets: false };
        let subscriber = tracing_subscriber::registry().with(lines(few()));
        assert_eq!(tracing::Subscriber::max_level_hint(&subscriber), Some(LevelFilter::INFO));
        let provider = SdkTracerProvider::builder().build();
        let exporting = tracing_subscriber::registry().with(lines(few())).with(spans(provider.tracer("test")));
        assert_eq!(tracing::Subscriber::max_level_hint(&exporting), Some(LevelFilter::INFO));
    }

    fn without_an_endpoint_a_span_is_nothing() {
        let everything = Log { filter: EnvFilter::new("trace"), json: false, targets: false };
        let subscriber = tracing_subscriber::registry().with(lines(everything));
        tracing::subscriber::with_default(subscriber, || {
            assert!(span_enabled!(target: "elsewhere", Level::TRACE), "the filter lets everything else through");
            assert!(!span_enabled!(target: SPANS, Level::INFO));
            let started = Instant::now();
            for number in 0..1_000_000_u64 {
                let span = tracing::info_span!(target: SPANS, "span", number, text = "text");
                assert!(span.is_disabled());
            }
            eprintln!("a million spans that nobody wants: {:?}", started.elapsed());
        });
    }

    fn for_an_exporter_a_span_is_made() {
        let provider = SdkTracerProvider::builder().build();
        let everything = Log { filter: EnvFilter::new("trace"), json: false, targets: false };
        let subscriber = tracing_subscriber::registry().with(lines(everything)).with(spans(provider.tracer("test")));
        tracing::subscriber::with_default(subscriber, || {
            assert!(span_enabled!(target: SPANS, Level::INFO));
            let span = tracing::info_span!(target: SPANS, "span");
            assert!(!span.is_disabled());
        });
    }
}
