//! Looks at the folder before an attempt's children and after them, in the thread that waits for them.

use super::own_tree::{Kept, OwnTree};
use super::slots::Part;
use crate::domain::event::{ArtifactKind, Event};
use crate::domain::id::TaskId;
use crate::domain::recording::Tokens;
use crate::domain::time::Time;
use crate::domain::tree_check::{Bounds, MAX_FILES, TreeCheck};
use crate::domain::words::clean_line;
use crate::store::artifacts;
use crate::store::layout::RunPaths;
use crate::workspace::custody;
use crate::workspace::snapshot::Difference;
use crate::workspace::snapshot::SnapshotError;
use crate::workspace::witness::{self, Changes, References, Witness};
use crate::workspace::worktree::links::Links;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most bytes of a diff that are kept.
const MAX_DIFF: usize = 16 * 1024 * 1024;
/// The most characters of a path that is recorded.
const MAX_PATH: usize = 300;

/// What is seen of the folder after a child.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What the attempt changed; absent after a verification command, and where nothing depends on it.
    pub check: Option<TreeCheck>,
    /// Says that a diff was kept.
    pub kept: Option<Event>,
    /// A number for all that the folder holds, by which what was verified before is found again; absent where that is
    /// not wanted, or could not be seen.
    pub key: Option<String>,
    /// Something was changed while no crew process lived, or may have been.
    pub while_dead: bool,
}

/// What is looked at, and why.
#[derive(Clone, Debug)]
pub struct Looks {
    /// The attempt's changes matter.
    pub compares: bool,
    /// It may change nothing.
    pub reads_only: bool,
    /// What the step allows; `None` where it does not say.
    pub bounds: Option<Bounds>,
    /// What was verified is remembered.
    pub keys: bool,
}

/// Why there is no patch.
#[derive(Debug, thiserror::Error)]
pub enum NoPatch {
    #[error("{0}")]
    NotSeen(String),
    #[error(transparent)]
    NotMade(#[from] SnapshotError),
}

/// Returns the name by which the witness of an attempt is known to another crew process.
pub fn name_of(task: &TaskId, attempt: u32) -> String {
    format!("{task}.{attempt}")
}

/// The folder of one attempt.
#[derive(Debug)]
pub struct FolderWatch {
    pub paths: RunPaths,
    pub folder: PathBuf,
    /// Others work there too: it is not the task's own work tree.
    pub is_shared: bool,
    /// What does not belong to it, though it lies in it.
    pub leave_out: Vec<PathBuf>,
    pub task: TaskId,
    pub attempt: u32,
    pub token: String,
    pub looks: Looks,
    pub state: Mutex<State>,
}

/// What is known so far.
#[derive(Debug, Default)]
pub struct State {
    /// As it was before the first child, or why that could not be seen.
    before: Option<Result<Witness, String>>,
    /// It was taken by a crew process that died: when that lived for sure, in milliseconds since 1970, as far as it is
    /// known.
    left: Option<Option<i64>>,
    /// By what a work tree that is only looked at was found before the first child.
    links: Option<Links>,
    /// The trees before the newest child and after it.
    child: (String, String),
}

impl FolderWatch {
    /// Looks at the folder, just before a child is started.
    pub fn before(&self, part: Part) {
        let mut state = self.state();
        if matches!(part, Part::Check(_)) || !self.looks.compares {
            return;
        }
        match &state.before {
            None => {
                let mut taken = self.witness();
                if let Ok(witness) = &mut taken
                    && self.is_shared
                {
                    // Without that, a person is asked what becomes of what it hands in before we die.
                    let _ = witness.keep(&name_of(&self.task, self.attempt));
                }
                let tree = taken.as_ref().map_or_else(|_| String::new(), |witness| witness.tree().to_owned());
                state.child.0 = tree;
                state.links = self.links();
                state.before = Some(taken);
            }
            // What it was told again follows upon what it did before.
            Some(_) => state.child.0 = std::mem::take(&mut state.child.1),
        }
    }

    /// Looks again, just after a child has ended.
    pub fn after(&self, part: Part) -> Seen {
        let mut state = self.state();
        if matches!(part, Part::Check(_)) || !self.looks.compares {
            let witness = state.before.get_or_insert_with(|| self.witness());
            let tree = witness.as_ref().ok().and_then(|witness| witness.look().ok());
            let key = tree.and_then(|tree| self.key(witness.as_ref().ok()?, &tree));
            return Seen { key, ..Seen::default() };
        }
        let mut changes = match &state.before {
            Some(Ok(witness)) => witness.compare(),
            Some(Err(why)) => Changes { unseen: why.clone(), ..Changes::default() },
            None => Changes { unseen: "nobody looked before it began".into(), ..Changes::default() },
        };
        if let Some(links) = state.links.as_ref().filter(|links| self.links().as_ref() != Some(links)) {
            if !links.admin_is_there() {
                // Where the repository is not found any more, all of its settings look as if they were gone.
                changes.settings.clear();
            }
            changes.settings.insert(0, ".git".into());
        }
        state.child.1.clone_from(&changes.tree);
        let check = self.check(&changes);
        let witness = state.before.as_ref().and_then(|before| before.as_ref().ok());
        let forbidden = (self.looks.reads_only && check.is_changed()) || check.outside > 0;
        let kept = witness.filter(|_| forbidden).and_then(|witness| self.keep_diff(witness, &changes));
        let key =
            witness.filter(|_| changes.unseen.is_empty()).and_then(|seen| self.key(seen, &changes.tree));
        let is_clear = |until: i64| witness.is_some_and(|witness| witness.changed_before(&changes, until));
        let while_dead = !changes.is_empty() && state.left.is_some_and(|until| !until.is_some_and(is_clear));
        Seen { check: Some(check), kept, key, while_dead }
    }

    /// Looks at a shared folder after an attempt whose crew process died.
    pub fn after_left(&self) -> Seen {
        let logs = self.paths.logs();
        let kept = witness::kept(&logs, &name_of(&self.task, self.attempt));
        let restored = kept.ok_or("what crew had seen before it died is gone".to_owned()).and_then(|kept| {
            let lived = kept.lived;
            let witness = Witness::restore(&self.folder, kept, &logs).map_err(|error| error.to_string())?;
            Ok((witness, lived))
        });
        let mut state = self.state();
        state.left = Some(restored.as_ref().ok().and_then(|(_, lived)| *lived));
        state.before = Some(restored.map(|(witness, _)| witness));
        drop(state);
        self.after(Part::Work)
    }

    /// Takes note that a crew process looks after the attempt at a moment, for those who come after it.
    pub fn note_crew_lives(&self, now: Time) {
        // While it is looked at, nobody waits for that.
        let Ok(state) = self.state.try_lock() else { return };
        if let Some(Ok(witness)) = state.before.as_ref().filter(|_| self.is_shared) {
            // Without it, less is known for sure.
            let _ = witness.note_alive(now.0);
        }
    }

    /// Takes away what is kept for those who come after us.
    pub fn forget(&self) {
        if let Some(Ok(witness)) = self.state().before.take() {
            witness.forget();
        }
    }

    /// Looks at a work tree that an attempt left whose crew process died. `head` is where its branch stood before.
    pub fn after_lost(&self, tree: &OwnTree, head: &str) -> Seen {
        let mut changes =
            tree.changes_of_lost(head).unwrap_or_else(|unseen| Changes { unseen, ..Changes::default() });
        let is_bound = self.looks.reads_only || self.looks.bounds.is_some();
        if is_bound && tree.preparation.setup.is_some() && !changes.is_empty() {
            // What the set-up left was there before the attempt, and only the dead process knew that.
            let unseen =
                "crew died, and what it changed cannot be told from what the set-up had left".to_owned();
            changes = Changes { unseen, ..Changes::default() };
        }
        Seen { check: Some(self.check(&changes)), ..Seen::default() }
    }

    /// Puts all that the folder holds into a commit at a reference; nothing where it cannot be told from what was there
    /// before.
    pub fn keep_all(&self, reference: &str, message: &str) -> Result<Option<Kept>, String> {
        let leave_out: Vec<&Path> = self.leave_out.iter().map(PathBuf::as_path).collect();
        let commit = custody::keep(&self.folder, &leave_out, reference, message);
        let Some(commit) = commit.map_err(|error| error.to_string())? else { return Ok(None) };
        let state = self.state();
        let difference = match &state.before {
            Some(Ok(witness)) => witness.difference_to(&commit).map_err(|error| error.to_string())?,
            _ => Difference::default(),
        };
        Ok(Some(Kept {
            commit,
            reference: reference.to_owned(),
            files: difference.files.len() as u64,
            insertions: difference.insertions,
            deletions: difference.deletions,
            set_aside: Vec::new(),
            astray: Vec::new(),
            missing: Vec::new(),
        }))
    }

    /// Hands on, line by line, what the newest child changed.
    pub fn patch_of_child(&self, take: impl FnMut(&[u8]) -> io::Result<()>) -> Result<(), NoPatch> {
        let state = self.state();
        match (&state.before, &state.child) {
            (Some(Ok(witness)), (from, to)) if !from.is_empty() && !to.is_empty() => {
                Ok(witness.patch(from, to, take)?)
            }
            (Some(Err(why)), _) => Err(NoPatch::NotSeen(why.clone())),
            _ => Err(NoPatch::NotSeen("the folder could not be looked at".into())),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn witness(&self) -> Result<Witness, String> {
        let leave_out: Vec<&Path> = self.leave_out.iter().map(PathBuf::as_path).collect();
        let refs = if self.is_shared { References::All } else { References::OfHead };
        Witness::take(&self.folder, &leave_out, &self.paths.logs(), refs).map_err(|error| error.to_string())
    }

    /// Reads by what the work tree is found, where nobody may change that.
    fn links(&self) -> Option<Links> {
        (self.looks.reads_only && !self.is_shared).then(|| Links::of(&self.folder)).flatten()
    }

    fn key(&self, witness: &Witness, tree: &str) -> Option<String> {
        let state = self.looks.keys.then(|| witness.state().ok()).flatten()?;
        Some(artifacts::sha256(format!("{tree} {state}").as_bytes()))
    }

    fn check(&self, changes: &Changes) -> TreeCheck {
        let files: Vec<&String> = changes.files.files.iter().chain(&changes.inside).collect();
        let shown = |files: &[&String]| {
            files.iter().take(MAX_FILES).map(|path| clean_line(path, MAX_PATH)).collect::<Vec<_>>()
        };
        // A hook is code that a person's next commit runs, and a file that git was told to overlook is in no list.
        let touched = files.iter().copied().chain(&changes.committed).chain(&changes.settings);
        let outside: Vec<&String> = match &self.looks.bounds {
            Some(bounds) => touched.filter(|path| !bounds.allows(path)).collect(),
            None => Vec::new(),
        };
        TreeCheck {
            changed: files.len() as u64,
            files: shown(&files),
            insertions: changes.files.insertions,
            deletions: changes.files.deletions,
            refs_changed: !changes.refs.is_empty(),
            index_changed: changes.index,
            settings_changed: changes.settings.iter().map(|name| clean_line(name, MAX_PATH)).collect(),
            outside: outside.len() as u64,
            outside_files: shown(&outside),
            shared: false,
            unseen: clean_line(&changes.unseen, MAX_PATH),
        }
    }

    /// Keeps what was changed, for whoever has to decide what becomes of it. crew undoes nothing.
    fn keep_diff(&self, witness: &Witness, changes: &Changes) -> Option<Event> {
        let mut tokens = Tokens::default();
        tokens.add(&self.token);
        // What stands before the first file is no part of the patch for those who apply it.
        let mut diff = Vec::new();
        for line in changes.refs.iter().chain(&changes.settings).chain(&changes.inside) {
            diff.extend_from_slice(format!("changed: {line}\n").as_bytes());
        }
        if changes.index {
            diff.extend_from_slice(b"changed: the index\n");
        }
        let full = || io::Error::other("the diff is too long");
        let mut is_cut = false;
        let made = witness.patch(witness.tree(), &changes.tree, |line| {
            is_cut = diff.len() + line.len() > MAX_DIFF;
            if is_cut {
                return Err(full());
            }
            diff.extend_from_slice(&tokens.taken_out(line));
            Ok(())
        });
        if is_cut {
            diff.extend_from_slice(format!("cut: the diff is longer than {MAX_DIFF} bytes\n").as_bytes());
        } else if let Err(error) = made {
            diff.extend_from_slice(format!("cut: {error}\n").as_bytes());
        }
        let path = (ArtifactKind::Diff, artifacts::diff_of(&self.task, self.attempt));
        // Where the disk is full, the reason still names the files.
        artifacts::keep(&self.paths, path, Some((&self.task, self.attempt)), &diff).ok()
    }
}
