//! `crew init`: a place for a project's own agents, teams and workflows.

use super::context::Context;
use super::exit::ExitStatus;
use crate::store::atomic_file;
use crate::store::database::IGNORE_ALL;
use anyhow::Result;
use serde_json::json;

/// Make `.crew/` with examples of an agent, a team and a workflow
///
/// Never overwrites a file; a second time changes nothing. State is ignored by git, resources are tracked.
#[derive(Debug, clap::Args)]
pub struct InitArgs {}

/// What `.crew/.gitignore` says from now on: everything is state but what people write.
const IGNORE_STATE: &str = "# written by crew: state is ignored, what people write is tracked\n\
    *\n!.gitignore\n!config.json\n!baseline.json\n!agents/\n!agents/**\n!teams/\n!teams/**\n!workflows/\n!workflows/**\n\
    !skills/\n!skills/**\n";

const FILES: [(&str, &str); 4] = [
    ("config.json", "{}\n"),
    (
        "agents/example.md",
        "---\nname: example\ndescription: Writes release notes from the git history\ntools: read, grep, bash\n---\n\
         You write release notes. Read the commits since the last tag and say what changed for a user, one line each.\n\
         Hand in the notes as `details`.\n",
    ),
    (
        "teams/example.team.md",
        "---\nname: example\ndescription: Checks the tree, then writes release notes\ndefaultWorkflow: example\n---\n\
         - notes: agent=example reads the history\n",
    ),
    (
        "workflows/example.workflow.md",
        "---\nname: example\ndescription: Checks the tree, then writes release notes\n---\n\n\
         ## check\nrun: git diff --check\n\n\
         ## notes\nrole: notes\ndependsOn: check\n\nWrite the release notes for: {goal}\n",
    ),
];

/// Makes what is missing of `.crew/`.
pub fn init(cx: &Context, _args: &InitArgs) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    let mut made = Vec::new();
    let ignore = layout.gitignore();
    let old = std::fs::read_to_string(&ignore).ok();
    // A run before `init` wrote one that ignores everything; that one is ours to replace.
    if old.as_deref().is_none_or(|old| old.starts_with(IGNORE_ALL)) {
        atomic_file::write(&ignore, IGNORE_STATE.as_bytes())?;
        made.push(layout.shown(&ignore));
    }
    for (name, content) in FILES {
        let path = layout.root().join(name);
        // A link that leads nowhere is a file of theirs, too.
        if path.symlink_metadata().is_err() {
            atomic_file::write(&path, content.as_bytes())?;
            made.push(layout.shown(&path));
        }
    }
    if cx.printer.json {
        cx.printer.json(&json!({"made": made}))?;
    } else if made.is_empty() {
        cx.printer.data("everything is there already; nothing was changed")?;
    } else {
        made.iter().try_for_each(|path| cx.printer.data(&format!("made  {path}")))?;
        cx.printer.tell(
            "next  crew list    crew run --workflow example \"the next release\" --dry-run --trust-project",
        );
    }
    Ok(ExitStatus::Done)
}
