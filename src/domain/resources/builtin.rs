//! The resources that are part of the program.

use super::{Kind, Layer, SourceFile};

/// Names a built-in file and takes in its text.
macro_rules! files {
    ($($kind:ident $folder:literal $suffix:literal: $($stem:literal)*;)*) => {
        [$($((
            Kind::$kind,
            $stem,
            concat!($folder, "/", $stem, $suffix),
            include_str!(concat!("builtin/", $folder, "/", $stem, $suffix)),
        ),)*)*]
    };
}

/// Returns the files of the lowest layer.
pub fn built_in() -> Vec<SourceFile> {
    let files = files! {
        Agent "agents" ".md": "analyst" "critic" "executor" "explorer" "planner" "reviewer" "security-reviewer"
            "test-engineer" "verifier" "writer";
        Team "teams" ".team.md": "default" "fast-fix" "implementation" "research" "review" "reviewed";
        Workflow "workflows" ".workflow.md": "default" "fast-fix" "implementation" "research" "review" "reviewed";
    };
    let source = |(kind, stem, path, text): (Kind, &str, &str, &str)| SourceFile {
        layer: Layer::BuiltIn,
        path: format!("built-in/{path}"),
        stem: stem.to_owned(),
        kind,
        text: text.to_owned(),
    };
    files.into_iter().map(source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::resources::load;
    use crate::domain::submission::{HandedIn, Kind, ResultBody, Statement, Terms};

    fn example(role: &str, prompt: &str) -> ResultBody {
        let (_, rest) = prompt.split_once("printf '%s' '").unwrap();
        let body =
            serde_json::from_str(rest.split_once("' |\n        crew submit result --json -").unwrap().0)
                .unwrap();
        let terms = Terms::of_role(role);
        match Statement::read(Kind::Result, &body, &terms) {
            Ok(Statement::Conclusion(HandedIn::Result(result))) => result,
            other => panic!("{role}: {other:?}"),
        }
    }

    #[test]
    fn the_result_that_each_prompt_shows_would_be_accepted() {
        let (library, _) = load(&built_in(), &[], false);
        for (name, agent) in &library.agents {
            if name.ends_with("reviewer") {
                // A review is handed in otherwise than a result, and which of them is wanted the task says.
                assert!(agent.prompt.contains("`quote`") && !agent.prompt.contains("crew submit"), "{name}");
                continue;
            }
            let result = example(name, &agent.prompt);
            assert!(result.details.is_some() && result.findings.is_empty(), "{name}");
        }
    }

    #[test]
    fn every_role_that_may_write_is_told_to_leave_history_alone_and_every_other_to_leave_files_alone() {
        let (library, _) = load(&built_in(), &[], false);
        for (name, agent) in &library.agents {
            let writes = agent.tools.iter().any(|tool| tool == "write");
            assert_eq!(writes, ["executor", "test-engineer", "writer"].contains(&name.as_str()), "{name}");
            let warning = if writes { "ommit" } else { "change no file" };
            assert!(agent.prompt.to_lowercase().contains(warning), "{name}");
            assert!(agent.prompt.contains("data"), "{name}");
        }
    }

    #[test]
    fn the_review_team_examines_from_all_sides_at_once_and_always_reports() {
        let (library, _) = load(&built_in(), &[], false);
        let steps = &library.workflows["review"].steps;
        let waiting = |id: &str| steps.iter().find(|step| step.id == id).unwrap().depends_on.join(" ");
        assert_eq!(
            (waiting("review"), waiting("security-review"), waiting("verify")),
            ("explore".into(), "explore".into(), String::new())
        );
        let report = steps.last().unwrap();
        assert_eq!(
            (report.depends_on.len(), report.when.as_ref().unwrap().is_always()),
            (steps.len() - 1, true)
        );
    }
}
