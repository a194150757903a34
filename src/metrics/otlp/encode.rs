//! Spans and snapshots as the messages of OTLP.

use super::super::names::{Kind, Metric, Unit};
use super::super::registry::{Series, Snapshot, Value as Measured};
use super::super::trace::{Attribute, Happened, Span, Value};
use crate::domain::time::Time;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as trace;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Status, span, status};

/// The flag of W3C that says that a span is kept.
const SAMPLED: u32 = 1;

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The name of the repository's folder.
    pub repository: String,
    /// Tells this repository on this machine apart from all others; says nothing else.
    pub instance: String,
}

impl Sender {
    fn resource(&self) -> Resource {
        let text = |text: &str| any_value::Value::StringValue(text.to_owned());
        let attributes = [
            ("service.name", text("crew")),
            ("service.version", text(env!("CARGO_PKG_VERSION"))),
            ("service.instance.id", text(&self.instance)),
            ("vcs.repository.name", text(&self.repository)),
        ];
        let attributes = attributes.into_iter().map(|(key, value)| pair(key, value)).collect();
        Resource { attributes, ..Resource::default() }
    }
}

fn pair(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn pairs(attributes: &[Attribute]) -> Vec<KeyValue> {
    let value = |value: &Value| match value {
        Value::Text(text) => any_value::Value::StringValue(text.clone()),
        Value::Whole(number) => any_value::Value::IntValue(*number),
        Value::Decimal(number) => any_value::Value::DoubleValue(*number),
        Value::Flag(flag) => any_value::Value::BoolValue(*flag),
    };
    attributes.iter().map(|(key, said)| pair(key, value(said))).collect()
}

fn scope() -> InstrumentationScope {
    let (name, version) = ("crew".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    InstrumentationScope { name, version, ..InstrumentationScope::default() }
}

fn nanos(at: Time) -> u64 {
    u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000_000)
}

/// Returns the message that holds these spans.
pub fn traces(sender: &Sender, spans: &[Span]) -> ExportTraceServiceRequest {
    let scope_spans = ScopeSpans {
        scope: Some(scope()),
        spans: spans.iter().map(encoded_span).collect(),
        schema_url: String::new(),
    };
    let resource_spans = ResourceSpans {
        resource: Some(sender.resource()),
        scope_spans: vec![scope_spans],
        schema_url: String::new(),
    };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}

fn encoded_span(span: &Span) -> trace::Span {
    let event = |happened: &Happened| span::Event {
        time_unix_nano: nanos(happened.at),
        name: happened.name.to_owned(),
        attributes: pairs(&happened.attributes),
        dropped_attributes_count: 0,
    };
    let link = |id: &crate::domain::trace_context::SpanId| span::Link {
        trace_id: span.trace.bytes().to_vec(),
        span_id: id.bytes().to_vec(),
        flags: SAMPLED,
        ..span::Link::default()
    };
    let status = match &span.error {
        Some(message) => Status { message: message.clone(), code: status::StatusCode::Error as i32 },
        None => Status { message: String::new(), code: status::StatusCode::Unset as i32 },
    };
    trace::Span {
        trace_id: span.trace.bytes().to_vec(),
        span_id: span.id.bytes().to_vec(),
        parent_span_id: span.parent.map(|id| id.bytes().to_vec()).unwrap_or_default(),
        flags: SAMPLED,
        name: span.name.clone(),
        kind: span::SpanKind::Internal as i32,
        start_time_unix_nano: nanos(span.begin),
        end_time_unix_nano: nanos(span.end),
        attributes: pairs(&span.attributes),
        events: span.happened.iter().map(event).collect(),
        dropped_events_count: span.dropped,
        links: span.links.iter().map(link).collect(),
        status: Some(status),
        ..trace::Span::default()
    }
}

/// Returns the message that holds a snapshot of all that was ever counted, `since` the first of it.
pub fn metrics(sender: &Sender, snapshot: &Snapshot, since: Time) -> ExportMetricsServiceRequest {
    let times = (nanos(since), nanos(snapshot.at));
    let metrics = Metric::ALL.iter().filter_map(|metric| {
        let series: Vec<&Series> = snapshot.of(*metric).collect();
        (!series.is_empty()).then(|| encoded_metric(*metric, &series, times))
    });
    let scope_metrics =
        ScopeMetrics { scope: Some(scope()), metrics: metrics.collect(), schema_url: String::new() };
    let resource_metrics = ResourceMetrics {
        resource: Some(sender.resource()),
        scope_metrics: vec![scope_metrics],
        schema_url: String::new(),
    };
    ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] }
}

/// Returns how many series a message holds.
pub fn count_of(snapshot: &Snapshot) -> u64 {
    snapshot.series.len() as u64
}

fn encoded_metric(metric: Metric, series: &[&Series], times: (u64, u64)) -> metrics::Metric {
    let spec = metric.spec();
    // All is counted from the first event on, whoever asks: so it is cumulative, and a message that is lost loses nothing.
    let cumulative = AggregationTemporality::Cumulative as i32;
    let data = match spec.kind {
        Kind::Counter => metrics::metric::Data::Sum(metrics::Sum {
            data_points: series.iter().map(|series| number(series, times)).collect(),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        Kind::Gauge => metrics::metric::Data::Gauge(metrics::Gauge {
            data_points: series.iter().map(|series| number(series, (0, times.1))).collect(),
        }),
        Kind::Histogram => metrics::metric::Data::Histogram(metrics::Histogram {
            data_points: series.iter().map(|series| histogram(series, spec.buckets, times)).collect(),
            aggregation_temporality: cumulative,
        }),
    };
    metrics::Metric {
        name: spec.name.to_owned(),
        description: spec.help.to_owned(),
        unit: unit(metric).to_owned(),
        metadata: Vec::new(),
        data: Some(data),
    }
}

/// Returns a unit as UCUM writes it; what stands in braces is only counted. A gauge without one, `1`, is taken for a ratio by
/// those who translate names for Prometheus.
fn unit(metric: Metric) -> &'static str {
    match metric {
        Metric::RunsOpen => return "{run}",
        Metric::TasksOpen | Metric::DeadLettersOpen => return "{task}",
        Metric::GatesOpen => return "{gate}",
        Metric::HeartbeatLevel => return "{attempt}",
        Metric::Cut => return "{series}",
        _ => {}
    }
    match metric.spec().unit {
        Unit::Total | Unit::Count => "1",
        Unit::Ms => "ms",
        Unit::Tokens => "{token}",
        Unit::Microusd => "{microusd}",
        Unit::Bytes => "By",
        Unit::Lines => "{line}",
    }
}

fn labels(series: &Series) -> Vec<KeyValue> {
    series.named().map(|(name, value)| pair(name, any_value::Value::StringValue(value.to_owned()))).collect()
}

fn number(series: &Series, (begin, at): (u64, u64)) -> metrics::NumberDataPoint {
    let value = match &series.value {
        Measured::Gauge(value) => *value,
        other => i64::try_from(other.amount()).unwrap_or(i64::MAX),
    };
    metrics::NumberDataPoint {
        attributes: labels(series),
        start_time_unix_nano: begin,
        time_unix_nano: at,
        value: Some(metrics::number_data_point::Value::AsInt(value)),
        ..metrics::NumberDataPoint::default()
    }
}

fn histogram(series: &Series, bounds: &[u64], (begin, at): (u64, u64)) -> metrics::HistogramDataPoint {
    let Measured::Histogram(histogram) = &series.value else {
        return metrics::HistogramDataPoint::default();
    };
    metrics::HistogramDataPoint {
        attributes: labels(series),
        start_time_unix_nano: begin,
        time_unix_nano: at,
        count: histogram.count(),
        sum: Some(histogram.sum as f64),
        bucket_counts: histogram.counts.clone(),
        // Without the last one, which has none.
        explicit_bounds: bounds.iter().map(|bound| *bound as f64).collect(),
        ..metrics::HistogramDataPoint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gauge_is_taken_for_a_ratio() {
        for metric in Metric::ALL.iter().filter(|metric| metric.spec().kind == Kind::Gauge) {
            assert_ne!(unit(*metric), "1", "{}", metric.name());
        }
        assert_eq!((unit(Metric::RunsOpen), unit(Metric::RunEnded)), ("{run}", "1"));
    }
}
