//! What happens in git. The only room that runs git.

pub mod git;
