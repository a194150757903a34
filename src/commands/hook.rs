//! `crew hook`: what agents' own hooks call. Started by the agent's CLI, never typed.

use super::context::Context;
use super::exit::ExitStatus;
use super::submit::{self, Place};
use crate::domain::request::{Answer, Ask};
use anyhow::Result;
use serde_json::json;

/// Answer a hook of an agent's CLI (started by the agent itself)
#[derive(Debug, clap::Args)]
pub struct HookArgs {
    #[command(subcommand)]
    hook: Hook,
}

#[derive(Debug, clap::Subcommand)]
enum Hook {
    /// The agent wants to end
    Stop,
}

/// Tells the agent's CLI whether the agent may end.
///
/// It may wherever we cannot know better: a hook that goes wrong must not keep an agent running.
pub fn hook(cx: &Context, args: &HookArgs) -> Result<ExitStatus> {
    let Hook::Stop = args.hook;
    let answer = Place::of_environment().and_then(|place| submit::ask(&place, &place.request(Ask::Stop)));
    if let Ok(Some(Answer::Refused { message, .. })) = answer {
        cx.printer.data(&json!({"decision": "block", "reason": message}).to_string())?;
    }
    Ok(ExitStatus::Done)
}
