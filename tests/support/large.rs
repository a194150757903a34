//! A large repository, and writers who work on it at the same time, each with files of its own and lines of its own in
//! files that all share.

use super::TestRepo;
use serde_json::json;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

/// How many files of the repository are in a folder.
const IN_FOLDER: usize = 100;
/// Lines of a shared file that belong to each writer; the middle one is changed, so no two changes touch.
const OWN_LINES: usize = 10;
/// The files that all writers change.
const SHARED: [&str; 2] = ["shared/one", "shared/two"];
/// How many files each writer makes, and changes, and takes away.
const MADE: usize = 5;
const CHANGED: usize = 10;
const GONE: usize = 1;

/// A repository that many write to.
pub struct Large {
    pub repo: TestRepo,
    files: usize,
    writers: usize,
}

impl Large {
    /// Makes a repository of so many small files for so many writers. Git reads it as a stream, which takes a second
    /// where 20,000 files that are added one by one take many.
    pub fn new(files: usize, writers: usize) -> Large {
        assert!(files >= writers * IN_FOLDER, "each writer has a folder of its own");
        let large = Large { repo: TestRepo::new(), files, writers };
        large.repo.git(&["config", "user.name", "Person"]);
        large.repo.git(&["config", "user.email", "person@example.com"]);
        let mut git = large.repo.plain("git");
        let mut git = git.args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().expect("git starts");
        let mut stdin = git.stdin.take().expect("a pipe");
        stdin.write_all(large.stream().as_bytes()).expect("git reads on");
        drop(stdin);
        assert!(git.wait().expect("git ends").success());
        large.repo.git(&["reset", "-q", "--hard"]);
        large
    }

    /// Says to `git fast-import` what the second commit is.
    fn stream(&self) -> String {
        let mut text = "commit refs/heads/main\ncommitter Person <person@example.com> 1795000000 +0000\n\
                        data 5\nlarge\nfrom refs/heads/main^0\n"
            .to_owned();
        let mut put = |path: &str, content: &str| {
            let _ = writeln!(text, "M 100644 inline {path}\ndata {}\n{content}", content.len());
        };
        for at in 0..self.files {
            put(&format!("src/{:03}/{at:05}.txt", at / IN_FOLDER), &format!("file {at}\n").repeat(20));
        }
        let lines: String = (0..self.writers * OWN_LINES).map(|line| format!("line {line}\n")).collect();
        SHARED.iter().for_each(|path| put(path, &lines));
        text
    }

    /// Makes the user's workflow `many`, in which all write at once, and the agent that does it.
    pub fn workflow(&self) {
        let script = self.repo.beside("writer.sh");
        let middle = OWN_LINES / 2;
        let own = format!(
            "n=${{CREW_TASK#w}}; d=src/$(printf %03d $n); line=$((n * {OWN_LINES} + {middle}))\n\
             for f in $d/*0.txt; do echo \"$CREW_TASK\" >>$f; done; rm $d/*99.txt; mkdir -p new/$n\n\
             for i in 1 2 3 4 5; do echo $n $i >new/$n/$i; done\n\
             for f in {}; do sed -i \"${{line}}s/.*/by $CREW_TASK/\" $f; done\n\
             crew submit result --summary done --confidence 0.9 --rationale r\n",
            SHARED.join(" ")
        );
        std::fs::write(&script, own).expect("a script");
        let command = format!("sh '{}'", script.display());
        self.repo.set("agents", "scribe", json!({"command": command, "prompt": "stdin", "writes": true}));
        let step = |at: usize| format!("## w{at}\nrole: executor\nagent: scribe\n\nWrite.\n\n");
        self.repo.workflow("many", &(0..self.writers).map(step).collect::<String>());
    }

    /// Returns the arguments with which crew carries that workflow out.
    pub fn words(&self) -> Vec<String> {
        let words = ["run", "the goal", "--workflow", "many", "--worktree", "--json", "--quiet", "--jobs"];
        words.into_iter().map(str::to_owned).chain([self.writers.to_string()]).collect()
    }

    /// Fails the test unless the user's folder and its branch hold all that all of them wrote, and nothing else.
    #[track_caller]
    pub fn holds_all(&self) {
        let read = |path: String| std::fs::read_to_string(self.repo.root.join(path)).expect("a file");
        for shared in SHARED {
            let text = read(shared.to_owned());
            for at in 0..self.writers {
                let line = text.lines().nth(at * OWN_LINES + OWN_LINES / 2 - 1);
                assert_eq!(line, Some(format!("by w{at}").as_str()), "{shared}");
            }
            assert_eq!(text.lines().count(), self.writers * OWN_LINES);
        }
        for at in 0..self.writers {
            for number in 1..=MADE {
                assert_eq!(read(format!("new/{at}/{number}")), format!("{at} {number}\n"));
            }
            for number in 0..CHANGED {
                let path = format!("src/{at:03}/{at:03}{number}0.txt");
                assert!(read(path).ends_with(&format!("\nw{at}\n")), "{at} {number}");
            }
            assert!(!self.repo.root.join(format!("src/{at:03}/{at:03}99.txt")).exists());
        }
        // README.md is one more.
        let all = self.files + SHARED.len() + 1 + self.writers * (MADE - GONE);
        assert_eq!(self.repo.git(&["ls-tree", "-r", "--name-only", "HEAD"]).lines().count(), all);
        let touched = self.writers * (MADE + CHANGED + GONE) + SHARED.len();
        let differ = self.repo.git(&["diff", "--name-only", "--no-renames", "main@{1}", "main"]);
        assert_eq!(differ.lines().count(), touched);
    }

    /// Names the folder in which a task of the newest run works.
    pub fn folder_of(&self, task: &str) -> PathBuf {
        let path = self.repo.crew(["worktree", "path", "last", task]).exits(0).out;
        PathBuf::from(path.trim_end())
    }
}
