//! Each file in `fixtures/bad-resources` has one defect, and the file's name tells which.

#![allow(clippy::disallowed_methods)]

use super::Kind::{self, Agent, Team, Workflow};
use super::{Layer, Problem, SourceFile, built_in, load};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// A file, the line of its problem, words of the message and words of the hint.
type Row = (Kind, &'static str, usize, &'static str, Option<&'static str>);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    (Agent, "agents/no-front-matter.md", 1, "the file has no front matter", Some("start it with `---`")),
    (Agent, "agents/front-matter-never-closed.md", 1, "the front matter is never closed", Some("put a line `---`")),
    (Agent, "agents/invalid-yaml.md", 3, "the front matter is not valid YAML", Some("double quotes")),
    (Agent, "agents/colon-in-text.md", 2, "the front matter is not valid YAML", Some("double quotes")),
    (Agent, "agents/key-twice.md", 4, "`model` stands here twice", None),
    (Agent, "agents/unknown-key.md", 3, "unknown key `tool`", Some("did you mean `tools`?")),
    (Agent, "agents/unknown-tool.md", 3, "there is no tool `grpe`", Some("did you mean `grep`?")),
    (Agent, "agents/unknown-thinking.md", 3, "`thinking` cannot be `hihg`", Some("did you mean `high`?")),
    (Agent, "agents/number-for-text.md", 3, "`model` has to be text, not a number", Some("put it in double quotes")),
    (Agent, "agents/text-for-number.md", 3, "`maxTurns` has to be a whole number from 1 to 10000, not text", None),
    (Agent, "agents/no-turns-at-all.md", 3, "`maxTurns` has to be from 1 to 10000, not 0", None),
    (Agent, "agents/description-missing.md", 1, "`description` is missing", Some("description: ...")),
    (Agent, "agents/prompt-missing.md", 3, "the agent has no prompt", Some("write below the front matter")),
    (Agent, "agents/name-with-capitals.md", 3, "`Helper` cannot be the name of an agent", Some("use small letters")),
    (Agent, "agents/named-like-a-program.md", 3, "`codex` is the name of a program", Some("give the file another name")),
    (Agent, "agents/shadows-a-built-in.md", 3, "`critic` is built in; a project file may not replace it without --trust-project", Some("give it another name")),
    (Agent, "agents/skills-not-supported.md", 3, "`skills` is not supported by this version of crew", Some("take it out")),
    (Agent, "agents/yaml-alias.md", 4, "uses a YAML alias", None),
    (Team, "teams/no-roles.team.md", 4, "the team has no roles", Some("- ROLE: agent=NAME")),
    (Team, "teams/role-line-without-colon.team.md", 10, "this line is not a role", Some("- ROLE: agent=NAME")),
    (Team, "teams/role-twice.team.md", 10, "the role `writer` already stands in line 9", None),
    (Team, "teams/unknown-agent.team.md", 10, "role `helper`: there is no agent `citric`", Some("did you mean `critic`?")),
    (Team, "teams/unknown-role-key.team.md", 10, "unknown key `agnet`", Some("did you mean `agent`?")),
    (Team, "teams/unknown-workflow.team.md", 3, "there is no workflow `reveiw`", Some("did you mean `review`?")),
    (Team, "teams/role-missing-for-its-workflow.team.md", 3, "the workflow `review` needs the role `writer`", Some("add a line `- writer: agent=NAME`")),
    (Team, "teams/worktree-and-single.team.md", 5, "`workspaceMode: single` contradicts `worktree: true`", Some("keep one of them")),
    (Team, "teams/link-out-of-the-repository.team.md", 4, "`link`: `../elsewhere` leads out of the repository", None),
    (Team, "teams/concurrency-below-one.team.md", 4, "`maxConcurrency` has to be from 1 to 1000", None),
    (Workflow, "workflows/no-steps.workflow.md", 3, "the workflow has no steps", Some("add a heading `## ID`")),
    (Workflow, "workflows/on-success.workflow.md", 3, "`onSuccess` cannot be `marge`", Some("did you mean `merge`?")),
    (Workflow, "workflows/unknown-step-key.workflow.md", 12, "unknown key `dependOn`", Some("did you mean `dependsOn`?")),
    (Workflow, "workflows/unknown-first-key.workflow.md", 5, "unknown key `roel`", Some("did you mean `role`?")),
    (Workflow, "workflows/unknown-dependency.workflow.md", 12, "step `plan` depends on `exlpore`, which is no step", Some("did you mean `explore`?")),
    (Workflow, "workflows/depends-on-itself.workflow.md", 12, "the step `plan` depends on itself", Some("take it out")),
    (Workflow, "workflows/cycle.workflow.md", 12, "steps wait for each other: a -> b -> a", Some("take one of these dependencies out")),
    (Workflow, "workflows/step-twice.workflow.md", 10, "the step `Explore` already stands in line 4", Some("another id")),
    (Workflow, "workflows/bad-step-id.workflow.md", 4, "`look around` cannot be the id of a step", Some("use letters")),
    (Workflow, "workflows/unknown-agent.workflow.md", 12, "step `plan`: there is no agent `cluade`", Some("did you mean `claude`?")),
    (Workflow, "workflows/nothing-to-do.workflow.md", 4, "step `explore` has nothing to do", Some("run: COMMAND")),
    (Workflow, "workflows/command-and-task.workflow.md", 5, "step `test` has both a command and a task", Some("make two steps")),
    (Workflow, "workflows/model-for-a-command.workflow.md", 6, "`model` means nothing for a command step", Some("take it out")),
    (Workflow, "workflows/link-to-git.workflow.md", 12, "`link`: `.git/hooks` belongs to git or crew", Some("name folders of this repository")),
    (Workflow, "workflows/gate-unknown.workflow.md", 12, "`gate: human` is none of before, plan, after", Some("before: a person lets it start")),
    (Workflow, "workflows/parallel-group.workflow.md", 12, "`parallelGroup` is not supported", Some("steps start as soon as their dependencies are done")),
    (Workflow, "workflows/verify-without-a-command.workflow.md", 12, "`verify: true` checks nothing", Some("write the command")),
    (Workflow, "workflows/timeout-over-a-day.workflow.md", 12, "the timeout `25h` is not between 1s and 24h", None),
    (Workflow, "workflows/timeout-in-words.workflow.md", 12, "`ten minutes` is not a timeout", Some("`90s`, `10m`, `2h`")),
    (Workflow, "workflows/too-many-retries.workflow.md", 12, "`retries` has to be a whole number from 0 to 10, not `11`", None),
    (Workflow, "workflows/confidence-in-percent.workflow.md", 12, "`confidence` has to be a number from 0 to 1, not `80%`", None),
    (Workflow, "workflows/output-in-a-folder.workflow.md", 12, "`docs/plan.md` is not a plain file name", Some("without a folder")),
    (Workflow, "workflows/reads-unknown-output.workflow.md", 12, "step `plan` reads `mpa.md`, which no step puts out", Some("did you mean `map.md`?")),
    (Workflow, "workflows/reads-without-dependency.workflow.md", 12, "step `plan` reads `map.md`, the output of `explore`, but does not depend on it", Some("add `explore` to its `dependsOn`")),
    (Workflow, "workflows/when-one-equals-sign.workflow.md", 12, "`when`: column 15: unexpected `=`", Some("write `==`")),
    (Workflow, "workflows/when-unknown-state.workflow.md", 13, "`complete` is not a state that a step ends in", Some("did you mean `completed`?")),
    (Workflow, "workflows/when-without-dependency.workflow.md", 12, "step `plan` asks about `explore` but does not depend on it", Some("add `explore`")),
    (Workflow, "workflows/task-without-blank-line.workflow.md", 6, "this line is not `key: value`", Some("leave a blank line")),
    (Workflow, "workflows/step-without-keys.workflow.md", 10, "`## report` is not a step", Some("add `role: NAME` below it")),
    (Workflow, "workflows/fence-never-closed.workflow.md", 7, "this fenced block is never closed", None),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/bad-resources")
}

fn problems_of(kind: Kind, path: &str) -> Vec<Problem> {
    let text = fs::read_to_string(folder().join(path)).unwrap();
    let (_, file_name) = path.rsplit_once('/').unwrap();
    let (stem, _) = file_name.split_once('.').unwrap();
    let mut files = built_in();
    let stem = stem.to_owned();
    files.push(SourceFile { layer: Layer::Project, path: path.to_owned(), stem, kind, text });
    load(&files, &["claude".to_owned(), "codex".to_owned()], false).1
}

#[test]
fn each_bad_file_has_one_problem_with_its_line_and_a_hint() {
    for (kind, path, line, message, hint) in ROWS {
        let problems = problems_of(*kind, path);
        assert_eq!(problems.len(), 1, "{path}: {problems:#?}");
        let problem = &problems[0];
        assert_eq!((problem.path.as_str(), problem.line), (*path, Some(*line)), "{path}: {problem:?}");
        assert!(problem.message.contains(message), "{path}: {problem:?}");
        if let Some(hint) = hint {
            assert!(problem.hint.as_ref().is_some_and(|found| found.contains(hint)), "{path}: {problem:?}");
        }
    }
}

#[test]
fn every_bad_file_is_in_the_table() {
    let mut found = BTreeSet::new();
    for kind in ["agents", "teams", "workflows"] {
        for entry in fs::read_dir(folder().join(kind)).unwrap() {
            found.insert(format!("{kind}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    let listed: BTreeSet<String> = ROWS.iter().map(|(_, path, ..)| (*path).to_owned()).collect();
    assert_eq!(found, listed);
    assert!(listed.len() >= 22);
}
