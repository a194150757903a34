//! Work that is on no branch comes back, with a record of the run and without one.

use crate::support::TestRepo;
use serde_json::{Value, json};

/// A repository whose one task changed something in the user's own folder and failed, twice.
fn with_kept_work() -> TestRepo {
    let repo = TestRepo::new();
    let script = repo.beside("fails.sh");
    let submit = "crew submit result --summary done --confidence 0.9 --rationale r";
    let text = format!("echo by the agent >>README.md; date +%N >'new ü'; {submit}");
    std::fs::write(&script, text).unwrap();
    let command = format!("sh {} ", script.display());
    repo.set("agents", "fails", json!({"command": command, "prompt": "stdin", "writes": true}));
    let step = "## work\nrole: executor\nagent: fails\nretries: 1\nverify: test -f never\n\nDo it.";
    repo.workflow("one", step);
    repo.crew(["run", "the goal", "--workflow", "one"]).exits(1);
    repo
}

fn listed(repo: &TestRepo) -> Vec<Value> {
    let list = repo.crew(["restore", "--json"]).exits(0).json();
    list["data"].as_array().expect("a list").clone()
}

#[test]
fn what_a_failed_attempt_left_comes_back_as_a_branch_or_into_a_folder() {
    let repo = with_kept_work();
    let kept = listed(&repo);
    assert!(!kept.is_empty());
    let (run, reference) = (kept[0]["run"].as_str().unwrap(), kept[0]["reference"].as_str().unwrap());
    assert_eq!(kept[0]["task"], "work");
    assert_eq!(kept[0]["files"], json!(["README.md", "new ü"]));
    repo.git(&["checkout", "-q", "--", "README.md"]);
    std::fs::remove_file(repo.root.join("new ü")).unwrap();
    let status = repo.git(&["status", "--porcelain"]);

    let text = repo.crew(["restore"]).exits(0);
    assert!(
        text.out.contains(&format!("{run}/work/")) && text.err.contains("crew restore KEPT"),
        "{}",
        text.out
    );

    let back = repo.crew(["restore", &format!("{}/work", &run[..4]), "--json"]).exits(0).json();
    let branch = back["branch"].as_str().unwrap();
    assert!(branch.starts_with(&format!("restored/{run}/work/")), "{branch}");
    assert!(repo.git(&["show", &format!("{branch}:README.md")]).contains("by the agent"));
    assert_eq!(
        repo.crew(["restore", reference, "--json"]).exits(0).json()["branch"],
        branch,
        "twice is once"
    );
    repo.crew(["restore", reference, "--branch", "mine"]).exits(0);
    assert_eq!(repo.git(&["rev-parse", "mine"]), repo.git(&["rev-parse", reference]));

    let folder = repo.beside("back/again");
    let folder = folder.to_str().unwrap();
    let back = repo.crew(["restore", reference, "--to", folder, "--json"]).exits(0).json();
    assert_eq!(back["folder"], folder);
    assert!(std::fs::read_to_string(format!("{folder}/README.md")).unwrap().contains("by the agent"));
    assert!(std::path::Path::new(folder).join("new ü").exists());
    assert_eq!(std::fs::read_dir(repo.beside("back")).unwrap().count(), 1, "nothing lies about");
    assert_eq!(repo.git(&["status", "--porcelain"]), status, "the user's own tree");
}

#[test]
fn nothing_of_a_persons_is_overwritten() {
    let repo = with_kept_work();
    let kept = listed(&repo);
    let (run, reference) = (kept[0]["run"].as_str().unwrap(), kept[0]["reference"].as_str().unwrap());
    let refused = |args: &[&str], exit: i32, code: &str| {
        let ran = repo.crew([&["restore"][..], args, &["--json"]].concat()).exits(exit);
        assert_eq!(ran.json_error()["code"], code, "{args:?}");
    };
    let full = repo.beside("full");
    std::fs::create_dir(&full).unwrap();
    std::fs::write(full.join("README.md"), "a person's").unwrap();
    refused(&[reference, "--to", full.to_str().unwrap()], 4, "folder_taken");
    refused(&[reference, "--to", full.join("README.md").to_str().unwrap()], 4, "folder_taken");
    assert_eq!(std::fs::read_to_string(full.join("README.md")).unwrap(), "a person's");

    repo.git(&["branch", "theirs"]);
    let theirs = repo.git(&["rev-parse", "theirs"]);
    refused(&[reference, "--branch", "theirs"], 4, "branch_taken");
    assert_eq!(repo.git(&["rev-parse", "theirs"]), theirs);
    refused(&[reference, "--branch", "no name"], 2, "branch_name");
    refused(&["zzz/work"], 4, "unknown_kept");
    refused(&[&format!("{run}/work/77")], 4, "unknown_kept");

    let name = format!("restored/{run}/work/{}", kept[0]["number"].as_str().unwrap());
    repo.git(&["branch", &name]);
    let back = repo.crew(["restore", reference, "--json"]).exits(0).json();
    assert_eq!(back["branch"], format!("{name}-2"));
}

#[test]
fn it_works_without_any_record_and_tells_where_more_than_one_is_meant() {
    let repo = TestRepo::new();
    let none = repo.crew(["restore"]).exits(0);
    assert!(none.out.is_empty() && none.err.contains("nothing is kept"), "{}", none.err);
    let head = repo.git(&["rev-parse", "HEAD"]);
    for name in
        ["keep/7k2aaaaaaaaa/fix/1", "keep/7k2aaaaaaaaa/fix/1.2", "keep/7k2bbbbbbbbb/fix/1", "base/7k2"]
    {
        repo.git(&["update-ref", &format!("refs/crew/{name}"), head.trim()]);
    }
    assert_eq!(listed(&repo).len(), 4);
    let several = repo.crew(["restore", "7k2", "--json"]).exits(4).json_error();
    assert_eq!(several["code"], "ambiguous_kept");
    assert!(several["message"].as_str().unwrap().contains("7k2bbbbbbbbb/fix/1"), "{several}");
    repo.crew(["restore", "7k2b"]).exits(0);
    let newest = repo.crew(["restore", "7k2a/fix"]).exits(0);
    assert!(newest.err.contains("1 older one kept of this task"), "{}", newest.err);
    repo.crew(["restore", "7k2a/fix/1.2", "--branch", "second"]).exits(0);
    repo.crew(["restore", "refs/crew/base/7k2", "--branch", "base"]).exits(0);
    let branches = repo.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/restored"]);
    assert!(branches.contains("restored/7k2bbbbbbbbb/fix/1"), "{branches}");
}
