//! What happens in git. The only room that runs git.

pub mod apply;
pub mod base;
pub mod blobs;
pub mod changes;
pub mod checkout;
pub mod custody;
pub mod diff;
pub mod forecast;
pub mod git;
pub mod gitlinks;
pub mod inner;
pub mod inventory;
pub mod joining;
pub mod merge_lines;
pub mod merge_tree;
pub mod merging;
pub mod packing;
pub mod review_files;
pub mod reviewed;
pub mod rule_files;
pub mod side_by_side;
pub mod snapshot;
pub mod staging;
pub mod task_work;
pub mod witness;
pub mod worktree;
