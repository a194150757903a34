//! crew runs teams of coding agents on a git repository, and checks what they say.
//!
//! The rooms, from the ground up. A room uses the rooms above it in this list, never those below:

pub mod domain; // what crew knows and decides: no files, clock, processes, environment
pub mod store; // what is on disk under .crew
pub mod workspace; // what happens in git
pub mod agents; // how each agent is spoken to
pub mod runner; // what is running now
