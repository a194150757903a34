//! What each program is given, in its own form.
//!
//! Where the files lie and what their heads say is from each program's documentation: Claude Code's sub-agents and skills
//! (code.claude.com/docs), Codex's AGENTS.md, Cursor's rules (docs.cursor.com), Gemini CLI's custom commands
//! (geminicli.com/docs/cli/custom-commands) and OpenCode's agents and commands (opencode.ai/docs).

use super::marks::{Comment, mark, section, summed};
use super::{Form, Tool, Wanted};
use crate::domain::resources::AgentFile;
use crate::domain::words::clean_line;

/// How to work with crew, for an agent.
const GUIDE: &str = include_str!("guide.md");
/// When that is of use.
const GUIDE_USE: &str =
    "Runs teams of coding agents on this repository with crew, and reviews changes with several of them";
/// What stands before the prompt of a role that is asked for outside of a run.
const PREFACE: &str = "Where `CREW_TASK` is not set, no run waits for a submission: answer with what you would hand in, \
                       instead of running `crew submit`.";
/// The most characters of a description.
const MAX_DESCRIPTION: usize = 500;

/// Returns the files that a tool is given for these agents.
pub fn wanted(tool: Tool, agents: &[&AgentFile]) -> Vec<Wanted> {
    let mut files: Vec<Wanted> = match tool {
        Tool::Codex => return vec![codex(agents)],
        Tool::Claude => vec![own(tool, ".claude/skills/crew/SKILL.md", &claude_skill())],
        Tool::Cursor => vec![own(tool, ".cursor/rules/crew.mdc", &rule(GUIDE_USE, GUIDE))],
        Tool::Gemini => vec![own(tool, ".gemini/commands/crew.toml", &command(GUIDE_USE, GUIDE))],
        Tool::Opencode => vec![own(tool, ".opencode/command/crew.md", &opencode_command())],
    };
    for agent in agents {
        let name = &agent.name;
        let (path, text) = match tool {
            Tool::Claude => (format!(".claude/agents/crew-{name}.md"), claude_agent(agent)),
            Tool::Cursor => (format!(".cursor/rules/crew-{name}.mdc"), rule(&of(agent), &prompt(agent))),
            Tool::Gemini => {
                (format!(".gemini/commands/crew/{name}.toml"), command(&of(agent), &prompt(agent)))
            }
            Tool::Opencode => (format!(".opencode/agent/crew-{name}.md"), opencode_agent(agent)),
            Tool::Codex => continue,
        };
        files.push(own(tool, &path, &text));
    }
    files
}

/// Where the mark goes; a head has to come first.
const HERE: &str = "\u{0}mark\u{0}";

fn own(tool: Tool, path: &str, text: &str) -> Wanted {
    let comment = if path.ends_with(".toml") { Comment::Toml } else { Comment::Markdown };
    let text = summed(&text.replace(HERE, &mark(comment, tool.name(), path)), tool.name());
    Wanted { path: path.to_owned(), form: Form::Own, text }
}

fn of(agent: &AgentFile) -> String {
    clean_line(&agent.description, MAX_DESCRIPTION)
}

fn prompt(agent: &AgentFile) -> String {
    format!("{PREFACE}\n\n{}", agent.prompt.trim())
}

/// Returns a text as YAML takes it whatever it says; JSON's strings are YAML's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn claude_skill() -> String {
    format!("---\nname: crew\ndescription: {}\n---\n{HERE}\n\n{}", quoted(GUIDE_USE), GUIDE)
}

fn claude_agent(agent: &AgentFile) -> String {
    let mut head = format!("name: crew-{}\ndescription: {}\n", agent.name, quoted(&of(agent)));
    let mut tools: Vec<&str> = Vec::new();
    for tool in &agent.tools {
        let theirs: &[&str] = match tool.as_str() {
            "read" => &["Read"],
            "grep" => &["Grep"],
            "find" | "ls" => &["Glob"],
            "bash" => &["Bash"],
            "edit" => &["Edit"],
            "write" => &["Write"],
            "web" => &["WebFetch", "WebSearch"],
            _ => &[],
        };
        theirs.iter().for_each(|theirs| {
            if !tools.contains(theirs) {
                tools.push(theirs);
            }
        });
    }
    if !tools.is_empty() {
        head.push_str(&format!("tools: {}\n", tools.join(", ")));
    }
    let is_theirs = |model: &&String| {
        ["haiku", "sonnet", "opus"].contains(&model.as_str()) || model.starts_with("claude-")
    };
    if let Some(model) = agent.model.as_ref().filter(is_theirs) {
        head.push_str(&format!("model: {}\n", quoted(model)));
    }
    format!("---\n{head}---\n{HERE}\n\n{}\n", prompt(agent))
}

/// A rule that Cursor's agent takes up where its description fits.
fn rule(description: &str, body: &str) -> String {
    format!("---\ndescription: {}\nalwaysApply: false\n---\n{HERE}\n\n{}\n", quoted(description), body.trim())
}

/// A command of Gemini's, which takes `!{...}` for a shell command and `@{...}` for a file: none of these is meant.
fn command(description: &str, body: &str) -> String {
    let body = body.trim().replace("!{", "! {").replace("@{", "@ {").replace("{{", "{ {");
    let body = format!("{body}\n\nThe task: ");
    let text = serde_json::Value::from(body).to_string();
    // What JSON and TOML write alike but for this one.
    let (text, description) =
        (text.replace('\u{7f}', "\\u007f"), quoted(description).replace('\u{7f}', "\\u007f"));
    let text = format!("{}{{{{args}}}}\"", text.strip_suffix('"').unwrap_or(&text));
    format!("{HERE}\ndescription = {description}\nprompt = {text}\n")
}

fn opencode_command() -> String {
    format!(
        "---\ndescription: {}\n---\n{HERE}\n\n{}\n\nThe task: $ARGUMENTS\n",
        quoted(GUIDE_USE),
        GUIDE.trim()
    )
}

fn opencode_agent(agent: &AgentFile) -> String {
    let mut head = format!("description: {}\nmode: subagent\n", quoted(&of(agent)));
    let lacks = |tool: &str| !agent.tools.is_empty() && !agent.tools.iter().any(|known| known == tool);
    let mut denied = Vec::new();
    if !agent.may_write(&agent.name) {
        denied.push("edit");
    }
    denied.extend(lacks("bash").then_some("bash"));
    denied.extend(lacks("web").then_some("webfetch"));
    if !denied.is_empty() {
        head.push_str("permission:\n");
        denied.iter().for_each(|name| head.push_str(&format!("  {name}: deny\n")));
    }
    if let Some(model) = agent.model.as_ref().filter(|model| model.contains('/')) {
        head.push_str(&format!("model: {}\n", quoted(model)));
    }
    format!("---\n{head}---\n{HERE}\n\n{}\n", prompt(agent))
}

/// Codex reads at most 32 KiB of AGENTS.md, so it is told where a role's prompt stands, and not all of them.
fn codex(agents: &[&AgentFile]) -> Wanted {
    let mut body =
        format!("## crew\n\n{}\n\nRoles, each of which `crew show NAME` prints whole:\n\n", GUIDE.trim());
    for agent in agents {
        body.push_str(&format!("- `{}`: {}\n", agent.name, of(agent)));
    }
    let text = section(Tool::Codex.name(), &body);
    Wanted { path: "AGENTS.md".into(), form: Form::Section, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::resources::{Library, built_in, load};

    fn library() -> Library {
        load(&built_in(), &[], false).0
    }

    fn file(tool: Tool, path: &str) -> String {
        let library = library();
        let agents: Vec<&AgentFile> = library.agents.values().collect();
        let files = wanted(tool, &agents);
        let found = files.iter().find(|file| file.path == path);
        found
            .unwrap_or_else(|| {
                panic!("{path}: {:?}", files.iter().map(|file| &file.path).collect::<Vec<_>>())
            })
            .text
            .clone()
    }

    #[test]
    fn a_head_comes_first_and_says_what_the_program_reads() {
        let executor = file(Tool::Claude, ".claude/agents/crew-executor.md");
        assert!(executor.starts_with("---\nname: crew-executor\ndescription: \"Carries out"), "{executor}");
        assert!(
            executor.contains("tools: Read, Grep, Glob, Bash, Edit, Write\n---\n<!-- crew:export claude"),
            "{executor}"
        );
        let rule = file(Tool::Cursor, ".cursor/rules/crew-executor.mdc");
        assert!(
            rule.starts_with("---\ndescription: ") && rule.contains("alwaysApply: false\n---\n<!--"),
            "{rule}"
        );
        let explorer = file(Tool::Opencode, ".opencode/agent/crew-explorer.md");
        assert!(explorer.contains("mode: subagent\npermission:\n  edit: deny\n"), "{explorer}");
        assert!(!file(Tool::Opencode, ".opencode/agent/crew-executor.md").contains("edit: deny"));
        assert!(file(Tool::Claude, ".claude/skills/crew/SKILL.md").starts_with("---\nname: crew\n"));
    }

    #[test]
    fn a_command_of_gemini_is_toml_and_starts_nothing_by_itself() {
        let mut agent = library().agents["executor"].clone();
        agent.prompt = "say \"so\" \\ !{rm -rf /} @{/etc/passwd} {{args}} \u{7f}\nnext".into();
        let text = command(&of(&agent), &prompt(&agent));
        let read: toml::Table = toml::from_str(&text.replace(HERE, "")).unwrap();
        let prompt = read["prompt"].as_str().unwrap();
        assert!(prompt.contains("say \"so\" \\ ! {rm -rf /} @ {/etc/passwd} { {args}}"), "{prompt}");
        assert!(prompt.ends_with("The task: {{args}}") && !prompt.contains("!{"), "{prompt}");
        let builtin = file(Tool::Gemini, ".gemini/commands/crew/executor.toml");
        let read: toml::Table = toml::from_str(&builtin).unwrap();
        assert!(read["description"].as_str().unwrap().starts_with("Carries out"));
    }

    #[test]
    fn the_section_for_codex_leaves_room_in_what_it_reads() {
        let section = file(Tool::Codex, "AGENTS.md");
        assert!(section.len() < 8 * 1024, "{}", section.len());
        assert!(section.contains("- `executor`: Carries out"), "{section}");
    }
}
