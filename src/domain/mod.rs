//! What crew knows and decides.
//!
//! Plain functions and values: `now` is an argument, and nothing here touches files, the clock, processes or the
//! environment. That is what lets every rule be tested in a few lines.
#![deny(clippy::disallowed_methods)]

pub mod budget;
pub mod cancelling;
pub mod cleanup;
pub mod clocks;
pub mod conflict;
pub mod context;
#[cfg(test)]
mod day_tests;
pub mod dead_letter;
pub mod error_kind;
pub mod event;
pub mod explanation;
pub mod finding;
pub mod gate;
pub mod id;
pub mod imported;
pub mod judgement;
pub mod links;
pub mod liveness;
pub mod log_filter;
pub mod merging;
#[cfg(test)]
mod model_tests;
pub mod nearest;
pub mod notice;
pub mod person;
pub mod price;
pub mod provider;
pub mod pruning;
pub mod publishing;
pub mod quoted;
pub mod recording;
pub mod recovery;
pub mod redact;
pub mod request;
pub mod requeue;
pub mod resolution;
pub mod resources;
pub mod result_files;
pub mod retry;
pub mod review;
pub mod run;
pub mod schedule;
pub mod searching;
pub mod settings;
pub mod signed;
pub mod submission;
pub mod task;
pub mod telemetry;
pub mod template;
pub mod time;
pub mod tombstone;
pub mod trace_context;
pub mod tree_check;
pub mod turn;
pub mod usage;
pub mod when;
pub mod words;
pub mod worktree;
