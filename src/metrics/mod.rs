//! What the numbers say: events -> measurements, registry, exporters.
//!
//! All that is counted follows from recorded events, so it is true of past runs too; what stands open now (`current`) is
//! looked up when somebody asks. Nothing here is asked by a run that is carried out, so that measuring never holds one up.
//!
//! # How it works
//!
//! `names` is the one table of all metrics. A `measure::Meter` follows one run and turns each of its events into
//! measurements; a `registry::Registry` adds them up, and its snapshot is what is shown and exported. The events of ended
//! runs are not read again and again: what they come to is kept in the store by the hour (`reading`). `quality` and
//! `comparing` say what that means; `text`, `serve`, `files` and `otlp` hand it to other programs. `trace` makes spans of the
//! same events.

pub mod comparing;
pub mod current;
mod event_text;
pub mod files;
pub mod measure;
pub mod names;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod quality;
pub mod reading;
pub mod registry;
pub mod serve;
pub mod text;
#[cfg(feature = "otlp")]
pub mod trace;
