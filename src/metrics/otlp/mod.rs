//! Sends traces and metrics to an OpenTelemetry collector, over HTTP, as protobuf.
//!
//! A run is never held up or failed by that: an `Exporter` has a thread and a bounded queue of its own, drops what there is
//! no room for, and the end of a run waits for it for two seconds at most. What went wrong is counted and told
//! once, and the next run begins with what this one has seen of the collector. `delivery` says in a plain function what follows from an answer, `breaker` when nothing more is tried for a while.

pub mod breaker;
pub mod delivery;
pub mod encode;
pub mod exporter;
