//! An agent file: who an agent is asked to be.

use super::front_matter::{self, Document, Head};
use super::report::Report;
use super::{Kind, Source, is_name, read_description, read_name};
use serde::Serialize;

/// Who an agent is: its prompt, its tools and its model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentFile {
    pub name: String,
    pub description: String,
    /// `None` leaves the choice to the program.
    pub model: Option<String>,
    /// Models to try in this order when the first cannot be had.
    pub fallback_models: Vec<String>,
    pub thinking: Option<Thinking>,
    /// Allowed tools in crew's words; empty means that the file does not say.
    pub tools: Vec<String>,
    pub max_turns: Option<u32>,
    pub routing: Routing,
    /// The body of the file.
    pub prompt: String,
    pub source: Source,
}

/// The roles that read only, unless an agent file says otherwise by listing a tool that writes.
const READING: [&str; 8] =
    ["analyst", "critic", "explorer", "planner", "reviewer", "security-reviewer", "verifier", "writer"];

impl AgentFile {
    /// Tells whether an agent may change files in a role: its file lists a tool that does, or no tools at all and the
    /// role is not one of those that read only.
    pub fn may_write(&self, role: &str) -> bool {
        match self.tools.is_empty() {
            true => !READING.contains(&role),
            false => self.tools.iter().any(|tool| tool == "edit" || tool == "write"),
        }
    }
}

/// What helps to choose an agent or a team for a goal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Routing {
    pub triggers: Vec<String>,
    pub use_when: Vec<String>,
    pub avoid_when: Vec<String>,
    pub cost: Option<Cost>,
    pub category: Option<String>,
}

/// What it costs to ask, roughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cost {
    Free,
    Cheap,
    Expensive,
}

/// How much a model is to think before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Thinking {
    Off,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
}

impl Thinking {
    pub(super) const WORDS: [(&str, Thinking); 6] = [
        ("off", Thinking::Off),
        ("minimal", Thinking::Minimal),
        ("low", Thinking::Low),
        ("medium", Thinking::Medium),
        ("high", Thinking::High),
        ("xhigh", Thinking::Xhigh),
    ];

    /// Returns the word used in files and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Thinking::Off => "off",
            Thinking::Minimal => "minimal",
            Thinking::Low => "low",
            Thinking::Medium => "medium",
            Thinking::High => "high",
            Thinking::Xhigh => "xhigh",
        }
    }
}

const COSTS: [(&str, Cost); 3] =
    [("free", Cost::Free), ("cheap", Cost::Cheap), ("expensive", Cost::Expensive)];

const TOOLS: [&str; 8] = ["read", "grep", "find", "ls", "bash", "edit", "write", "web"];

const KEYS: [&str; 15] = [
    "name",
    "description",
    "model",
    "fallbackModels",
    "thinking",
    "tools",
    "maxTurns",
    "triggers",
    "trigger",
    "useWhen",
    "avoidWhen",
    "cost",
    "category",
    "disabled",
    "enabled",
];

const UNSUPPORTED: [&str; 10] = [
    "skills",
    "skill",
    "extensions",
    "systemPromptMode",
    "inheritProjectContext",
    "inheritSkills",
    "memory",
    "loadMode",
    "defaultTools",
    "contextMode",
];

/// The most turns an agent may be given.
const MAX_TURNS: u32 = 10_000;

/// Reads an agent file of crew's own; `None` where the file hides its agent.
pub(super) fn read(
    document: Document<'_>,
    stem: &str,
    source: Source,
    report: &mut Report,
) -> Option<AgentFile> {
    let Document { mut head, body, body_line } = document;
    let agent = AgentFile {
        name: read_name(&mut head, Kind::Agent, stem, report),
        description: read_description(&mut head, report),
        model: head.text_or_false("model", report),
        fallback_models: head.list(&["fallbackModels"], report),
        thinking: read_thinking(&mut head, report),
        tools: read_tools(&mut head, report),
        max_turns: head.count("maxTurns", MAX_TURNS, report),
        routing: read_routing(&mut head, report),
        prompt: body.trim().to_owned(),
        source,
    };
    let hidden = head.flag("disabled", report) == Some(true);
    let hidden = head.flag("enabled", report) == Some(false) || hidden;
    head.finish(&KEYS, &UNSUPPORTED, report);
    if agent.prompt.is_empty() {
        let hint = "write below the front matter who the agent is and how it works";
        report.add_with(body_line - 1, "the agent has no prompt", hint);
    }
    (!hidden).then_some(agent)
}

fn read_thinking(head: &mut Head, report: &mut Report) -> Option<Thinking> {
    head.drop_false("thinking");
    head.choice("thinking", &Thinking::WORDS, report)
}

fn read_tools(head: &mut Head, report: &mut Report) -> Vec<String> {
    let line = head.line("tools");
    let tools = head.list(&["tools"], report);
    for tool in &tools {
        if !TOOLS.contains(&tool.as_str()) {
            report.add_unknown(line, format!("there is no tool `{tool}`"), tool, TOOLS.into_iter());
        }
    }
    tools
}

pub(super) fn read_routing(head: &mut Head, report: &mut Report) -> Routing {
    Routing {
        triggers: head.list(&["triggers", "trigger"], report),
        use_when: head.list(&["useWhen"], report),
        avoid_when: head.list(&["avoidWhen"], report),
        cost: head.choice("cost", &COSTS, report),
        category: head.text(&["category"], report),
    }
}

/// Reads an agent file of another program; `None` where crew can make nothing of it.
pub(super) fn read_claude(text: &str, stem: &str, source: Source) -> Option<AgentFile> {
    let Document { mut head, body, .. } = front_matter::read_leniently(text)?;
    // Whatever is odd about a file that was not written for crew is no problem of crew's.
    let report = &mut Report::new(&source.path);
    let name = head.text(&["name"], report).unwrap_or_else(|| stem.to_owned());
    let name = name.to_lowercase().split_whitespace().collect::<Vec<_>>().join("-");
    let prompt = body.trim().to_owned();
    if !is_name(&name) || prompt.is_empty() {
        return None;
    }
    Some(AgentFile {
        name,
        description: head.text(&["description"], report).unwrap_or_default(),
        model: head.text(&["model"], report).filter(|model| model != "inherit"),
        fallback_models: Vec::new(),
        thinking: None,
        tools: read_claude_tools(&mut head, report),
        max_turns: None,
        routing: Routing::default(),
        prompt,
        source,
    })
}

fn read_claude_tools(head: &mut Head, report: &mut Report) -> Vec<String> {
    let restricted = head.line("tools").is_some();
    let mut tools = Vec::new();
    for tool in head.list(&["tools"], report) {
        let tool = match tool.as_str() {
            "Read" => "read",
            "Grep" => "grep",
            "Glob" => "find",
            "LS" => "ls",
            "Bash" => "bash",
            "Edit" | "MultiEdit" | "NotebookEdit" => "edit",
            "Write" => "write",
            "WebFetch" | "WebSearch" => "web",
            // A tool cut down to some uses, as in `Bash(git:*)`, is left out: crew would allow all of it.
            _ => continue,
        };
        if !tools.iter().any(|known| known == tool) {
            tools.push(tool.to_owned());
        }
    }
    // An empty list would mean that everything is allowed.
    if restricted && tools.is_empty() {
        tools.push("read".to_owned());
    }
    tools
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::resources::Layer;

    fn read_text(text: &str) -> (Option<AgentFile>, Report) {
        let mut report = Report::new("x.md");
        let document = front_matter::read(text, &mut report).unwrap();
        let source = Source { layer: Layer::User, path: "x.md".into() };
        (read(document, "x", source, &mut report), report)
    }

    #[test]
    fn every_key_reaches_the_agent() {
        let (agent, report) = read_text(
            "---\nname: helper\ndescription: Helps\nmodel: big\nfallbackModels: small, tiny\nthinking: off\n\
             tools: [read, bash]\nmaxTurns: 6\ntriggers: fix, repair\nuseWhen: [\"it is broken, badly\"]\n\
             avoidWhen: never\ncost: cheap\ncategory: work\nenabled: true\n---\n\nHelp.\n\n",
        );
        assert_eq!(report.into_problems(), []);
        let agent = agent.unwrap();
        assert_eq!(
            (agent.name.as_str(), agent.description.as_str(), agent.prompt.as_str()),
            ("helper", "Helps", "Help.")
        );
        assert_eq!(
            (agent.model.as_deref(), agent.fallback_models.join(" ")),
            (Some("big"), "small tiny".to_owned())
        );
        assert_eq!((agent.thinking, agent.max_turns), (Some(Thinking::Off), Some(6)));
        assert_eq!(agent.tools, ["read", "bash"]);
        assert_eq!(agent.routing.triggers, ["fix", "repair"]);
        assert_eq!(agent.routing.use_when, ["it is broken, badly"]);
        assert_eq!((agent.routing.avoid_when.len(), agent.routing.cost), (1, Some(Cost::Cheap)));
        assert_eq!(agent.routing.category.as_deref(), Some("work"));
    }

    #[test]
    fn false_leaves_the_model_and_the_thinking_unset() {
        let (agent, report) = read_text("---\ndescription: d\nmodel: false\nthinking: false\n---\nx");
        assert_eq!(report.into_problems(), []);
        let agent = agent.unwrap();
        assert_eq!((agent.name.as_str(), agent.model, agent.thinking), ("x", None, None));
    }

    #[test]
    fn every_level_of_thinking_has_the_word_it_is_read_by() {
        for (word, thinking) in Thinking::WORDS {
            assert_eq!(thinking.name(), word);
            assert_eq!(serde_json::to_value(thinking).unwrap(), word);
        }
    }
}
