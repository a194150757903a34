//! What is running now.
//!
//! The dispatcher owns the run's state. Children, timers and signals send it messages; it asks `domain` what follows,
//! records it, and only then acts. Nothing else changes state, so the order in the log is the order in which things
//! happened.
//!
//! # How it works
//!
//! A child may start only after the dispatcher has recorded its start. Each child is started and waited for by a slot,
//! a thread that does nothing else; there are as many slots as tasks at once. What one turn of the loop decides is
//! written in one transaction, then acted upon. The first ctrl-C asks children to end and starts nothing new; the
//! second kills their groups; the third leaves at once.

pub mod accepted_work;
pub mod adopted;
pub mod attempt;
pub mod bell;
pub mod branch_work;
pub mod child;
pub mod clock;
pub mod dead_letters;
pub mod dispatcher;
pub mod end_merge;
pub mod environment;
pub mod folder;
pub mod forecast;
pub mod handed_in_files;
pub mod inbox_watch;
pub mod kept_output;
pub mod launch;
pub mod left_at_work;
pub mod left_folder;
pub mod left_resolvers;
pub mod lines;
pub mod looking_on;
pub mod machine;
pub mod marks;
pub mod merge_checks;
pub mod merge_work;
pub mod notifier;
pub mod own_tree;
pub mod pipe_watch;
pub mod process;
pub mod recorder;
pub mod requests;
pub mod review_rules;
pub mod reviewing;
pub mod signals;
pub mod slots;
pub mod summary;
pub mod version;
pub mod worktree_setup;
