//! `crew trust`: whether a repository may supply commands.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use super::typist;
use crate::store::trust::TrustFile;
use anyhow::Result;
use serde_json::json;

/// Let this repository's own files supply commands and replace built-in names
///
/// Read what is in `.crew/` first. The trust is kept in your own configuration folder, by the repository's path.
#[derive(Debug, clap::Args)]
pub struct TrustArgs {
    /// Take the trust back
    #[arg(long)]
    revoke: bool,
}

/// Trusts the repository, or takes the trust back.
pub fn trust(cx: &Context, args: &TrustArgs) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    typist::refuse_agents(Some(layout.repository()))?;
    let folder = Context::config_folder();
    let folder =
        folder.ok_or_else(|| Problem::usage("no_home", "neither HOME nor XDG_CONFIG_HOME is set"))?;
    let changed = TrustFile::in_folder(&folder).set(layout.repository(), !args.revoke)?;
    let state = if args.revoke { "not trusted" } else { "trusted" };
    if cx.printer.json {
        cx.printer
            .json(&json!({"repository": layout.repository(), "trusted": !args.revoke, "changed": changed}))?;
    } else {
        let already = if changed { "" } else { " already" };
        cx.printer.data(&format!("{} is{already} {state}", layout.repository().display()))?;
    }
    Ok(ExitStatus::Done)
}
