//! Tests of crew as its users meet it: through the binary, with agents that are real processes.

#[path = "../support/mod.rs"]
mod support;

mod agents;
mod agents_that_misbehave;
mod budgets;
mod config;
mod custody;
mod custom_agents;
mod doctor;
mod dry_run;
mod every_event;
mod evidence;
mod forecast;
mod gates;
mod generated_files;
mod handing_in;
mod hands;
mod init;
mod interruption;
mod layering;
mod liveness;
mod many_writers;
mod merge_at_end;
mod merge_resolve;
mod merging;
mod output;
mod pull_requests;
mod reached;
mod real_agents;
mod record;
mod redaction;
mod replay;
mod resources;
mod restore;
mod result_files;
mod run;
mod scheduling;
mod submissions;
mod submit;
mod words;
mod worktree_care;
mod worktree_kills;
mod worktree_plans;
mod worktree_setup;
mod worktrees;
