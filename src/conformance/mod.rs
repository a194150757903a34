//! Whether agents behave as crew expects, tried without a model.
//!
//! A scripted model server on loopback stands where the provider would be; the installed programs are real. It speaks
//! the four wire formats that agents use and plays a [`script::Script`]: say this, call the shell with this command,
//! refuse, answer with this status, cut the connection. [`stage`] points an agent at it from an empty home.
//!
//! # How it works
//!
//! A request that offers tools takes the next turn of its conversation; one without tools is an aside (a title, a count
//! of tokens, a list of models), which every agent asks for in its own number, and takes none. So one script fits all
//! agents. Each connection has a thread, and all of them end with the server. Only [`probe`] asks a real model, where a
//! person wants that.

mod anthropic;
mod chat;
pub mod checks;
mod expected;
mod gemini;
mod http;
pub mod probe;
mod responses;
pub mod script;
pub mod server;
pub mod stage;
mod trial;
mod wire;
