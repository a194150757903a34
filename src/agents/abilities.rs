//! What each agent can do, and where its sign-in is kept.
//!
//! What an agent can be asked for is found out by asking its adapter; only what a command line does not show stands in
//! a table.

use super::{Access, Agent, Assignment, builtin, claude, codex, gemini, opencode, pi};
use std::path::{Path, PathBuf};

/// Every level of thinking that an agent file may ask for.
const LEVELS: [&str; 6] = ["off", "minimal", "low", "medium", "high", "xhigh"];

/// What keeps an agent in a read-only role from writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOnly {
    /// The operating system: nothing can be written, whatever the agent runs.
    Sandbox,
    /// The agent refuses tools and commands that write.
    Permissions,
    /// It has no tools that edit, but its shell can write.
    Tools,
    /// It does not write by itself.
    ByNature,
    /// Nothing.
    Nothing,
}

impl ReadOnly {
    /// Returns the word for it.
    pub fn name(self) -> &'static str {
        match self {
            ReadOnly::Sandbox => "sandbox",
            ReadOnly::Permissions => "permissions",
            ReadOnly::Tools => "tools",
            ReadOnly::ByNature => "by nature",
            ReadOnly::Nothing => "nothing",
        }
    }
}

/// What an agent can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abilities {
    pub read_only: ReadOnly,
    pub writes: bool,
    pub resumes: bool,
    /// Levels of thinking that it can be asked for.
    pub thinking: Vec<&'static str>,
    /// The system prompt has a place of its own; elsewhere it stands in front of the prompt.
    pub system_prompt: bool,
    pub max_turns: bool,
    /// It says what its work has cost; `None` where nobody knows.
    pub prices: Option<bool>,
}

impl Abilities {
    /// Finds out what an agent can do.
    pub fn of(agent: &dyn Agent) -> Abilities {
        let plain = Assignment::bare();
        // Where a command stands for no model by itself, it is asked with one.
        let model = agent.command(&plain).is_err().then_some("m");
        let plain = Assignment { model, ..plain };
        let can = |asked: Assignment<'_>| agent.command(&asked).is_ok();
        let thinks = |level: &&str| can(Assignment { thinking: Some(level), ..plain.clone() });
        Abilities {
            read_only: read_only(agent.name()),
            writes: can(Assignment { role: "executor", access: Access::Write, ..plain.clone() }),
            resumes: agent.resumes_sessions(),
            thinking: match agent.name() {
                builtin::NAME => Vec::new(),
                _ => LEVELS.into_iter().filter(thinks).collect(),
            },
            system_prompt: agent.takes_system_prompt(),
            max_turns: agent.name() != builtin::NAME
                && can(Assignment { max_turns: Some(1), ..plain.clone() }),
            prices: tells_cost(agent),
        }
    }
}

fn read_only(name: &str) -> ReadOnly {
    match name {
        "codex" => ReadOnly::Sandbox,
        "claude" | "gemini" | "opencode" => ReadOnly::Permissions,
        "pi" => ReadOnly::Tools,
        builtin::NAME => ReadOnly::ByNature,
        _ => ReadOnly::Nothing,
    }
}

/// Tells whether an agent says what its work has cost; `None` where nobody knows.
pub fn tells_cost(agent: &dyn Agent) -> Option<bool> {
    match agent.name() {
        "claude" | "opencode" | "pi" => Some(true),
        "codex" | "gemini" => Some(false),
        // It costs nothing.
        builtin::NAME => Some(true),
        _ => None,
    }
}

/// A file below a folder that a variable may move.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The variable that names the folder, where there is one.
    variable: Option<&'static str>,
    /// The folder below the home directory where the variable is not set.
    folder: &'static str,
    file: &'static str,
}

const fn place(variable: &'static str, folder: &'static str, file: &'static str) -> Place {
    Place { variable: Some(variable), folder, file }
}

/// Where an agent's sign-in is kept.
#[derive(Clone, Copy, Debug)]
pub struct SignIn {
    /// Variables that hold a key, as far as crew passes them on.
    pub variables: &'static [&'static str],
    /// JSON files that hold keys or tokens, and are empty or gone after a sign-out.
    pub files: &'static [Place],
    /// Files of settings that may hold a key, a command that prints one, or a provider that needs none.
    pub perhaps: &'static [Place],
    /// The agent may keep its sign-in in the system's keychain, or have models that need none.
    pub elsewhere: bool,
}

/// The sign-in of Claude Code. `CLAUDE_CODE_OAUTH_TOKEN` never reaches a child of crew. Seen in 2.1; on macOS the tokens
/// are in the keychain.
const CLAUDE: SignIn = SignIn {
    variables: &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"],
    files: &[place("CLAUDE_CONFIG_DIR", ".claude", ".credentials.json")],
    perhaps: &[place("CLAUDE_CONFIG_DIR", ".claude", "settings.json")],
    elsewhere: cfg!(target_os = "macos"),
};

/// The sign-in of Codex. Without a provider of its own in `config.toml` it does not look at `OPENAI_API_KEY` (tried with
/// 0.169); `config.toml` may also move the tokens to the keychain.
const CODEX: SignIn = SignIn {
    variables: &["CODEX_API_KEY"],
    files: &[place("CODEX_HOME", ".codex", "auth.json")],
    perhaps: &[place("CODEX_HOME", ".codex", "config.toml")],
    elsewhere: false,
};

/// The sign-in of Gemini CLI. `gemini-credentials.json` is encrypted and may hold tokens of tool servers only.
const GEMINI: SignIn = SignIn {
    variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"],
    files: &[place("GEMINI_CLI_HOME", "", ".gemini/oauth_creds.json")],
    perhaps: &[
        place("GEMINI_CLI_HOME", "", ".gemini/gemini-credentials.json"),
        place("GEMINI_CLI_HOME", "", ".gemini/settings.json"),
        place("GEMINI_CLI_HOME", "", ".gemini/.env"),
        Place { variable: None, folder: "", file: ".env" },
    ],
    elsewhere: cfg!(target_os = "macos"),
};

/// The sign-in of OpenCode, which has models that need none.
const OPENCODE: SignIn = SignIn {
    variables: opencode::KEYS,
    files: &[place("XDG_DATA_HOME", ".local/share", "opencode/auth.json")],
    perhaps: &[],
    elsewhere: true,
};

/// The sign-in of Pi. `models.json` may define providers with keys.
const PI: SignIn = SignIn {
    variables: pi::KEYS,
    files: &[place("PI_CODING_AGENT_DIR", ".pi/agent", "auth.json")],
    perhaps: &[place("PI_CODING_AGENT_DIR", ".pi/agent", "models.json")],
    elsewhere: false,
};

/// Returns where an agent's sign-in is kept, for agents of which crew knows it.
pub fn sign_in(agent: &dyn Agent) -> Option<&'static SignIn> {
    let name = agent.name();
    let known: [(&dyn Agent, &SignIn); 5] = [
        (&claude::Claude, &CLAUDE),
        (&codex::Codex, &CODEX),
        (&gemini::Gemini, &GEMINI),
        (&opencode::Opencode, &OPENCODE),
        (&pi::Pi, &PI),
    ];
    known.into_iter().find(|(agent, _)| agent.name() == name).map(|(_, sign_in)| sign_in)
}

/// Whether an agent is signed in, as far as files and variables tell without asking a model. Whether a key still works,
/// they do not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedIn {
    /// It needs no sign-in.
    NotNeeded,
    /// A variable holds a key.
    ByVariable(&'static str),
    /// A file holds a key or a token.
    ByFile(PathBuf),
    No,
    Unknown,
}

impl SignedIn {
    /// Returns the word for it.
    pub fn name(&self) -> &'static str {
        match self {
            SignedIn::NotNeeded => "not needed",
            SignedIn::ByVariable(_) | SignedIn::ByFile(_) => "yes",
            SignedIn::No => "no",
            SignedIn::Unknown => "unknown",
        }
    }

    /// Says by what, never with which key.
    pub fn by(&self) -> Option<String> {
        match self {
            SignedIn::ByVariable(name) => Some((*name).to_owned()),
            SignedIn::ByFile(path) => Some(path.display().to_string()),
            _ => None,
        }
    }
}

/// Decides whether an agent is signed in. `variable` looks into the environment and `read` reads a file.
pub fn signed_in(
    agent: &dyn Agent,
    variable: impl Fn(&str) -> Option<String>,
    read: impl Fn(&Path) -> Option<String>,
) -> SignedIn {
    if agent.name() == builtin::NAME {
        return SignedIn::NotNeeded;
    }
    let Some(sign_in) = sign_in(agent) else { return SignedIn::Unknown };
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    if let Some(name) = sign_in.variables.iter().find(|name| set(name).is_some()) {
        return SignedIn::ByVariable(name);
    }
    let path = |place: &Place| {
        let moved = place.variable.and_then(set).map(PathBuf::from);
        let folder = moved.or_else(|| Some(Path::new(&set("HOME")?).join(place.folder)))?;
        Some(folder.join(place.file))
    };
    let mut files = sign_in.files.iter().filter_map(path);
    if let Some(file) = files.find(|file| read(file).is_some_and(|text| holds_anything(&text))) {
        return SignedIn::ByFile(file);
    }
    let perhaps = sign_in.perhaps.iter().filter_map(path).any(|file| read(&file).is_some());
    if perhaps || sign_in.elsewhere { SignedIn::Unknown } else { SignedIn::No }
}

/// Tells whether a file of credentials holds any: a JSON object with members.
fn holds_anything(text: &str) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_str(text).ok();
    value.is_some_and(|value| value.as_object().is_some_and(|members| !members.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::assignment;
    use super::super::{custom::CustomAgent, known};
    use super::*;
    use serde_json::json;

    fn asked(agent: &dyn Agent, variables: &[(&str, &str)], files: &[(&str, &str)]) -> SignedIn {
        let find = |list: &[(&str, &str)], name: &str| {
            list.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let home = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
        signed_in(
            agent,
            |name| find(variables, name).or_else(|| home(name)),
            |path| find(files, &path.display().to_string()),
        )
    }

    #[test]
    fn what_the_adapters_refuse_is_no_ability() {
        let abilities: Vec<Abilities> = known().iter().map(|agent| Abilities::of(&**agent)).collect();
        let levels = |at: usize| abilities[at].thinking.join(" ");
        assert_eq!(levels(0), "off low medium high xhigh", "claude");
        assert_eq!(levels(1), "off minimal low medium high xhigh", "codex");
        assert_eq!(levels(2), "", "gemini");
        assert_eq!(levels(3), "minimal low medium high xhigh", "opencode");
        assert!(abilities.iter().all(|abilities| abilities.resumes && abilities.writes));
        let turns: Vec<bool> = abilities.iter().map(|abilities| abilities.max_turns).collect();
        assert_eq!(turns, [true, false, false, true, false]);
        let builtin = Abilities::of(&builtin::BuiltIn::new("crew".into()));
        assert!(!builtin.writes && !builtin.resumes && builtin.thinking.is_empty());
    }

    #[test]
    fn an_agent_of_the_settings_can_what_its_settings_say() {
        let settings = json!({"name": "mine", "command": "my-agent -m {model}", "prompt": "stdin",
            "output": "text", "writes": true});
        let mine: CustomAgent = serde_json::from_value(settings).unwrap();
        let abilities = Abilities::of(&mine);
        assert!(abilities.writes && !abilities.resumes);
        assert_eq!((abilities.read_only, abilities.prices), (ReadOnly::Nothing, None));
        assert_eq!(asked(&mine, &[], &[]), SignedIn::Unknown);
    }

    #[test]
    fn every_variable_of_a_sign_in_reaches_the_agent() {
        for agent in known() {
            let passed = agent.command(&assignment(Access::ReadOnly)).unwrap().pass_env;
            for variable in sign_in(&*agent).unwrap().variables {
                assert!(passed.iter().any(|name| name == variable), "{} {variable}", agent.name());
            }
        }
    }

    #[test]
    fn a_key_or_a_file_with_something_in_it_is_a_sign_in() {
        let claude = &claude::Claude;
        assert_eq!(
            asked(claude, &[("ANTHROPIC_API_KEY", "sk")], &[]),
            SignedIn::ByVariable("ANTHROPIC_API_KEY")
        );
        assert_eq!(asked(&codex::Codex, &[("CODEX_API_KEY", " ")], &[]), SignedIn::No);
        let file = "/home/me/.codex/auth.json";
        assert_eq!(asked(&codex::Codex, &[], &[(file, r#"{"tokens":{}}"#)]), SignedIn::ByFile(file.into()));
        for nothing in ["{}", "", "x"] {
            assert_eq!(asked(&codex::Codex, &[], &[(file, nothing)]), SignedIn::No);
        }
    }

    #[test]
    fn a_folder_that_is_moved_is_looked_at_where_it_is() {
        let moved = [("PI_CODING_AGENT_DIR", "/else")];
        let files = [("/else/auth.json", r#"{"openai":{}}"#)];
        assert_eq!(asked(&pi::Pi, &moved, &files), SignedIn::ByFile("/else/auth.json".into()));
        assert_eq!(asked(&pi::Pi, &[], &files), SignedIn::No);
    }

    #[test]
    fn what_cannot_be_known_is_unknown() {
        assert_eq!(asked(&opencode::Opencode, &[], &[]), SignedIn::Unknown);
        let settings = [("/home/me/.codex/config.toml", "model_provider = 'mine'")];
        assert_eq!(asked(&codex::Codex, &[], &settings), SignedIn::Unknown);
        let builtin = builtin::BuiltIn::new("crew".into());
        assert_eq!(asked(&builtin, &[], &[]), SignedIn::NotNeeded);
    }
}
