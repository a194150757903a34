//! What `crew top` shows, and what its keys mean. Plain functions: somebody else looks, waits and acts.

pub mod draw;
pub mod lines;
pub mod picture;
pub mod view;
