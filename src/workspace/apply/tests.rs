//! Tests of applying files: what is refused, what a crash leaves, and what somebody else does meanwhile.

use super::*;
use crate::domain::result_files;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

struct Place {
    _all: tempfile::TempDir,
    tree: PathBuf,
    outside: PathBuf,
    stage: PathBuf,
}

impl Place {
    /// A repository with `kept`, `gone`, `run` (which can be started) and `src/lib.rs`.
    fn new() -> Place {
        let all = tempfile::tempdir().unwrap();
        let base = all.path().canonicalize().unwrap();
        let (tree, outside) = (base.join("tree"), base.join("outside"));
        let place = Place { stage: tree.join(".crew/stage/work.1"), tree, outside, _all: all };
        std::fs::create_dir_all(&place.outside).unwrap();
        std::fs::write(place.outside.join("x"), "theirs").unwrap();
        place.write("src/lib.rs", "lib\n");
        place.write("kept", "before\n");
        place.write("gone", "still there\n");
        place.write("run", "#!/bin/sh\n");
        place.permit("run", 0o755);
        Git::at(&place.tree).run(&["init", "-q"]).unwrap();
        place
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.tree.join(path)).unwrap()
    }

    fn permit(&self, path: &str, mode: u32) {
        std::fs::set_permissions(self.tree.join(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(&self, path: &str) -> u32 {
        self.tree.join(path).symlink_metadata().unwrap().permissions().mode() & 0o7777
    }

    /// Everything in the tree but git's and crew's own, and everything outside.
    fn everything(&self) -> BTreeMap<PathBuf, (u32, String)> {
        let mut found = BTreeMap::new();
        for root in [&self.tree, &self.outside] {
            gather(root, &mut found);
        }
        found
    }

    fn apply(&self, files: Value) -> Result<Vec<AppliedFile>, ApplyError> {
        self.apply_stepping(files, &mut || {})
    }

    fn apply_stepping(&self, files: Value, step: &mut dyn FnMut()) -> Result<Vec<AppliedFile>, ApplyError> {
        let files = entries(files);
        apply(&self.tree, &self.stage, &files, held, step)
    }

    /// Applies files that have to be refused, and returns why, after a look that nothing has changed.
    fn refusal(&self, files: Value) -> String {
        let before = self.everything();
        let why = self.apply(files).expect_err("it is refused");
        assert_eq!(self.everything(), before, "{why}");
        assert!(!self.stage.exists(), "{why}");
        let kind = match why {
            ApplyError::Unsafe(_) => "unsafe",
            ApplyError::Invalid(_) => "invalid",
            _ => "other",
        };
        format!("{kind}: {why}")
    }
}

fn gather(folder: &Path, found: &mut BTreeMap<PathBuf, (u32, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with(".git") || path.ends_with(".crew") {
            continue;
        }
        let meta = path.symlink_metadata().unwrap();
        let mut content = String::new();
        if meta.is_file() {
            content = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        } else if meta.is_symlink() {
            content = std::fs::read_link(&path).unwrap().display().to_string();
        } else if meta.is_dir() {
            gather(&path, found);
        }
        found.insert(path, (meta.permissions().mode(), content));
    }
}

fn held(file: &ResultFile) -> io::Result<Vec<u8>> {
    Ok(file.contents.as_ref().and_then(|contents| contents.held()).expect("contents").to_vec())
}

fn entries(files: Value) -> Vec<ResultFile> {
    let files = result_files::read(files).unwrap();
    result_files::check(&files).unwrap();
    files
}

fn new(path: &str) -> Value {
    json!({"path": path, "mode": "new", "contents": "new\n"})
}

fn modify(path: &str) -> Value {
    json!({"path": path, "mode": "modify", "contents": "after\n"})
}

fn delete(path: &str) -> Value {
    json!({"path": path, "mode": "delete"})
}

/// A set with every kind of change, and folders to make.
fn many() -> Value {
    json!([
        new("made/deep/a"), modify("kept"), "README", delete("gone"), new("made/b"), modify("run"),
        {"path": "..foo", "mode": "new", "contents": "#!/bin/sh\n", "executable": true},
    ])
}

#[test]
fn a_set_is_applied_with_the_hashes_before_and_after() {
    let place = Place::new();
    place.write("README", "r\n");
    place.permit("kept", 0o600);
    let applied = place.apply(many()).unwrap();
    let of = |text: &str| Some(result_files::hash(text.as_bytes()));
    let told: Vec<(&str, Mode, Option<String>, Option<String>)> = applied
        .iter()
        .map(|file| (file.path.as_str(), file.mode, file.before.clone(), file.after.clone()))
        .collect();
    assert_eq!(
        told,
        [
            ("made/deep/a", Mode::New, None, of("new\n")),
            ("kept", Mode::Modify, of("before\n"), of("after\n")),
            ("gone", Mode::Delete, of("still there\n"), None),
            ("made/b", Mode::New, None, of("new\n")),
            ("run", Mode::Modify, of("#!/bin/sh\n"), of("after\n")),
            ("..foo", Mode::New, None, of("#!/bin/sh\n")),
        ]
    );
    let texts = ["made/deep/a", "kept", "made/b", "run", "README"].map(|path| place.read(path));
    assert_eq!(texts, ["new\n", "after\n", "new\n", "after\n", "r\n"]);
    assert!(!place.tree.join("gone").exists());
    // What was there keeps its permissions; what is new may be started where that was asked for.
    assert_eq!((place.mode("kept"), place.mode("run")), (0o600, 0o755));
    assert_eq!((place.mode("..foo") & 0o100, place.mode("made/b") & 0o111), (0o100, 0));
    discard(&place.stage).unwrap();
    assert!(!place.stage.exists());
}

#[test]
fn no_component_may_be_a_link_the_last_one_neither() {
    let place = Place::new();
    symlink(&place.outside, place.tree.join("d")).unwrap();
    symlink(place.outside.join("x"), place.tree.join("link")).unwrap();
    symlink("src", place.tree.join("inside")).unwrap();
    symlink("nowhere", place.tree.join("dangling")).unwrap();
    let paths = ["d/x", "d/y", "d/e/y", "link", "inside/lib.rs", "inside/made", "dangling"];
    for path in paths {
        for entry in [new(path), modify(path), delete(path), json!(path)] {
            // A good one stands before it, and nothing becomes of that either.
            let why = place.refusal(json!([new("good"), entry]));
            assert!(why.starts_with("unsafe: files[1] (") && why.contains("is a symbolic link"), "{why}");
        }
    }
}

#[test]
fn what_is_not_in_the_state_that_the_mode_says_is_refused() {
    let place = Place::new();
    place.write("full", "x");
    let rows = [
        (new("kept"), "(kept): it is there already; say mode modify"),
        (new("src"), "(src): it is there already"),
        (modify("missing"), "(missing): it is not there; say mode new"),
        (modify("no/folder"), "(no/folder): it is not there; say mode new"),
        (delete("missing"), "(missing): it is not there; leave the entry out"),
        (json!("missing"), "(missing): it is not there; a bare path has to exist"),
        (modify("src"), "(src): it is a folder; name the files in it"),
        (delete("src"), "(src): it is a folder"),
        (new("full/a"), "(full/a): `full` is a file and no folder"),
        (new(&"n".repeat(300)), "name is too long"),
        (new(&format!("{}/a", "n".repeat(300))), "name in the path is too long"),
    ];
    for (entry, expected) in rows {
        let why = place.refusal(json!([new("good"), delete("gone"), entry]));
        assert!(why.starts_with("invalid: files[2] (") && why.contains(expected), "{why}");
    }
}

#[test]
fn special_files_are_refused_and_never_opened() {
    let place = Place::new();
    let made = std::process::Command::new("mkfifo").arg(place.tree.join("pipe")).status().unwrap();
    assert!(made.success());
    for entry in [new("pipe"), modify("pipe"), delete("pipe"), json!("pipe"), new("pipe/a")] {
        let why = place.refusal(json!([entry]));
        assert!(why.contains("`pipe` is neither a file nor a folder"), "{why}");
    }
}

#[test]
fn files_of_a_submodule_are_refused_checked_out_or_not() {
    let place = Place::new();
    Git::at(&place.tree).run(&["init", "-q", "nested"]).unwrap();
    place.write("nested/a", "x");
    let commit = "0123456789012345678901234567890123456789";
    for name in ["empty", "absent", "deep/sub"] {
        let entry = format!("160000,{commit},{name}");
        Git::at(&place.tree).run(&["update-index", "--add", "--cacheinfo", &entry]).unwrap();
    }
    std::fs::create_dir(place.tree.join("empty")).unwrap();
    for entry in [new("nested/b"), modify("nested/a"), delete("nested/a")] {
        let why = place.refusal(json!([entry]));
        assert!(why.starts_with("unsafe") && why.contains("`nested` is a repository of its own"), "{why}");
    }
    for path in ["empty/a", "absent/a", "absent/b/a", "deep/sub/a"] {
        let why = place.refusal(json!([new(path)]));
        assert!(why.starts_with("unsafe") && why.contains("is a submodule"), "{why}");
    }
    place.apply(json!([new("deep/other/a")])).unwrap();
}

#[test]
fn what_git_ignores_can_be_handed_in() {
    let place = Place::new();
    place.write(".gitignore", "ignored/\n");
    place.apply(json!([new("ignored/a")])).unwrap();
    assert_eq!(place.read("ignored/a"), "new\n");
}

#[test]
fn a_crash_at_any_moment_is_taken_back_and_it_can_be_done_again() {
    let mut crashes = 0;
    for crash_at in 1.. {
        let place = Place::new();
        place.write("README", "r\n");
        let before = place.everything();
        let mut count = 0;
        let mut step = || {
            count += 1;
            if count == crash_at {
                // Not caught anywhere below: nothing is tidied up, as when the process is killed.
                std::panic::resume_unwind(Box::new("killed"));
            }
        };
        let crashed = catch_unwind(AssertUnwindSafe(|| place.apply_stepping(many(), &mut step))).is_err();
        if !crashed {
            break;
        }
        crashes += 1;
        assert_eq!(roll_back(&place.tree, &place.stage).unwrap(), None);
        assert_eq!(place.everything(), before, "crash {crash_at}");
        assert!(!place.stage.exists());
        // Once more does no harm.
        assert_eq!(roll_back(&place.tree, &place.stage).unwrap(), None);
        place.apply(many()).unwrap();
        assert_eq!(place.read("kept"), "after\n");
    }
    // Five are written, six are changed, three of them are put aside first, and the end.
    assert_eq!(crashes, 5 + 6 + 3 + 1);
}

#[test]
fn all_of_it_is_taken_back_after_it_was_done_where_nothing_was_recorded() {
    let place = Place::new();
    place.write("README", "r\n");
    let before = place.everything();
    place.apply(many()).unwrap();
    assert_ne!(place.everything(), before);
    assert_eq!(roll_back(&place.tree, &place.stage).unwrap(), None);
    assert_eq!(place.everything(), before);
}

#[test]
fn a_file_that_was_linked_and_is_still_on_the_stage_is_taken_back_too() {
    // Where a file system knows no rename that replaces nothing, a crash may fall between a link and its removal.
    let place = Place::new();
    let mut count = 0;
    let mut step = || {
        count += 1;
        if count == 2 {
            std::panic::resume_unwind(Box::new("killed"));
        }
    };
    catch_unwind(AssertUnwindSafe(|| place.apply_stepping(json!([new("a")]), &mut step))).unwrap_err();
    std::fs::hard_link(place.stage.join("0.new"), place.tree.join("a")).unwrap();
    assert_eq!(roll_back(&place.tree, &place.stage).unwrap(), None);
    assert!(!place.tree.join("a").exists());
}

/// Applies `many` while `meddle` is done before step `number`, counted from 1.
fn meddled(number: u32, meddle: impl Fn(&Place)) -> (Place, String) {
    let place = Place::new();
    place.write("README", "r\n");
    let mut count = 0;
    let why = place.apply_stepping(many(), &mut || {
        count += 1;
        if count == number {
            meddle(&place);
        }
    });
    let why = why.expect_err("it is refused").to_string();
    (place, why)
}

#[test]
fn what_somebody_else_changes_meanwhile_is_refused_and_stays_theirs() {
    // Between the first look and the change, while five contents are written.
    let (place, why) = meddled(1, |place| place.write("kept", "theirs\n"));
    assert!(why.contains("files[1] (kept): it has been changed meanwhile; nothing was applied"), "{why}");
    assert_eq!(place.read("kept"), "theirs\n");
    let (place, why) = meddled(1, |place| std::fs::remove_file(place.tree.join("gone")).unwrap());
    assert!(why.contains("(gone): it has gone meanwhile"), "{why}");
    assert_eq!((place.read("kept"), place.tree.join("made").exists()), ("before\n".into(), false));
    let (place, why) = meddled(1, |place| place.write("made/b", "theirs\n"));
    assert!(why.contains("(made/b): somebody else has made it meanwhile"), "{why}");
    assert_eq!((place.read("made/b"), place.read("gone")), ("theirs\n".into(), "still there\n".into()));
    assert!(!place.tree.join("made/deep").exists());
    let link = |place: &Place| {
        std::fs::remove_file(place.tree.join("run")).unwrap();
        symlink(place.outside.join("x"), place.tree.join("run")).unwrap();
    };
    let (place, why) = meddled(1, link);
    assert!(why.contains("`run` is a symbolic link"), "{why}");
    assert_eq!(std::fs::read_to_string(place.outside.join("x")).unwrap(), "theirs");
    assert_eq!(place.read("kept"), "before\n");
}

#[test]
fn what_was_applied_and_changed_again_before_it_is_taken_back_is_kept_beside() {
    // Step 8 comes when `kept` has been changed; `gone` is looked at after that.
    let (place, why) = meddled(9, |place| {
        place.write("kept", "theirs\n");
        place.write("gone", "theirs too\n");
    });
    assert!(why.contains("(gone): it has been changed meanwhile"), "{why}");
    assert!(why.contains("kept could not be put back, because it was changed once more"), "{why}");
    assert_eq!((place.read("kept"), place.read("gone")), ("theirs\n".into(), "theirs too\n".into()));
    assert!(!place.tree.join("made").exists());
    let kept = place.stage.with_added_extension("kept1");
    assert_eq!(std::fs::read_to_string(kept.join("1.old")).unwrap(), "before\n");
    assert!(why.contains(&kept.display().to_string()), "{why}");
}

#[test]
fn what_cannot_be_reached_any_more_is_kept_beside() {
    let place = Place::new();
    place.write("d/kept", "before\n");
    place.apply(json!([modify("d/kept"), modify("kept"), new("e/a")])).unwrap();
    std::fs::rename(place.tree.join("d"), place.tree.join("aside")).unwrap();
    symlink(&place.outside, place.tree.join("d")).unwrap();
    let left = roll_back(&place.tree, &place.stage).unwrap().expect("something is left");
    assert_eq!(left.paths, ["d/kept"]);
    assert_eq!(std::fs::read_to_string(left.kept.join("0.old")).unwrap(), "before\n");
    assert_eq!(std::fs::read_dir(&place.outside).unwrap().count(), 1);
    assert_eq!((place.read("kept"), place.tree.join("e").exists()), ("before\n".into(), false));
}

#[test]
fn a_folder_that_is_swapped_for_a_link_all_the_time_leads_nowhere() {
    let place = Place::new();
    place.write("d/kept", "before\n");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (folder, aside) = (place.tree.join("d"), place.tree.join("aside"));
            while !over.load(Ordering::Relaxed) {
                // In between, a folder that was missing for a moment may have been made anew.
                let _ = std::fs::rename(&folder, &aside);
                let _ = symlink(&place.outside, &folder);
                let _ = std::fs::remove_file(&folder);
                let _ = std::fs::rename(&aside, &folder);
            }
        });
        let began = Instant::now();
        let mut refused = 0;
        for round in 0.. {
            let applied = place.apply(json!([modify("d/kept"), new("d/x"), new("d/y")]));
            refused += u32::from(applied.is_err());
            // What stands in the way for a moment may stand in the way of this too.
            let _ = roll_back(&place.tree, &place.stage);
            if (round >= 200 && refused > 0) || began.elapsed() > Duration::from_secs(60) {
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
        assert!(refused > 0);
    });
    let outside: Vec<_> =
        std::fs::read_dir(&place.outside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(outside, ["x"]);
    assert_eq!(std::fs::read_to_string(place.outside.join("x")).unwrap(), "theirs");
}

#[test]
fn a_check_notes_what_was_there_and_a_later_change_is_refused() {
    let place = Place::new();
    let mut files = entries(json!([modify("kept"), new("a"), "run"]));
    check(&place.tree, &mut files).unwrap();
    assert_eq!(files[0].base, Some(result_files::hash(b"before\n")));
    assert_eq!((&files[1].base, &files[2].base), (&None, &None));
    place.write("kept", "changed since\n");
    let why = apply(&place.tree, &place.stage, &files, held, &mut || {}).unwrap_err().to_string();
    assert!(why.contains("(kept): it has been changed since it was handed in"), "{why}");
    assert!(!place.tree.join("a").exists());
}

#[test]
fn contents_that_cannot_be_had_or_are_not_those_that_were_handed_in_change_nothing() {
    let place = Place::new();
    let files = entries(json!([modify("kept"), new("a")]));
    let before = place.everything();
    let refuse = |contents: io::Result<&str>| {
        let contents = contents.map(|text| text.as_bytes().to_vec()).map_err(|error| error.kind());
        let given = |_: &ResultFile| contents.clone().map_err(io::Error::from);
        let why = apply(&place.tree, &place.stage, &files, given, &mut || {}).unwrap_err();
        assert!(matches!(why, ApplyError::File { .. }), "{why}");
        assert_eq!(place.everything(), before);
        assert!(!place.stage.exists());
    };
    refuse(Err(io::ErrorKind::StorageFull.into()));
    refuse(Ok("something else"));
}

#[test]
fn what_cannot_be_taken_back_at_once_is_left_to_whoever_comes_next() {
    let place = Place::new();
    let journal = place.stage.join("journal.json");
    let mut aside = Vec::new();
    let why = place.apply_stepping(json!([new("a"), delete("gone")]), &mut || {
        // One is in place.
        if place.tree.join("a").exists() && aside.is_empty() {
            aside = std::fs::read(&journal).unwrap();
            std::fs::write(&journal, "{").unwrap();
            place.write("gone", "theirs\n");
        }
    });
    assert!(matches!(why, Err(ApplyError::NotTakenBack { .. })), "{why:?}");
    assert!(place.tree.join("a").exists());
    std::fs::write(&journal, aside).unwrap();
    assert_eq!(roll_back(&place.tree, &place.stage).unwrap(), None);
    assert!(!place.tree.join("a").exists() && !place.stage.exists());
}
