//! What a person gives crew to work with: agents, teams and workflows, as Markdown files with a YAML head.
//!
//! Text comes in, typed values and problems come out; `store` finds and reads the files. Nothing that somebody wrote
//! is ignored: an unknown key, role, agent, step or tool is a [`Problem`] with its file, its line and the nearest name.
//!
//! # How it works
//!
//! Files come in three [`Layer`]s. A later layer adds names; it replaces one only where the repository is trusted.
//! Each file is read by itself first. Names are looked up after that, and a file that could not be read still counts
//! as there, so that one mistake is reported once.

mod agent_file;
mod builtin;
mod check_file;
mod export_mark;
mod front_matter;
mod graph;
mod limits;
mod report;
mod reviewed;
mod steps;
mod team;
mod workflow;
mod worktrees;

#[cfg(test)]
mod bad_files;

pub use agent_file::{AgentFile, Cost, Routing, Thinking};
pub use builtin::built_in;
pub use check_file::{CheckFile, read_check};
pub use export_mark::{EXPORT_MARK, ExportMark};
pub use team::{Role, Team};
pub use workflow::{OnSuccess, Step, Submit, Workflow};
pub use worktrees::{agent_file_of, worktrees};

use front_matter::Document;
use report::Report;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Where a file comes from; later ones add to earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Layer {
    #[serde(rename = "built in")]
    BuiltIn,
    #[serde(rename = "user")]
    User,
    #[serde(rename = "project")]
    Project,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Layer::BuiltIn => "built in",
            Layer::User => "user",
            Layer::Project => "project",
        })
    }
}

/// What a file describes; told by its folder and its suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `agents/NAME.md`
    Agent,
    /// `.claude/agents/NAME.md`: written for another program, so what crew does not know in it is left alone, and a
    /// file that crew cannot use is set aside without a problem.
    ClaudeAgent,
    /// `teams/NAME.team.md`
    Team,
    /// `workflows/NAME.workflow.md`
    Workflow,
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Kind::Agent | Kind::ClaudeAgent => "agent",
            Kind::Team => "team",
            Kind::Workflow => "workflow",
        }
    }
}

/// A file with its text.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub layer: Layer,
    /// The path as it is shown to people.
    pub path: String,
    /// The file's name without `.md`, `.team.md` or `.workflow.md`.
    pub stem: String,
    pub kind: Kind,
    pub text: String,
}

/// Where a resource was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    pub layer: Layer,
    /// The path as it is shown to people.
    pub path: String,
}

/// Something wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub path: String,
    /// From 1; absent where the whole file is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// All that can be used, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Library {
    pub agents: BTreeMap<String, AgentFile>,
    pub teams: BTreeMap<String, Team>,
    pub workflows: BTreeMap<String, Workflow>,
    /// Programs that a role or a step may name in place of an agent file.
    pub programs: BTreeSet<String>,
}

/// Reads all files and returns what can be used with all problems, sorted by path and line.
///
/// `programs` names what can be started, which an agent file may not be called. Files of a later layer may replace
/// names of an earlier one only under `trust_project`.
pub fn load(files: &[SourceFile], programs: &[String], trust_project: bool) -> (Library, Vec<Problem>) {
    let mut loader = Loader { trust_project, ..Loader::default() };
    loader.library.programs.extend(programs.iter().cloned());
    let mut files: Vec<&SourceFile> = files.iter().collect();
    // Files for another program come last, so that crew's own win.
    files.sort_by(|a, b| {
        let order = |file: &SourceFile| (file.kind == Kind::ClaudeAgent, file.layer, file.kind);
        order(a).cmp(&order(b)).then_with(|| a.path.cmp(&b.path))
    });
    files.into_iter().for_each(|file| loader.read(file));
    loader.look_names_up();
    let mut problems = loader.problems;
    problems.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    (loader.library, problems)
}

/// Returns what keeps a workflow from being carried out by a team; nothing means that it fits.
///
/// Looks at what the two say about each other and about the library: roles, agents and the graph of the steps.
pub fn fits(workflow: &Workflow, team: &Team, library: &Library) -> Vec<Problem> {
    let agents = agent_names(library, &[]);
    let mut of_workflow = Report::new(&workflow.source.path);
    graph::check(&workflow.steps, &mut of_workflow);
    workflow::check_agents(workflow, &agents, &mut of_workflow);
    let mut of_team = Report::new(&team.source.path);
    workflow::check_roles(workflow, team, &mut of_workflow, &mut of_team);
    team::check_agents(team, &agents, &mut of_team);
    let mut problems = of_workflow.into_problems();
    problems.extend(of_team.into_problems());
    problems.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    problems
}

/// Returns everything that a role or a step may name as its agent.
fn agent_names<'a>(library: &'a Library, present: &'a [(Kind, String)]) -> BTreeSet<&'a str> {
    let present = present.iter().filter(|(kind, _)| *kind == Kind::Agent).map(|(_, name)| name);
    library.agents.keys().chain(&library.programs).chain(present).map(String::as_str).collect()
}

#[derive(Default)]
struct Loader {
    trust_project: bool,
    problems: Vec<Problem>,
    library: Library,
    /// Names of files that are there but could not be read.
    present: Vec<(Kind, String)>,
    /// Agents in the library that were written for another program.
    foreign: BTreeSet<String>,
}

impl Loader {
    fn read(&mut self, file: &SourceFile) {
        if file.kind == Kind::ClaudeAgent {
            // What crew wrote for that program is none of its agents; a copy under another name is somebody's own.
            let is_at = |written: &str| written.rsplit('/').next() == Some(&format!("{}.md", file.stem));
            let mark = ExportMark::find(&file.text, "claude");
            if mark.is_some_and(|mark| mark.file.is_none_or(is_at)) {
                return;
            }
            return self.read_claude_agent(file);
        }
        let mut report = Report::new(&file.path);
        match front_matter::read(&file.text, &mut report) {
            Some(document) => self.read_document(file, document, &mut report),
            None => self.present.push((file.kind, file.stem.clone())),
        }
        self.problems.extend(report.into_problems());
    }

    fn read_document(&mut self, file: &SourceFile, document: Document<'_>, report: &mut Report) {
        let name_line = document.head.line("name");
        let source = Source { layer: file.layer, path: file.path.clone() };
        match file.kind {
            Kind::Agent | Kind::ClaudeAgent => {
                let Some(agent) = agent_file::read(document, &file.stem, source, report) else { return };
                if self.library.programs.contains(&agent.name) {
                    let message =
                        format!("`{}` is the name of a program, so an agent file cannot have it", agent.name);
                    report.add_with(name_line, message, "give the file another name");
                    return;
                }
                let (name, trust) = (agent.name.clone(), self.trust_project);
                add(&mut self.library.agents, name, agent, file.kind, trust, name_line, report);
            }
            Kind::Team => {
                let team = team::read(document, &file.stem, source, report);
                let (name, trust) = (team.name.clone(), self.trust_project);
                add(&mut self.library.teams, name, team, file.kind, trust, name_line, report);
            }
            Kind::Workflow => {
                let workflow = workflow::read(document, &file.stem, source, report);
                let (name, trust) = (workflow.name.clone(), self.trust_project);
                add(&mut self.library.workflows, name, workflow, file.kind, trust, name_line, report);
            }
        }
    }

    fn read_claude_agent(&mut self, file: &SourceFile) {
        let source = Source { layer: file.layer, path: file.path.clone() };
        let Some(agent) = agent_file::read_claude(&file.text, &file.stem, source) else { return };
        let taken = self.library.programs.contains(&agent.name)
            || self.library.agents.get(&agent.name).is_some_and(|known| {
                let is_ours = !self.foreign.contains(&agent.name);
                is_ours || known.source.layer == agent.source.layer || !self.trust_project
            });
        if !taken {
            self.foreign.insert(agent.name.clone());
            self.library.agents.insert(agent.name.clone(), agent);
        }
    }

    /// Checks what the files say about each other.
    fn look_names_up(&mut self) {
        let agents = agent_names(&self.library, &self.present);
        for workflow in self.library.workflows.values() {
            let mut report = Report::new(&workflow.source.path);
            workflow::check_agents(workflow, &agents, &mut report);
            self.problems.extend(report.into_problems());
        }
        for team in self.library.teams.values() {
            let mut report = Report::new(&team.source.path);
            team::check_agents(team, &agents, &mut report);
            match self.library.workflows.get(&team.workflow) {
                // That a team has no roles at all has been told.
                Some(_) if team.roles.is_empty() => {}
                Some(workflow) => {
                    let mut of_workflow = Report::new(&workflow.source.path);
                    workflow::check_roles(workflow, team, &mut of_workflow, &mut report);
                    self.problems.extend(of_workflow.into_problems());
                }
                None if self.present.contains(&(Kind::Workflow, team.workflow.clone())) => {}
                None => team::add_unknown_workflow(team, self.library.workflows.keys(), &mut report),
            }
            self.problems.extend(report.into_problems());
        }
    }
}

/// What is kept in a [`Library`] under its name.
trait Resource {
    fn source(&self) -> &Source;
}

impl Resource for AgentFile {
    fn source(&self) -> &Source {
        &self.source
    }
}

impl Resource for Team {
    fn source(&self) -> &Source {
        &self.source
    }
}

impl Resource for Workflow {
    fn source(&self) -> &Source {
        &self.source
    }
}

/// Puts a resource under its name, unless an earlier one keeps it.
fn add<T: Resource>(
    known: &mut BTreeMap<String, T>,
    name: String,
    resource: T,
    kind: Kind,
    trust_project: bool,
    line: Option<usize>,
    report: &mut Report,
) {
    if let Some(earlier) = known.get(&name) {
        let (earlier, layer) = (earlier.source(), resource.source().layer);
        if earlier.layer == layer {
            let message = format!("the {} `{name}` also stands in {}", kind.noun(), earlier.path);
            return report.add_with(line, message, "rename one of the two");
        }
        if !trust_project {
            let whose = match earlier.layer {
                Layer::BuiltIn => "is built in".to_owned(),
                earlier => format!("is a {earlier} {}", kind.noun()),
            };
            let message =
                format!("`{name}` {whose}; a {layer} file may not replace it without --trust-project");
            return report.add_with(line, message, "give it another name");
        }
    }
    known.insert(name, resource);
}

/// Takes the name out of a head, or the file's own; checks how it is written.
fn read_name(head: &mut front_matter::Head, kind: Kind, stem: &str, report: &mut Report) -> String {
    let line = head.line("name");
    let name = head.text(&["name"], report).unwrap_or_else(|| stem.to_owned());
    if !is_name(&name) {
        let message = format!("`{name}` cannot be the name of {} {}", article(kind), kind.noun());
        report.add_with(
            line,
            message,
            "use small letters, digits, `-` and `_`; at most 64, a letter or digit first",
        );
    }
    name
}

fn article(kind: Kind) -> &'static str {
    if kind.noun().starts_with('a') { "an" } else { "a" }
}

/// Takes the description, which every file of crew's own has to have.
fn read_description(head: &mut front_matter::Head, report: &mut Report) -> String {
    if head.line("description").is_none() {
        report.add_with(
            1,
            "`description` is missing",
            "add a line `description: ...` that tells what it is for",
        );
    }
    head.text(&["description"], report).unwrap_or_default()
}

fn is_name(name: &str) -> bool {
    is_id(name) && !name.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Tells whether something can be the id of a step or the name of a role.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        && id.as_bytes()[0].is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn file(layer: Layer, kind: Kind, stem: &str, text: &str) -> SourceFile {
        let path = format!("{layer}/{stem}.md");
        SourceFile { layer, path, stem: stem.to_owned(), kind, text: text.to_owned() }
    }

    fn agent(layer: Layer, stem: &str, prompt: &str) -> SourceFile {
        file(layer, Kind::Agent, stem, &format!("---\ndescription: d\n---\n{prompt}\n"))
    }

    fn claude() -> Vec<String> {
        vec!["claude".to_owned()]
    }

    fn messages(problems: &[Problem]) -> Vec<&str> {
        problems.iter().map(|problem| problem.message.as_str()).collect()
    }

    #[test]
    fn what_is_built_in_loads_and_fits_without_a_problem() {
        let (library, problems) = load(&built_in(), &claude(), false);
        assert_eq!(problems, []);
        assert_eq!(library.agents.len(), 10);
        let teams: Vec<&str> = library.teams.keys().map(String::as_str).collect();
        assert_eq!(teams, ["default", "fast-fix", "implementation", "research", "review", "reviewed"]);
        for team in library.teams.values() {
            assert_eq!(team.workflow, team.name);
            assert_eq!(fits(&library.workflows[&team.name], team, &library), []);
        }
        for agent in library.agents.values() {
            // With which command a review is handed in stands in the task.
            let is_told = agent.prompt.contains("crew submit") || agent.name.ends_with("reviewer");
            assert!(is_told, "{}", agent.name);
            assert!((15..=45).contains(&agent.prompt.lines().count()), "{}", agent.name);
        }
    }

    #[test]
    fn a_later_layer_replaces_a_name_only_when_trusted() {
        let mut files = built_in();
        files.push(agent(Layer::Project, "critic", "mine"));
        files.push(agent(Layer::User, "own", "user's"));
        let (library, problems) = load(&files, &[], false);
        let expected = "`critic` is built in; a project file may not replace it without --trust-project";
        assert_eq!(messages(&problems), [expected]);
        assert_eq!(library.agents["critic"].source.layer, Layer::BuiltIn);
        assert_eq!(library.agents["own"].prompt, "user's");
        let (library, problems) = load(&files, &[], true);
        assert_eq!(problems, []);
        assert_eq!(library.agents["critic"].prompt, "mine");
    }

    #[test]
    fn a_user_file_may_not_be_replaced_by_a_project_file_either() {
        let files = [agent(Layer::Project, "own", "theirs"), agent(Layer::User, "own", "mine")];
        let (library, problems) = load(&files, &[], false);
        assert!(problems[0].message.starts_with("`own` is a user agent; a project file"), "{problems:?}");
        assert_eq!(library.agents["own"].prompt, "mine");
    }

    #[test]
    fn two_files_of_one_layer_with_one_name_are_both_told() {
        let named = "---\nname: one\ndescription: d\n---\nbody";
        for trusted in [false, true] {
            let files =
                [file(Layer::User, Kind::Team, "two", named), file(Layer::User, Kind::Team, "one", named)];
            let (_, problems) = load(&files, &[], trusted);
            let twice = problems
                .iter()
                .find(|problem| problem.path == "user/two.md" && problem.line == Some(2))
                .unwrap();
            assert_eq!(twice.message, "the team `one` also stands in user/one.md");
        }
    }

    #[test]
    fn an_agent_file_cannot_be_called_like_a_program() {
        let (library, problems) = load(&[agent(Layer::User, "claude", "x")], &claude(), true);
        assert!(problems[0].message.contains("the name of a program"));
        assert!(library.agents.is_empty());
    }

    #[test]
    fn what_crew_wrote_for_another_program_is_none_of_its_agents_and_what_only_speaks_of_that_is_one() {
        let mark = "<!-- crew:export claude sha256=ab file=.claude/agents/crew-critic.md `crew` -->";
        let text = format!("---\nname: crew-critic\n---\n{mark}\n\nLook.\n");
        let foreign = |stem: &str, text: &str| file(Layer::Project, Kind::ClaudeAgent, stem, text);
        let files = [
            foreign("crew-critic", &text),
            foreign("old", "---\nname: old\n---\n<!-- crew:export claude sha256=ab -->\n\nLook.\n"),
            foreign("mine", &text.replace("crew-critic\n", "mine\n")),
            foreign(
                "porter",
                "---\nname: porter\n---\nFiles with `crew:export claude sha256=` are crew's.\n",
            ),
        ];
        let (library, problems) = load(&files, &claude(), false);
        assert_eq!(problems, []);
        assert_eq!(library.agents.keys().collect::<Vec<_>>(), ["mine", "porter"]);
    }

    #[test]
    fn agents_of_another_program_are_read_leniently_and_never_stand_in_the_way() {
        let foreign = |stem: &str, text: &str| file(Layer::Project, Kind::ClaudeAgent, stem, text);
        let files = [
            agent(Layer::User, "critic", "ours"),
            foreign(
                "a",
                "---\nname: Code Helper\ndescription: Use: \"it\"\ncolor: red\ntools: Read, Glob, Bash(git:*), Task\nmodel: inherit\n---\nHelp.\n",
            ),
            foreign("critic", "---\nname: critic\n---\ntheirs"),
            foreign("claude", "---\nname: claude\n---\nx"),
            foreign("README", "# Our agents"),
            foreign("odd", "---\nname: ../../etc\n---\nx"),
            foreign("only", "---\nname: only\ntools: mcp__x\n---\nx"),
        ];
        let (library, problems) = load(&files, &claude(), false);
        assert_eq!(problems, []);
        assert_eq!(library.agents.keys().collect::<Vec<_>>(), ["code-helper", "critic", "only"]);
        let helper = &library.agents["code-helper"];
        assert_eq!((helper.tools.join(" "), helper.model.clone()), ("read find".to_owned(), None));
        assert_eq!(helper.prompt, "Help.");
        assert_eq!(library.agents["critic"].prompt, "ours");
        assert_eq!(library.agents["only"].tools, ["read"]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported_once_and_not_by_those_who_name_it() {
        let files = [
            file(Layer::User, Kind::Agent, "helper", "no head"),
            file(Layer::User, Kind::Workflow, "flow", "no head"),
            file(Layer::User, Kind::Team, "team", "---\ndescription: d\nworkflow: flow\n---\n- helper:\n"),
        ];
        let (_, problems) = load(&files, &[], false);
        assert_eq!(
            problems.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(),
            ["user/flow.md", "user/helper.md"]
        );
    }

    #[test]
    fn a_hidden_agent_is_not_there() {
        for line in ["disabled: true", "enabled: false"] {
            let text = format!("---\ndescription: d\n{line}\n---\nx");
            let (library, problems) = load(&[file(Layer::User, Kind::Agent, "x", &text)], &[], false);
            assert!(library.agents.is_empty() && problems.is_empty(), "{line}");
        }
    }

    #[test]
    fn problems_come_by_path_and_line() {
        let bad = "---\nwhat: 1\ndescription: d\nwhere: 2\n---\nx";
        let files = [file(Layer::User, Kind::Agent, "b", bad), file(Layer::User, Kind::Agent, "a", bad)];
        let (_, problems) = load(&files, &[], false);
        let order: Vec<_> = problems.iter().map(|problem| (problem.path.as_str(), problem.line)).collect();
        assert_eq!(
            order,
            [("user/a.md", Some(2)), ("user/a.md", Some(4)), ("user/b.md", Some(2)), ("user/b.md", Some(4))]
        );
    }

    #[test]
    fn a_workflow_is_measured_against_the_team_it_is_given_to() {
        let mut files = built_in();
        let text = "---\ndescription: d\n---\n## look\nrole: explorer\n\nLook.\n\n## test\nrun: true\n\n## ask\nagent: claude\n\nAsk.\n";
        files.push(file(Layer::User, Kind::Workflow, "flow", text));
        let (library, problems) = load(&files, &claude(), false);
        assert_eq!(problems, []);
        let mut team = library.teams["review"].clone();
        assert_eq!(fits(&library.workflows["flow"], &team, &library), []);
        team.roles.retain(|role| role.name != "explorer");
        team.roles[0].agent = "claud".to_owned();
        let problems = fits(&library.workflows["flow"], &team, &library);
        assert_eq!(
            messages(&problems),
            [
                "role `reviewer`: there is no agent `claud`",
                "step `look`: the team `review` has no role `explorer`"
            ]
        );
        assert_eq!(problems[0].hint.as_deref(), Some("did you mean `claude`?"));
        assert_eq!(problems[1].line, Some(5));
    }

    #[test]
    fn every_problem_of_a_file_is_told() {
        let text = "---\nnope: 1\n---\n## a\ndependsOn: b, c\ntimeout: x\n\nDo.\n## b\ndependsOn: a\nretries: 99\n\nDo.\n";
        let (_, problems) = load(&[file(Layer::User, Kind::Workflow, "w", text)], &[], false);
        assert_eq!(problems.len(), 6, "{problems:#?}");
    }

    // The bound is generous, since tests run unoptimised on busy machines; anything quadratic takes far longer.
    #[test]
    #[allow(clippy::disallowed_methods)]
    fn ten_thousand_steps_load_quickly_in_a_chain_and_in_a_fan() {
        let head = "---\ndescription: d\n---\n## s0\nrun: true\n\n";
        let steps = |dependency: &dyn Fn(usize) -> usize| -> String {
            let step = |at: usize| format!("## s{at}\nrun: true\ndependsOn: s{}\n\n", dependency(at));
            (1..10_000).map(step).collect()
        };
        let all: Vec<String> = (0..10_000).map(|at| format!("s{at}")).collect();
        let fan_in = format!("{}## end\nrun: true\ndependsOn: {}\n", steps(&|_| 0), all.join(", "));
        for body in [steps(&|at| at - 1), steps(&|_| 0), fan_in] {
            let started = std::time::Instant::now();
            let (library, problems) =
                load(&[file(Layer::User, Kind::Workflow, "long", &format!("{head}{body}"))], &[], false);
            assert_eq!(problems, []);
            assert!(library.workflows["long"].steps.len() >= 10_000);
            assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
        }
    }

    fn any_kind() -> impl Strategy<Value = Kind> {
        prop_oneof![Just(Kind::Agent), Just(Kind::ClaudeAgent), Just(Kind::Team), Just(Kind::Workflow)]
    }

    const PIECES: [&str; 30] = [
        "---\n",
        "name: x\n",
        "description: é\n",
        "## a\n",
        "## b\n",
        "role: r\n",
        "dependsOn: a, b\n",
        "\n",
        "```\n",
        "run: x\n",
        "when: a.state == failed && (\n",
        "when: always\n",
        "reads: o.md\n",
        "output: o.md\n",
        "- a: agent=b\n",
        "- ",
        "\r\n",
        "tools: [",
        "]",
        ": ",
        "\u{feff}",
        "&a *a\n",
        "timeout: 9e9h\n",
        "retries: -1\n",
        "text é\n",
        "##",
        "\t",
        "confidence: .nan\n",
        "verify: true\n",
        "|\n  x\n",
    ];

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(kind in any_kind(), text in "\\PC{0,60}") {
            load(&[file(Layer::User, kind, "x", &text), file(Layer::User, kind, "y", &format!("---\n{text}"))], &[], true);
        }

        #[test]
        fn any_mixture_of_what_files_hold_is_read_or_refused(
            kind in any_kind(),
            pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..40),
        ) {
            let text = format!("---\ndescription: d\n{}", pieces.concat());
            let lines = text.split('\n').count();
            let (_, problems) = load(&[file(Layer::User, kind, "x", &text)], &[], true);
            for problem in problems {
                prop_assert!(problem.line.is_none_or(|line| (1..=lines + 1).contains(&line)), "{problem:?}");
            }
        }
    }
}
