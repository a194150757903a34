//! Whether a task's own work tree may go, and what is kept before it does. Nothing goes that nobody asked for, and
//! nothing that is nowhere else.

use super::task::TaskState;

/// How a task's branch stands to the branches that its work may have gone to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It changed nothing.
    Empty,
    /// All of its commits are in a branch: `main`.
    Merged { into: String },
    /// All that it changed is in a branch, as other commits: it was squashed, rebased or picked.
    Included { into: String },
    /// This many of its commits are nowhere else.
    Unmerged { commits: u64 },
    /// What its newest attempt left could not be kept, so that the branch does not say what it did.
    NotKept,
}

impl Standing {
    /// Returns the word that people read, and that is used in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Standing::Empty => "empty",
            Standing::Merged { .. } | Standing::Included { .. } => "merged",
            Standing::Unmerged { .. } => "not merged",
            Standing::NotKept => "not kept",
        }
    }

    /// Tells whether nothing of what was changed is missing elsewhere.
    pub fn is_safe_elsewhere(&self) -> bool {
        !matches!(self, Standing::Unmerged { .. } | Standing::NotKept)
    }

    /// Tells whether the commits themselves are in another branch.
    pub fn keeps_commits(&self) -> bool {
        matches!(self, Standing::Merged { .. })
    }
}

/// What is at the place where a task's folder should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folder {
    /// The task's own work tree.
    Own,
    Gone,
    /// Something else, and why it is that.
    NotOwn(String),
}

/// What is known of a task's work tree when somebody wants it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    pub state: TaskState,
    /// A crew process carries the run out.
    pub owned: bool,
    pub folder: Folder,
    /// Files in the folder that differ from the branch's newest commit.
    pub uncommitted: usize,
    /// Commits that only the folder's HEAD holds.
    pub unreferenced: u64,
    /// Repositories inside the folder, whose history goes with it.
    pub repositories: Vec<String>,
    /// What could not be looked at.
    pub unseen: Vec<String>,
    /// Somebody asked git to leave it alone, and what they said.
    pub locked: Option<String>,
    /// Processes that work in the folder.
    pub used_by: Vec<String>,
    /// None where its work is not in the repository any more.
    pub standing: Option<Standing>,
}

/// How a work tree goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goes {
    /// Its branch goes too.
    pub branch: bool,
    /// The branch's newest commit is held first: no other branch has it.
    pub hold_tip: bool,
}

/// What a person wants beside the folder's removal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub branch: bool,
    pub force: bool,
}

/// Why a work tree stays, and what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stays {
    pub code: &'static str,
    pub why: String,
    pub hint: &'static str,
}

fn stays(code: &'static str, why: impl Into<String>, hint: &'static str) -> Stays {
    Stays { code, why: why.into(), hint }
}

impl Sight {
    /// Tells whether there is nothing of the task's, on its branch or in its folder.
    pub fn is_empty(&self) -> bool {
        self.standing == Some(Standing::Empty) && self.uncommitted == 0
    }

    /// Decides about a clean-up that names nothing: only what is certain to be elsewhere goes.
    pub fn for_prune(&self) -> Result<Goes, Stays> {
        self.unless_in_the_way()?;
        if self.uncommitted > 0 || self.unreferenced > 0 {
            let why = match (self.uncommitted, self.unreferenced) {
                (0, commits) => format!("{} that no branch has", count(commits as usize, "commit")),
                (files, _) => format!("{} not committed", count(files, "file")),
            };
            return Err(stays(
                "dirty",
                why,
                "crew worktree remove RUN TASK keeps that and takes the folder away",
            ));
        }
        self.unless_repositories()?;
        match &self.standing {
            Some(standing) if standing.is_safe_elsewhere() => {
                Ok(Goes { branch: true, hold_tip: !standing.keeps_commits() })
            }
            Some(Standing::Unmerged { commits }) => {
                let why = format!("{} not merged", count(*commits as usize, "commit"));
                Err(stays("not_merged", why, "crew merge RUN brings its work back"))
            }
            Some(Standing::NotKept) => {
                let hint = "crew events RUN tells why; crew worktree remove RUN TASK takes it away";
                Err(stays("not_kept", "its work could not be kept", hint))
            }
            _ => Err(stays("gone", "its work is not in the repository any more", "crew events RUN")),
        }
    }

    /// Decides about a removal by name. What only the folder has is kept; the branch stays unless it is asked for.
    pub fn for_removal(&self, wish: Wish) -> Result<Goes, Stays> {
        self.unless_in_the_way()?;
        if !wish.force {
            self.unless_repositories()?;
        }
        let standing = self.standing.as_ref();
        if let (true, false, Some(Standing::Unmerged { commits })) = (wish.branch, wish.force, standing) {
            let why = format!("{} of its branch not merged", count(*commits as usize, "commit"));
            let hint = "without --branch only the folder goes; --force holds the commits at refs/crew/keep/ and goes on";
            return Err(stays("not_merged", why, hint));
        }
        let hold_tip = wish.branch && !standing.is_some_and(Standing::keeps_commits);
        Ok(Goes { branch: wish.branch, hold_tip })
    }

    /// Finds what no wish overrules.
    fn unless_in_the_way(&self) -> Result<(), Stays> {
        if self.owned {
            return Err(stays("busy", "its run is at work", "crew status RUN shows how it goes"));
        }
        if !self.state.is_settled() {
            let why = format!("the task is {}, and goes on there", self.state.name().replace('_', " "));
            return Err(stays("not_settled", why, "crew resume RUN goes on with it"));
        }
        if let Folder::NotOwn(why) = &self.folder {
            let hint = "crew touches only folders that it made; look at it, and move away what is yours";
            return Err(stays("not_its_own", why, hint));
        }
        if let Some(reason) = &self.locked {
            let why =
                if reason.is_empty() { "it is locked".into() } else { format!("it is locked: {reason}") };
            return Err(stays("locked", why, "git worktree unlock PATH"));
        }
        if !self.used_by.is_empty() {
            let why = format!("in use by {}", self.used_by.join(", "));
            return Err(stays("in_use", why, "end that, or leave the folder"));
        }
        match self.unseen.first() {
            Some(unseen) => Err(stays("unseen", format!("cannot all be kept: {unseen}"), "look at it")),
            None => Ok(()),
        }
    }

    fn unless_repositories(&self) -> Result<(), Stays> {
        if self.repositories.is_empty() {
            return Ok(());
        }
        let why = format!("a repository of its own inside: {}", self.repositories.join(", "));
        let hint = "push or move it away; remove --force keeps what git sees of it, and goes on";
        Err(stays("repository_inside", why, hint))
    }
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight() -> Sight {
        Sight {
            state: TaskState::Completed,
            owned: false,
            folder: Folder::Own,
            uncommitted: 0,
            unreferenced: 0,
            repositories: Vec::new(),
            unseen: Vec::new(),
            locked: None,
            used_by: Vec::new(),
            standing: Some(Standing::Merged { into: "main".into() }),
        }
    }

    #[test]
    fn prune_takes_only_what_is_certain_to_be_elsewhere() {
        let into = || "main".to_owned();
        assert_eq!(sight().for_prune(), Ok(Goes { branch: true, hold_tip: false }));
        let included = Sight { standing: Some(Standing::Included { into: into() }), ..sight() };
        assert_eq!(included.for_prune(), Ok(Goes { branch: true, hold_tip: true }));
        let gone = Sight { folder: Folder::Gone, standing: Some(Standing::Empty), ..sight() };
        assert_eq!(gone.for_prune(), Ok(Goes { branch: true, hold_tip: true }));
        let stays = [
            (Sight { owned: true, ..sight() }, "busy"),
            (Sight { state: TaskState::AwaitingInput, ..sight() }, "not_settled"),
            (Sight { folder: Folder::NotOwn("a link".into()), ..sight() }, "not_its_own"),
            (Sight { locked: Some(String::new()), ..sight() }, "locked"),
            (Sight { used_by: vec!["bash (1)".into()], ..sight() }, "in_use"),
            (Sight { unseen: vec!["x".into()], ..sight() }, "unseen"),
            (Sight { uncommitted: 1, ..sight() }, "dirty"),
            (Sight { unreferenced: 2, ..sight() }, "dirty"),
            (Sight { repositories: vec!["lib".into()], ..sight() }, "repository_inside"),
            (Sight { standing: Some(Standing::Unmerged { commits: 3 }), ..sight() }, "not_merged"),
            (Sight { standing: Some(Standing::NotKept), ..sight() }, "not_kept"),
            (Sight { standing: None, ..sight() }, "gone"),
        ];
        for (sight, code) in stays {
            assert_eq!(sight.for_prune().unwrap_err().code, code);
        }
    }

    #[test]
    fn who_names_a_task_may_take_what_is_kept() {
        let unmerged = Sight { standing: Some(Standing::Unmerged { commits: 3 }), uncommitted: 2, ..sight() };
        let plain = Wish::default();
        assert_eq!(unmerged.for_removal(plain), Ok(Goes { branch: false, hold_tip: false }));
        let branch = Wish { branch: true, ..plain };
        assert_eq!(unmerged.for_removal(branch).unwrap_err().code, "not_merged");
        let forced = Wish { branch: true, force: true };
        assert_eq!(unmerged.for_removal(forced), Ok(Goes { branch: true, hold_tip: true }));
        assert_eq!(sight().for_removal(branch), Ok(Goes { branch: true, hold_tip: false }));
        let nested = Sight { repositories: vec!["lib".into()], ..sight() };
        assert_eq!(nested.for_removal(plain).unwrap_err().code, "repository_inside");
        assert!(nested.for_removal(Wish { force: true, ..plain }).is_ok());
    }

    #[test]
    fn force_takes_nothing_that_is_in_use_or_not_the_tasks_own() {
        let force = Wish { branch: true, force: true };
        for (sight, code) in [
            (Sight { owned: true, ..sight() }, "busy"),
            (Sight { state: TaskState::Running, ..sight() }, "not_settled"),
            (Sight { folder: Folder::NotOwn("a link".into()), ..sight() }, "not_its_own"),
            (Sight { locked: Some("mine".into()), ..sight() }, "locked"),
            (Sight { used_by: vec!["bash (1)".into()], ..sight() }, "in_use"),
            (Sight { unseen: vec!["x".into()], ..sight() }, "unseen"),
        ] {
            assert_eq!(sight.for_removal(force).unwrap_err().code, code);
        }
    }
}
