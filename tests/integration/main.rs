//! Tests of crew as its users meet it: through the binary, with agents that are real processes.

#[path = "../support/mod.rs"]
mod support;

mod agents_that_misbehave;
mod generated_files;
mod layering;
mod run;
