//! Reviews: what is looked at, what reviewers found there, and what that comes to.
//!
//! A review is a run whose tasks are the reviewers. So an owner, time limits, budgets, crashes and logs are what they are
//! for every run, and all of it derives from the run's events.

pub mod agreeing;
pub mod anchoring;
pub mod baseline;
pub mod by_person;
pub mod deciding;
pub mod earlier;
pub mod foreign;
pub mod host_api;
pub mod in_rounds;
pub mod judging;
pub mod known;
pub mod passes;
pub mod placing;
pub mod planning;
pub mod posting;
pub mod rating;
pub mod report;
pub mod reviewers;
pub mod rounds;
pub mod row;
pub mod rules;
pub mod target;
