//! Makes a new worktree ready for the task that will work there: links to folders of the user's tree, and a command.
//!
//! All of it happens in a slot's thread, after the worktree was added and before the task's child is started.

use super::child::{self, ChildNews, ChildSpec, Control};
use super::process::GroupSignal;
use crate::domain::event::{Ending, ProcessId};
use crate::domain::judgement;
use crate::domain::links;
use crate::domain::recording::Stream;
use crate::domain::settings::{self, Settings};
use crate::domain::task::Task;
use crate::store::atomic_file;
use crate::store::layout::{self, RunPaths};
use crate::workspace::checkout;
use crate::workspace::git::Git;
use crate::workspace::worktree::own_links;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is looked whether the command has ended or is to be stopped.
const LOOK: Duration = Duration::from_millis(5);

/// Where worktrees are, and what makes each of them ready.
#[derive(Clone, Debug)]
pub struct WorktreeSetup {
    /// Worktrees are at RUN/TASK below it; absolute.
    pub folder: PathBuf,
    /// A command line for the shell.
    pub setup: Option<String>,
    /// How long that may take.
    pub setup_time: Duration,
}

impl WorktreeSetup {
    /// Takes it from the settings; a relative folder is one of the repository.
    pub fn of(settings: &Settings, repository: &Path) -> WorktreeSetup {
        let setup = settings.text(&settings::WORKTREES_SETUP);
        WorktreeSetup {
            folder: repository.join(settings.text(&settings::WORKTREES_FOLDER)),
            setup: Some(setup).filter(|command| !command.trim().is_empty()),
            setup_time: Duration::from_secs(settings.number(&settings::WORKTREES_SETUP_SECONDS)),
        }
    }
}

/// What one worktree is made ready with.
#[derive(Debug)]
pub struct Preparation {
    /// The user's own tree.
    pub repository: PathBuf,
    pub worktree: PathBuf,
    pub links: Vec<String>,
    /// The excludes for whoever works there; written where there are links.
    pub excludes: PathBuf,
    /// The command, and how long it may take.
    pub setup: Option<(ChildSpec, Duration)>,
    /// Holds the command line once it has succeeded in this worktree.
    pub mark: PathBuf,
    /// The attempt's log.
    pub log: PathBuf,
}

/// Why a worktree is not ready.
#[derive(Debug, PartialEq, Eq)]
pub enum NotReady {
    /// The attempt was stopped meanwhile.
    Stopped(GroupSignal),
    Failed(String),
}

impl NotReady {
    /// Returns how the attempt ends, of which no child was started.
    pub fn ending(self) -> Ending {
        let not_started = match self {
            NotReady::Stopped(_) => "it was stopped before it began".to_owned(),
            NotReady::Failed(why) => why,
        };
        Ending { not_started: Some(not_started), ..Ending::default() }
    }
}

/// Returns the variables by which git in a task's worktree leaves crew's links alone, and never takes the repository
/// around the worktree for its own should `.git` be gone.
pub fn variables(paths: &RunPaths, task: &Task, worktree: &Path) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = around(worktree).into_iter().collect();
    if !task.spec.link.is_empty() {
        let excludes = paths.root().join(layout::excludes_of(&task.spec.id));
        variables.extend(excluding(&excludes));
    }
    variables
}

/// Returns the variable by which git looks for no repository around a worktree.
pub fn around(worktree: &Path) -> Option<(String, String)> {
    worktree.parent().map(|above| ("GIT_CEILING_DIRECTORIES".to_owned(), above.display().to_string()))
}

/// Returns the variables that make git take its excludes from a file.
pub fn excluding(file: &Path) -> [(String, String); 3] {
    [
        ("GIT_CONFIG_COUNT".into(), "1".into()),
        ("GIT_CONFIG_KEY_0".into(), "core.excludesFile".into()),
        ("GIT_CONFIG_VALUE_0".into(), file.display().to_string()),
    ]
}

/// Makes a worktree ready. The links are made wherever they are missing; the command runs once in each worktree, and
/// again where it has not succeeded. `is_new` says that the worktree has just been added.
pub fn make_ready(preparation: &Preparation, is_new: bool, control: &Control) -> Result<(), NotReady> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| NotReady::Failed(format!("{what}: {error}"))
    };
    if is_new {
        match fs::remove_file(&preparation.mark) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("the worktree was not set up")(error));
            }
            _ => {}
        }
    }
    if !preparation.links.is_empty() {
        write_excludes(preparation).map_err(NotReady::Failed)?;
        for name in &preparation.links {
            let linked = link(&preparation.repository, &preparation.worktree, name);
            if let Linked::No(why) = linked.map_err(failed(&format!("link {name}")))? {
                note(&preparation.log, &format!("link {name}: {why}"));
            }
        }
    }
    let Some((command, time)) = &preparation.setup else { return Ok(()) };
    let line = command.args.last().map(|line| line.as_encoded_bytes()).unwrap_or_default();
    if fs::read(&preparation.mark).is_ok_and(|done| done == line) {
        return Ok(());
    }
    run(command, *time, control)?;
    atomic_file::write(&preparation.mark, line).map_err(|error| NotReady::Failed(error.to_string()))
}

/// Returns the links that are crew's own just now.
pub fn links_in_place(preparation: &Preparation) -> Vec<&Path> {
    own_links(&preparation.repository, &preparation.worktree, &preparation.links)
}

/// What came of a link.
#[derive(Debug, PartialEq, Eq)]
pub enum Linked {
    Yes,
    /// Why there is none; what is there stays as it is.
    No(&'static str),
}

/// Links a folder of the user's tree into a worktree. A link that is there already stays.
fn link(repository: &Path, worktree: &Path, name: &str) -> io::Result<Linked> {
    let source = repository.join(name);
    let place = worktree.join(name);
    match fs::symlink_metadata(&place) {
        Ok(meta) if meta.is_symlink() && fs::read_link(&place)? == source => return Ok(Linked::Yes),
        Ok(_) => return Ok(Linked::No("the worktree has one of its own")),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Ok(Linked::No("a file is in the way"));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) => {}
    }
    if !source.exists() {
        return Ok(Linked::No("there is none in your folder"));
    }
    // Through a link of the tree's own, what is made there would be made somewhere else.
    let mut above = worktree.to_owned();
    for part in Path::new(name).parent().into_iter().flat_map(Path::components) {
        above.push(part);
        match fs::symlink_metadata(&above) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return Ok(Linked::No("a file or a link is in the way")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&above)?,
            Err(error) => return Err(error),
        }
    }
    symlink(source, place)?;
    Ok(Linked::Yes)
}

/// Writes the excludes that hold in a worktree: the user's own, and a line for each link. A pattern such as `target/`
/// is for folders, and so does not hide a link.
fn write_excludes(preparation: &Preparation) -> Result<(), String> {
    let git = Git::at(&preparation.repository);
    let own = checkout::user_excludes(&git).map_err(|error| error.to_string())?;
    // Git reads on, too, where there is none or where it may not be read.
    let mut excludes = own.and_then(|own| fs::read(own).ok()).unwrap_or_default();
    if !excludes.is_empty() && !excludes.ends_with(b"\n") {
        excludes.push(b'\n');
    }
    for name in &preparation.links {
        excludes.extend(format!("{}\n", links::ignore_line(name)).bytes());
    }
    atomic_file::write(&preparation.excludes, &excludes).map_err(|error| error.to_string())
}

/// Writes a line of crew's own into the attempt's log.
fn note(log: &Path, line: &str) {
    // A log that cannot be written is met by the child, which is not started then.
    if let Ok(mut log) = fs::OpenOptions::new().create(true).append(true).open(log) {
        let _ = writeln!(log, "crew: {line}");
    }
}

/// Runs the command to its end, or to the end of its time; its process group ends with it.
fn run(command: &ChildSpec, time: Duration, attempt: &Control) -> Result<(), NotReady> {
    let before = fs::metadata(&command.log).map_or(0, |log| log.len());
    let control = Control::default();
    let deadline = Instant::now() + time;
    let mut passed_on = None;
    let mut is_late = false;
    let ending = std::thread::scope(|scope| {
        let child = scope.spawn(|| child::run(command, &control, Arc::new(Unheard)));
        while !child.is_finished() {
            let wished = attempt.awaited_stop();
            if wished != passed_on {
                wished.into_iter().for_each(|signal| control.signal(signal));
                passed_on = wished;
            }
            if !is_late && Instant::now() >= deadline {
                is_late = true;
                control.signal(GroupSignal::End);
            }
            if is_late && Instant::now() >= deadline + command.grace {
                control.signal(GroupSignal::Kill);
            }
            std::thread::sleep(LOOK);
        }
        child.join().unwrap_or_default()
    });
    if let Some(signal) = passed_on {
        return Err(NotReady::Stopped(signal));
    }
    if ending.exit == Some(0) && !is_late {
        return Ok(());
    }
    let why = match &ending.not_started {
        Some(why) => format!("could not be started: {why}"),
        None if is_late => format!("did not end within {} s", time.as_secs()),
        None => judgement::ending_words(&ending),
    };
    let said = Some(&command.log).filter(|_| ending.output_bytes > before);
    let said =
        said.and_then(|log| child::last_line(log, &command.words, 4096)).map(|line| format!(": {line}"));
    Err(NotReady::Failed(format!(
        "the set-up of its worktree (worktrees.setup) failed: {why}{}",
        said.unwrap_or_default()
    )))
}

/// Wants no line for itself: what the command says goes into the log, harmless and without secrets as an agent's words.
struct Unheard;

impl ChildNews for Unheard {
    fn started(&self, _: ProcessId) {}

    fn reads_lines(&self) -> bool {
        true
    }

    fn line(&self, _: Stream, _: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with the user's tree in `own` and a worktree in `apart`.
    fn places() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("own/web/node_modules")).unwrap();
        fs::create_dir_all(folder.path().join("own/target")).unwrap();
        fs::create_dir_all(folder.path().join("apart/src")).unwrap();
        folder
    }

    fn preparation(folder: &Path, links: &[&str], script: Option<&str>) -> Preparation {
        let spec = |script: &str| ChildSpec {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            cwd: folder.join("apart"),
            stdin: None,
            log: folder.join("log"),
            kept: None,
            words: Arc::default(),
            grace: Duration::from_millis(300),
            drain: Duration::from_millis(300),
            marks: Vec::new(),
        };
        Preparation {
            repository: folder.join("own"),
            worktree: folder.join("apart"),
            links: links.iter().map(|name| (*name).to_owned()).collect(),
            excludes: folder.join("run/excludes"),
            setup: script.map(|script| (spec(script), Duration::from_secs(20))),
            mark: folder.join("run/mark"),
            log: folder.join("log"),
        }
    }

    #[test]
    fn links_are_made_once_and_stay() {
        let folder = places();
        let preparation = preparation(folder.path(), &["target", "web/node_modules"], None);
        for _ in 0..2 {
            make_ready(&preparation, false, &Control::default()).unwrap();
            let link = fs::read_link(folder.path().join("apart/web/node_modules")).unwrap();
            assert_eq!(link, folder.path().join("own/web/node_modules"));
        }
        assert!(!folder.path().join("log").exists());
        assert_eq!(links_in_place(&preparation), [Path::new("target"), Path::new("web/node_modules")]);
        // Whoever puts a folder in its place has made something of their own.
        fs::remove_file(folder.path().join("apart/target")).unwrap();
        fs::create_dir(folder.path().join("apart/target")).unwrap();
        assert_eq!(links_in_place(&preparation), [Path::new("web/node_modules")]);
        let excludes = fs::read_to_string(folder.path().join("run/excludes")).unwrap();
        assert!(excludes.ends_with("/target\n/web/node_modules\n"), "{excludes}");
    }

    #[test]
    fn what_the_worktree_has_stays_and_what_the_user_lacks_is_told() {
        let folder = places();
        fs::create_dir_all(folder.path().join("own/src")).unwrap();
        fs::write(folder.path().join("apart/web"), "a file").unwrap();
        symlink("/tmp", folder.path().join("apart/out")).unwrap();
        fs::create_dir_all(folder.path().join("own/out/here")).unwrap();
        let names = ["src", "none", "web/node_modules", "out/here"];
        make_ready(&preparation(folder.path(), &names, None), true, &Control::default()).unwrap();
        assert!(!fs::symlink_metadata(folder.path().join("apart/src")).unwrap().is_symlink());
        let told = fs::read_to_string(folder.path().join("log")).unwrap();
        let expected = "crew: link src: the worktree has one of its own\ncrew: link none: there is none in your folder\n\
            crew: link web/node_modules: a file is in the way\ncrew: link out/here: a file or a link is in the way\n";
        assert_eq!(told, expected);
    }

    #[test]
    fn the_command_runs_once_in_each_worktree_and_again_where_it_failed() {
        let folder = places();
        let ready = |script, is_new| {
            make_ready(&preparation(folder.path(), &[], Some(script)), is_new, &Control::default())
        };
        let counted = || fs::read_to_string(folder.path().join("apart/count")).unwrap().lines().count();
        let failing = "echo x >>count; echo no room >&2; exit 3";
        for times in 1..=2 {
            let Err(NotReady::Failed(why)) = ready(failing, times == 1) else { panic!("it failed") };
            assert_eq!(why, "the set-up of its worktree (worktrees.setup) failed: exit 3: no room");
            assert_eq!(counted(), times);
        }
        for _ in 0..2 {
            ready("echo x >>count", false).unwrap();
            assert_eq!(counted(), 3);
        }
        ready("echo x >>count", true).unwrap();
        assert_eq!(counted(), 4);
    }

    #[test]
    fn the_command_ends_when_its_time_is_over_or_its_attempt_is_stopped() {
        let folder = places();
        let mut late = preparation(
            folder.path(),
            &[],
            Some("echo begun; trap '' TERM; while true; do sleep 0.05; done"),
        );
        late.setup.as_mut().unwrap().1 = Duration::from_secs(3);
        let NotReady::Failed(why) = make_ready(&late, true, &Control::default()).unwrap_err() else {
            panic!("it was not stopped")
        };
        assert!(why.ends_with("failed: did not end within 3 s: begun"), "{why}");
        let stopped = Control::default();
        stopped.signal(GroupSignal::End);
        let endless = preparation(folder.path(), &[], Some("sleep 300"));
        assert_eq!(make_ready(&endless, true, &stopped), Err(NotReady::Stopped(GroupSignal::End)));
        assert!(!endless.mark.exists());
    }
}
