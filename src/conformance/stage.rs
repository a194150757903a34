//! An empty home in which an agent talks to the scripted model server and to nobody else.

use serde_json::{Value, json};
use std::io;
use std::path::Path;

/// How to start an agent that has been pointed at a model server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Variables of whoever starts the agent. Crew hands them on to its children.
    pub env: Vec<(String, String)>,
    /// The model to ask for; `None` where the configuration has it already.
    pub model: Option<String>,
}

/// The name that the provider has in the agents' configuration.
const PROVIDER: &str = "scripted";
/// The model of that provider.
const MODEL: &str = "model";
/// Nobody looks at the key, but the agents want one.
const KEY: &str = "any";

/// Writes what an agent needs into an empty home, so that it asks the model server at `url`.
pub fn set(agent: &str, home: &Path, url: &str) -> io::Result<Stage> {
    let text = |path: &Path| path.display().to_string();
    let below = |name: &str| text(&home.join(name));
    let mut env = vec![
        ("HOME", text(home)),
        ("XDG_CONFIG_HOME", below(".config")),
        ("XDG_CACHE_HOME", below(".cache")),
        ("XDG_DATA_HOME", below(".local/share")),
        ("XDG_STATE_HOME", below(".local/state")),
    ];
    let mut model = None;
    match agent {
        "claude" => {
            // Telemetry and updates are turned off in the file, because no CLAUDE_CODE_* of ours reaches a child.
            let quiet = json!({"env": {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}});
            write_json(&home.join(".claude/settings.json"), &quiet)?;
            env.push(("CLAUDE_CONFIG_DIR", below(".claude")));
            env.push(("ANTHROPIC_BASE_URL", url.to_owned()));
            env.push(("ANTHROPIC_API_KEY", KEY.to_owned()));
        }
        "codex" => {
            write(&home.join(".codex/config.toml"), &codex_config(url))?;
            env.push(("CODEX_HOME", below(".codex")));
            env.push(("OPENAI_API_KEY", KEY.to_owned()));
        }
        "gemini" => {
            let settings = json!({
                "security": {"auth": {"selectedType": "gemini-api-key"}},
                "privacy": {"usageStatisticsEnabled": false},
                "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false},
            });
            write_json(&home.join(".gemini/settings.json"), &settings)?;
            env.push(("GEMINI_CLI_HOME", text(home)));
            env.push(("GEMINI_API_KEY", KEY.to_owned()));
            env.push(("GOOGLE_GEMINI_BASE_URL", url.to_owned()));
            // It knows what its own models can do, and nothing about others.
            model = Some("gemini-2.5-flash".to_owned());
        }
        "opencode" => {
            let config = json!({
                "$schema": "https://opencode.ai/config.json",
                "autoupdate": false,
                "share": "disabled",
                "provider": {PROVIDER: {
                    "npm": "@ai-sdk/openai-compatible",
                    "options": {"baseURL": format!("{url}/v1"), "apiKey": KEY},
                    "models": {MODEL: {}},
                }},
            });
            let file = home.join(".config/opencode/opencode.json");
            write_json(&file, &config)?;
            env.push(("OPENCODE_CONFIG", text(&file)));
            model = Some(format!("{PROVIDER}/{MODEL}"));
        }
        "pi" => {
            let models = json!({"providers": {PROVIDER: {
                "baseUrl": format!("{url}/v1"),
                "api": "openai-completions",
                "apiKey": KEY,
                "models": [{"id": MODEL}],
            }}});
            write_json(&home.join(".pi/agent/models.json"), &models)?;
            env.push(("PI_CODING_AGENT_DIR", below(".pi/agent")));
            env.push(("PI_OFFLINE", "1".to_owned()));
            model = Some(format!("{PROVIDER}/{MODEL}"));
        }
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("nobody knows how to point `{agent}`"),
            ));
        }
    }
    let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Stage { env, model })
}

/// Crew hands `OPENAI_API_KEY` on to Codex and no key of another name.
fn codex_config(url: &str) -> String {
    format!(
        "model = \"{MODEL}\"\nmodel_provider = \"{PROVIDER}\"\n\n[model_providers.{PROVIDER}]\nname = \"{PROVIDER}\"\n\
         base_url = \"{url}/v1\"\nwire_api = \"responses\"\nenv_key = \"OPENAI_API_KEY\"\n"
    )
}

fn write_json(file: &Path, content: &Value) -> io::Result<()> {
    write(file, &format!("{content:#}\n"))
}

fn write(file: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::{Access, Assignment, known};

    fn assignment<'a>(model: Option<&'a str>) -> Assignment<'a> {
        Assignment {
            role: "executor",
            access: Access::Write,
            prompt: "go",
            prompt_file: Path::new("/run/prompt.md"),
            cwd: Path::new("/repo"),
            inbox: Path::new("/run/inbox"),
            model,
            ..Assignment::bare()
        }
    }

    #[test]
    fn each_agent_is_pointed_at_the_server_by_what_crew_hands_on() {
        /// What every child gets, whoever it is.
        const SHARED: [&str; 5] =
            ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"];
        let url = "http://127.0.0.1:18999";
        for agent in known() {
            let home = tempfile::tempdir().unwrap();
            let stage = set(agent.name(), home.path(), url).unwrap();
            let spec = agent.command(&assignment(stage.model.as_deref())).unwrap();
            for (name, _) in &stage.env {
                let handed_on = SHARED.contains(&name.as_str()) || spec.pass_env.contains(name);
                assert!(handed_on, "{}: {name} never reaches it", agent.name());
            }
            let in_env = stage.env.iter().any(|(_, value)| value == url);
            let in_files = files(home.path()).iter().any(|text| text.contains(&format!("{url}/v1\"")));
            assert!(in_env || in_files, "{}", agent.name());
        }
    }

    fn files(folder: &Path) -> Vec<String> {
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        paths
            .flat_map(
                |path| {
                    if path.is_dir() { files(&path) } else { vec![std::fs::read_to_string(path).unwrap()] }
                },
            )
            .collect()
    }

    #[test]
    fn an_agent_that_nobody_knows_is_refused() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(set("aider", home.path(), "http://x").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
