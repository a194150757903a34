//! Each kind with what is right and what is wrong, read by the parser and held against the schema.

use super::*;
use serde_json::json;

impl Terms {
    /// What a role may hand in that reads only, in a run without a roster.
    pub fn of_role(role: &str) -> Terms {
        Terms { role: role.into(), ..Terms::default() }
    }
}

/// What a role may hand in, in a run with a roster.
fn plain(role: &str) -> Terms {
    let writes = ["executor", "test-engineer"].contains(&role);
    Terms { writes, roster: vec!["alice".into(), "bob".into()], ..Terms::of_role(role) }
}

fn result() -> Value {
    json!({"summary": "done", "confidence": 0.9, "rationale": "tests pass"})
}

fn plan() -> Value {
    json!({"summary": "two steps", "confidence": 0.8, "rationale": "I read it", "risks": ["old callers"],
        "steps": [{"title": "Cut it", "detail": "At the seam", "files": ["src/a.rs"]}, {"title": "Test it"}]})
}

fn question() -> Value {
    json!({"question": "Which one?", "options": ["a", "b"], "default": "b", "deadline_seconds": 60})
}

/// One valid body of each kind, with the role that hands it in.
fn examples() -> Vec<(Kind, &'static str, Value)> {
    let finding = json!({"severity": "error", "category": "logic", "file": "a.rs", "start_line": 3, "end_line": 4,
        "title": "Off by one", "body": "It ends early.", "confidence": 0.8});
    let mut executor = result();
    executor["tests"] = json!(["limit_is_kept shows the limit"]);
    executor["risks"] = json!(["slow on old disks"]);
    executor["follow_ups"] = json!(["document it"]);
    executor["checks"] = json!([{"command": "cargo test", "exit": 0, "note": "3 passed"}]);
    let mut reviewer = result();
    reviewer["findings"] = json!([finding]);
    let mut verifier = result();
    verifier["verdict"] = json!("pass");
    vec![
        (Kind::Result, "executor", executor),
        (Kind::Result, "reviewer", reviewer),
        (Kind::Result, "verifier", verifier),
        (Kind::Result, "planner", result()),
        (Kind::Review, "reviewer", json!({"verdict": "changes_requested", "body": "\nNo tests.\nMore"})),
        (Kind::Noop, "executor", json!({"reason": "it is there"})),
        (Kind::Blocked, "verifier", json!({"reason": "no key"})),
        (Kind::Escalation, "executor", json!({"to": "alice", "reason": "it touches billing"})),
        (Kind::Plan, "planner", plan()),
        (Kind::Question, "executor", question()),
        (
            Kind::Hypothesis,
            "executor",
            json!({"statement": "the cache is stale", "confidence": 0.4, "rationale": "r"}),
        ),
        (Kind::Progress, "executor", json!({"message": "half way", "percent": 50})),
    ]
}

/// Returns an example with one field changed; without a value it is taken out.
fn with(mut body: Value, field: &str, value: Option<Value>) -> Value {
    let fields = body.as_object_mut().expect("an object");
    match value {
        Some(value) => fields.insert(field.into(), value),
        None => fields.remove(field),
    };
    body
}

#[test]
fn each_kind_says_what_it_comes_to() {
    let told: Vec<String> = examples()
        .into_iter()
        .map(|(kind, role, body)| match Statement::read(kind, &body, &plain(role)).expect("it is valid") {
            Statement::Conclusion(handed_in) => {
                assert_eq!(handed_in.kind(), kind);
                handed_in.summary()
            }
            Statement::Note(note) => {
                assert_eq!(note.kind(), kind);
                note.words()
            }
        })
        .collect();
    assert_eq!(
        told,
        [
            "done",
            "done",
            "done",
            "done",
            "changes requested: No tests.",
            "nothing to do: it is there",
            "blocked: no key",
            "escalated to alice: it touches billing",
            "two steps",
            "it asks: Which one? (a, b; `b` is taken after 60 s)",
            "the cache is stale (confidence 0.4)",
            "half way (50 %)",
        ]
    );
}

/// What is wrong with a body: its kind, its role, the field that is changed, its value, the field that is blamed and
/// what is said.
type Row = (Kind, &'static str, &'static str, Option<Value>, &'static str, &'static str);

/// The changes that make an example invalid.
fn mistakes() -> Vec<Row> {
    use Kind::*;
    let some = |value: Value| Some(value);
    let long = || some(json!("x".repeat(MAX_SUMMARY + 1)));
    vec![
        (Result, "executor", "summary", some(json!(" ")), "summary", "summary is empty"),
        (Result, "executor", "summary", long(), "summary", "summary is longer than 4000 characters"),
        (
            Result,
            "executor",
            "confidence",
            some(json!(1.2)),
            "confidence",
            "confidence 1.2 is not between 0 and 1",
        ),
        (Result, "executor", "confidence", some(json!("high")), "confidence", "confidence: invalid type"),
        (Result, "executor", "confidence", None, "confidence", "confidence is missing"),
        (Result, "executor", "rationale", some(json!("")), "rationale", "rationale is empty"),
        (Result, "executor", "rationale", None, "rationale", "rationale is missing"),
        (Result, "executor", "verdict", some(json!("pass")), "verdict", "a verdict comes from a verifier"),
        (Result, "executor", "findings", some(json!([])), "findings", "findings come from a reviewer"),
        (Result, "reviewer", "tests", some(json!(["t"])), "tests", "tests come from a role that writes them"),
        (Result, "verifier", "verdict", None, "verdict", "verdict is missing; a verifier says"),
        (Result, "verifier", "verdict", some(json!("ok")), "verdict", "verdict: unknown variant `ok`"),
        (Result, "executor", "tests", some(json!(["a", ""])), "tests[1]", "tests[1] is empty"),
        (
            Result,
            "executor",
            "risks",
            some(json!(vec!["r"; 201])),
            "risks",
            "risks has 201 entries; 0 to 200",
        ),
        (Result, "executor", "follow_ups", some(json!([3])), "follow_ups[0]", "follow_ups[0]: invalid type"),
        (
            Result,
            "executor",
            "checks",
            some(json!([{"exit": 0}])),
            "checks[0].command",
            "checks[0].command is missing",
        ),
        (
            Result,
            "executor",
            "checks",
            some(json!([{"command": "a", "exits": 0}])),
            "exits",
            "unknown field `exits`: did you mean `exit`?",
        ),
        (Result, "executor", "checks", some(json!([3])), "checks[0]", "expected an object"),
        (
            Result,
            "executor",
            "sumary",
            some(json!("x")),
            "sumary",
            "unknown field `sumary`: did you mean `summary`?",
        ),
        (Result, "executor", "zzz", some(json!("x")), "zzz", "unknown field `zzz`: there are "),
        (Review, "reviewer", "verdict", some(json!("fine")), "verdict", "verdict: unknown variant `fine`"),
        (Review, "reviewer", "body", None, "body", "changes_requested needs a reason: a body or a finding"),
        (Noop, "executor", "reason", some(json!("\u{1b}[0m")), "reason", "reason is empty"),
        (
            Noop,
            "executor",
            "reson",
            some(json!("x")),
            "reson",
            "unknown field `reson`: did you mean `reason`?",
        ),
        (Blocked, "verifier", "reason", None, "reason", "reason is missing"),
        (
            Escalation,
            "executor",
            "to",
            some(json!("alcie")),
            "to",
            "`alcie` is not in the roster: did you mean `alice`?",
        ),
        (
            Escalation,
            "executor",
            "to",
            some(json!("root")),
            "to",
            "`root` is not in the roster, which is alice, bob",
        ),
        (Escalation, "executor", "to", None, "to", "to is missing"),
        (Escalation, "executor", "reason", some(json!("")), "reason", "reason is empty"),
        (Plan, "planner", "summary", some(json!("")), "summary", "summary is empty"),
        (Plan, "planner", "steps", some(json!([])), "steps", "steps has 0 entries; 1 to 200 are allowed"),
        (
            Plan,
            "planner",
            "steps",
            some(json!(vec![json!({"title": "t"}); 201])),
            "steps",
            "steps has 201 entries",
        ),
        (
            Plan,
            "planner",
            "steps",
            some(json!([{"detail": "d"}])),
            "steps[0].title",
            "steps[0].title is missing",
        ),
        (
            Plan,
            "planner",
            "steps",
            some(json!([{"title": " "}])),
            "steps[0].title",
            "steps[0].title is empty",
        ),
        (
            Plan,
            "planner",
            "steps",
            some(json!([{"title": "t", "file": "a"}])),
            "file",
            "unknown field `file`: did you mean `files`?",
        ),
        (
            Plan,
            "planner",
            "confidence",
            some(json!(-1)),
            "confidence",
            "confidence -1 is not between 0 and 1",
        ),
        (Plan, "planner", "rationale", some(json!("")), "rationale", "rationale is empty"),
        (Plan, "planner", "risks", some(json!("none")), "risks", "risks: invalid type"),
        (Question, "executor", "question", some(json!("")), "question", "question is empty"),
        (
            Question,
            "executor",
            "default",
            some(json!("c")),
            "default",
            "default `c` is none of the options: a, b",
        ),
        (
            Question,
            "executor",
            "options",
            some(json!(["a", "a"])),
            "options",
            "options[1] stands there twice",
        ),
        (
            Question,
            "executor",
            "options",
            some(json!(vec!["o"; 21])),
            "options",
            "options has 21 entries; 0 to 20",
        ),
        (Question, "executor", "deadline_seconds", some(json!(0)), "deadline_seconds", "from 1 to 604800"),
        (Hypothesis, "executor", "statement", some(json!("")), "statement", "statement is empty"),
        (
            Hypothesis,
            "executor",
            "confidence",
            some(json!(2)),
            "confidence",
            "confidence 2 is not between 0 and 1",
        ),
        (Hypothesis, "executor", "rationale", None, "rationale", "rationale is missing"),
        (Progress, "executor", "message", None, "message", "message is missing"),
        (
            Progress,
            "executor",
            "percent",
            some(json!(101)),
            "percent",
            "percent 101 is not between 0 and 100",
        ),
        (Progress, "executor", "percnt", some(json!(1)), "percnt", "did you mean `percent`?"),
    ]
}

fn mistaken(row: &Row) -> Value {
    let (kind, role, field, value, ..) = row;
    let example = examples().into_iter().find(|(known, of, _)| known == kind && of == role);
    with(example.expect("an example").2, field, value.clone())
}

#[test]
fn each_wrong_field_is_named() {
    for row in mistakes() {
        let (kind, role, field, _, blamed, message) = &row;
        let said = Statement::read(*kind, &mistaken(&row), &plain(role));
        let refusal = said.expect_err(&format!("{kind:?} {field}"));
        assert_eq!(refusal.field, *blamed, "{kind:?} {field}: {refusal}");
        assert!(refusal.message.contains(message), "{kind:?} {field}: {refusal}");
    }
    let list = Statement::read(Kind::Noop, &json!([]), &plain("executor")).unwrap_err();
    assert_eq!(list.message, "what is handed in has to be a JSON object");
}

/// What a role may not hand in, and what it is told.
#[test]
fn some_kinds_are_for_some_roles() {
    let nobody = Terms { roster: vec![], ..plain("executor") };
    let escalation = json!({"to": "alice", "reason": "r"});
    let asks = |role| Terms { fields: parse_fields("notes text!").unwrap(), ..plain(role) };
    let rows = [
        (Kind::Plan, plan(), asks("planner"), "the step asks for notes, which a result alone can hold"),
        (Kind::Review, json!({"verdict": "approved"}), asks("reviewer"), "the step asks for notes, which"),
        (
            Kind::Noop,
            json!({"reason": "x"}),
            plain("verifier"),
            "a verifier hands in a result with pass, fail",
        ),
        (
            Kind::Review,
            json!({"verdict": "approved"}),
            plain("executor"),
            "a review comes from a reviewer, not from",
        ),
        (
            Kind::Plan,
            plan(),
            plain("executor"),
            "a plan alone does not do what the role executor is asked for",
        ),
        (Kind::Escalation, escalation, nobody, "there is nobody to escalate to: this run has no roster"),
    ];
    for (kind, body, terms, message) in rows {
        let refusal = Statement::read(kind, &body, &terms).unwrap_err();
        assert!(refusal.message.starts_with(message), "{refusal}");
        assert!(!terms.takes(kind), "{kind:?}");
        let known = refusal.message.contains("hand") || refusal.hint.is_some();
        assert!(known, "{kind:?} says nothing to do");
    }
    // Where a plan comes first, it is all that counts, whatever the step asks for in the end.
    let first = Terms { plan_wanted: true, ..asks("executor") };
    assert!(Statement::read(Kind::Plan, &plan(), &first).is_ok() && first.takes(Kind::Plan));
    let refusal = Statement::read(Kind::Result, &result(), &first).unwrap_err();
    assert!(
        refusal.hint.is_some_and(|hint| hint.starts_with("crew submit plan")) && !first.takes(Kind::Result)
    );
    // A role that crew does not know may hand in any field.
    let mut own = result();
    own["verdict"] = json!("fail");
    own["findings"] = json!([]);
    assert!(Statement::read(Kind::Result, &own, &plain("auditor")).is_ok());
}

#[test]
fn words_are_cleaned_and_stay_lines() {
    let said = json!({"summary": "a\u{1b}[31mb\u{202e}", "confidence": 1, "rationale": "r", "details": "x\ny\u{7}",
        "notes": ["c\u{1b}[31md"]});
    let terms = Terms { fields: parse_fields("notes list").unwrap(), ..plain("executor") };
    let Ok(Statement::Conclusion(HandedIn::Result(cleaned))) = Statement::read(Kind::Result, &said, &terms)
    else {
        panic!("it is valid");
    };
    assert_eq!((cleaned.summary.as_str(), cleaned.details.as_deref()), ("ab", Some("x\ny")));
    assert_eq!(cleaned.fields["notes"], json!(["cd"]));
}

#[test]
fn what_was_handed_in_reads_back_as_it_was_recorded() {
    for (kind, role, body) in examples() {
        match Statement::read(kind, &body, &plain(role)).unwrap() {
            Statement::Conclusion(handed_in) => {
                let written = serde_json::to_value(&handed_in).unwrap();
                assert!(written[kind.name()].is_object(), "{written}");
                assert_eq!(serde_json::from_value::<HandedIn>(written).unwrap(), handed_in);
            }
            Statement::Note(note) => {
                let written = serde_json::to_value(&note).unwrap();
                assert_eq!(serde_json::from_value::<Note>(written).unwrap(), note);
            }
        }
    }
    let terms = Terms { fields: parse_fields("endpoints list!").unwrap(), ..plain("executor") };
    let body = with(result(), "endpoints", Some(json!(["/a"])));
    let Ok(Statement::Conclusion(handed_in)) = Statement::read(Kind::Result, &body, &terms) else { panic!() };
    assert_eq!(serde_json::to_value(&handed_in).unwrap(), json!({"result": body}));
}

#[test]
fn a_plan_is_markdown_for_those_who_follow() {
    let Ok(Statement::Conclusion(HandedIn::Plan(plan))) =
        Statement::read(Kind::Plan, &plan(), &plain("planner"))
    else {
        panic!("it is valid");
    };
    assert_eq!(
        plan.to_markdown(),
        "two steps\n\n## Steps\n\n1. Cut it\n   At the seam\n   files: src/a.rs\n\n2. Test it\n\n## Risks\n\n- old callers\n"
    );
}

mod against_the_schema {
    use super::*;

    /// Tells what of a value does not fit a schema. It knows the words that our schemas are made of, and fails on any
    /// other, so that none is passed over.
    fn misfit(value: &Value, schema: &Value) -> Option<String> {
        for (word, rule) in schema.as_object().expect("a schema") {
            let wrong = match word.as_str() {
                "$schema" | "title" | "description" | "default" | "format" => None,
                "type" => (!is_of_type(value, rule)).then(|| format!("{value} is no {rule}")),
                "enum" => {
                    (!rule.as_array().expect("a list").contains(value)).then(|| format!("{value}: {rule}"))
                }
                "const" => (value != rule).then(|| format!("{value} is not {rule}")),
                "anyOf" | "oneOf" => {
                    let mut choices = rule.as_array().expect("a list").iter();
                    (!choices.any(|choice| misfit(value, choice).is_none()))
                        .then(|| format!("{value}: {rule}"))
                }
                "minimum" => below(value.as_f64(), rule),
                "maximum" => above(value.as_f64(), rule),
                "minLength" => below(value.as_str().map(|text| text.chars().count() as f64), rule),
                "maxLength" => above(value.as_str().map(|text| text.chars().count() as f64), rule),
                "minItems" => below(value.as_array().map(|list| list.len() as f64), rule),
                "maxItems" => above(value.as_array().map(|list| list.len() as f64), rule),
                "minProperties" => below(value.as_object().map(|object| object.len() as f64), rule),
                "maxProperties" => above(value.as_object().map(|object| object.len() as f64), rule),
                "items" => value.as_array().into_iter().flatten().find_map(|item| misfit(item, rule)),
                "required" => {
                    let names =
                        rule.as_array().expect("a list").iter().map(|name| name.as_str().expect("a name"));
                    value.as_object().and_then(|object| {
                        names
                            .into_iter()
                            .find(|name| !object.contains_key(*name))
                            .map(|name| format!("no {name}"))
                    })
                }
                "properties" => value.as_object().into_iter().flatten().find_map(|(name, inner)| {
                    rule.get(name)
                        .and_then(|rule| misfit(inner, rule))
                        .map(|wrong| format!("{name}: {wrong}"))
                }),
                "additionalProperties" => {
                    assert_eq!(rule, &json!(false), "additionalProperties");
                    let known = &schema["properties"];
                    value
                        .as_object()
                        .into_iter()
                        .flatten()
                        .find_map(|(name, _)| known.get(name).is_none().then(|| format!("{name} is unknown")))
                }
                other => panic!("the test does not know the word `{other}` of {schema:#}"),
            };
            if wrong.is_some() {
                return wrong;
            }
        }
        None
    }

    fn below(measure: Option<f64>, bound: &Value) -> Option<String> {
        measure
            .filter(|measure| *measure < bound.as_f64().expect("a number"))
            .map(|found| format!("{found} < {bound}"))
    }

    fn above(measure: Option<f64>, bound: &Value) -> Option<String> {
        measure
            .filter(|measure| *measure > bound.as_f64().expect("a number"))
            .map(|found| format!("{found} > {bound}"))
    }

    fn is_of_type(value: &Value, types: &Value) -> bool {
        let is = |name: &str| match name {
            "string" => value.is_string(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "null" => value.is_null(),
            other => panic!("no type {other}"),
        };
        match types {
            Value::String(name) => is(name),
            several => {
                several.as_array().expect("types").iter().any(|name| is(name.as_str().expect("a type")))
            }
        }
    }

    #[test]
    fn every_example_fits_and_says_its_kind() {
        for (kind, role, body) in examples() {
            let schema = schema::of(&plain(role));
            assert_eq!(misfit(&json!({kind.name(): body}), &schema), None, "{kind:?} of {role}: {body}");
        }
    }

    /// What only the parser knows: rules between two fields, and what is left of a text when it has been cleaned.
    const BEYOND: [&str; 4] = [
        "is empty",
        "changes_requested needs a reason",
        "default `c` is none of the options",
        "stands there twice",
    ];

    #[test]
    fn what_the_parser_refuses_does_not_fit_either() {
        let mut compared = 0;
        for row in mistakes() {
            let (kind, role, field, value, _, message) = &row;
            let beyond = BEYOND.iter().any(|known| message.contains(known)) && *value != Some(json!(""));
            let misfit = misfit(&mistaken(&row), &schema::of_kind(*kind, &plain(role)));
            if beyond {
                continue;
            }
            assert!(misfit.is_some(), "{kind:?} {field}: {message} fits the schema");
            compared += 1;
        }
        assert!(compared > 35, "{compared}");
    }

    #[test]
    fn the_schema_of_a_role_holds_what_the_role_may_hand_in() {
        let names = |terms: &Terms| {
            let schema = schema::of(terms);
            schema["properties"].as_object().unwrap().keys().cloned().collect::<Vec<String>>().join(" ")
        };
        let all: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert_eq!(names(&Terms::default()), sorted.join(" "));
        assert_eq!(names(&plain("executor")), "blocked escalation hypothesis noop progress question result");
        assert_eq!(names(&plain("verifier")), "blocked escalation hypothesis plan progress question result");
        let nobody = Terms { roster: vec![], ..plain("reviewer") };
        assert_eq!(names(&nobody), "blocked hypothesis noop plan progress question result review");
        let result = |role: &str| schema::of_kind(Kind::Result, &plain(role));
        assert!(result("executor")["properties"]["tests"].is_object());
        assert!(result("executor")["properties"].get("findings").is_none());
        assert!(result("reviewer")["properties"]["findings"].is_object());
        assert!(result("verifier")["required"].as_array().unwrap().contains(&json!("verdict")));
        let escalation = schema::of_kind(Kind::Escalation, &plain("executor"));
        assert_eq!(escalation["properties"]["to"]["enum"], json!(["alice", "bob"]));
    }

    #[test]
    fn what_a_step_asks_for_stands_in_the_schema() {
        let terms =
            Terms { fields: parse_fields("endpoints list!, score number").unwrap(), ..plain("executor") };
        let schema = schema::of_kind(Kind::Result, &terms);
        let body = |more: Value| {
            let mut body = result();
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        for (more, fits) in [
            (json!({"endpoints": ["/a"], "score": 3}), true),
            (json!({"score": 3}), false),
            (json!({"endpoints": "/a"}), false),
            (json!({"endpoints": [], "scores": 3}), false),
        ] {
            let body = body(more);
            assert_eq!(misfit(&body, &schema).is_none(), fits, "{body}");
            assert_eq!(Statement::read(Kind::Result, &body, &terms).is_ok(), fits, "{body}");
        }
    }
}

#[test]
fn only_what_was_open_can_be_resolved_and_what_is_found_again_is_not() {
    let terms = Terms { open: vec!["f1".into(), "f2".into()], ..plain("reviewer") };
    let finding =
        json!({"severity": "error", "category": "c", "file": "a", "title": "t", "fingerprint": "f2"});
    let closed = |print: &str, evidence: &str| json!({"fingerprint": print, "evidence": evidence});
    let body = |resolved: Value| json!({"verdict": "approved", "findings": [finding], "resolved": resolved});
    let read = |resolved: Value, terms: &Terms| HandedIn::read(Kind::Review, &body(resolved), terms);
    let Ok(HandedIn::Review(review)) =
        read(json!([closed("f1", "the lock is gone"), closed("f2", "e")]), &terms)
    else {
        panic!("a review")
    };
    assert_eq!(review.closes().map(|resolved| resolved.fingerprint.as_str()).collect::<Vec<_>>(), ["f1"]);
    assert_eq!(review.summary(), "approved, 1 finding, 1 resolved");
    let unknown = read(json!([closed("f3", "e")]), &terms).unwrap_err();
    assert!(unknown.message.contains("`f3`") && unknown.hint.is_some_and(|hint| hint.contains("f1, f2")));
    assert!(read(json!([closed("f1", " ")]), &terms).unwrap_err().message.contains("evidence is empty"));
    assert!(read(json!([closed("f1", "e")]), &plain("reviewer")).is_err(), "nothing was open");
}
