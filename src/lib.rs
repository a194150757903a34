//! crew runs teams of coding agents on a git repository, and checks what they say.
//!
//! The rooms, from the ground up. A room uses only rooms above it in this list; `tests/integration/layering.rs` holds
//! the table.

// What crew knows and decides: no files, clock, processes, environment.
pub mod domain;

// What is on disk under `.crew`.
pub mod store;

// What happens in git.
pub mod workspace;

// How each agent is spoken to.
pub mod agents;

// Who checks the work.
pub mod review;

// The agent that ships inside the binary.
pub mod builtin;

// What is running now.
pub mod runner;

// Whether agents behave as crew expects, tried without a model.
pub mod conformance;

// What the numbers say.
pub mod metrics;
// What people see.
pub mod ui;

// What leaves: a run as a file.
pub mod export;

// What the user can ask.
pub mod commands;
