//! What happens in git. The only room that runs git.

pub mod apply;
pub mod blobs;
pub mod diff;
pub mod git;
pub mod inventory;
pub mod merge_lines;
pub mod merge_tree;
pub mod snapshot;
pub mod witness;
