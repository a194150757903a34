//! How much of a run has room in a page that opens at once.

use crate::domain::words::clean_text;
use crate::export::account::{Account, AttemptAccount, TaskAccount, Text};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// The most bytes of a page's data, where shortening texts and lists can reach that.
pub const MAX: usize = 4 * 1024 * 1024;

/// How much of each thing is told.
#[derive(Clone, Copy)]
struct Room {
    /// Bytes of a text: a prompt, a result, the end of a log, what a finding says.
    text: usize,
    /// Bytes of a task's patch.
    patch: usize,
    /// Files, findings, tool calls, and other things that there may be many of.
    entries: usize,
}

/// From much to little; what fits first is taken.
const ROOMS: [Room; 7] = [
    Room { text: 24 * 1024, patch: 96 * 1024, entries: 200 },
    Room { text: 8 * 1024, patch: 24 * 1024, entries: 100 },
    Room { text: 4 * 1024, patch: 8 * 1024, entries: 50 },
    Room { text: 2 * 1024, patch: 3 * 1024, entries: 25 },
    Room { text: 1024, patch: 1024, entries: 12 },
    Room { text: 400, patch: 0, entries: 6 },
    Room { text: 160, patch: 0, entries: 2 },
];

/// The most gates and merges of a run: they are what a person looks for, so these do not go with what tasks wrote. Open gates
/// are told in any case.
const MAX_OF_RUN: usize = 2_000;

/// What there is room for.
pub struct Fitted {
    pub account: Account,
    /// The same, with what all of it comes to.
    pub json: String,
}

/// What the page's script reads.
#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    account: &'a Account,
    /// Figures of all that there is, whatever has room.
    all: All,
}

/// How much there is.
#[derive(Clone, Copy, Serialize)]
pub struct All {
    /// Each counted once, whoever found it.
    pub findings: usize,
    pub merges: usize,
    pub gates: usize,
}

impl All {
    pub fn of(account: &Account) -> All {
        let found =
            account.tasks.iter().flat_map(|task| &task.attempts).flat_map(|attempt| &attempt.findings);
        let all = found.chain(account.person_reviews.iter().flat_map(|review| &review.review.findings));
        let (known, new): (Vec<_>, Vec<_>) = all.partition(|finding| !finding.fingerprint.is_empty());
        let known: BTreeSet<_> = known.iter().map(|finding| &finding.fingerprint).collect();
        All { findings: known.len() + new.len(), merges: account.merges.len(), gates: account.gates.len() }
    }
}

/// Returns what a page has room for of a run; its notes say where that is not all.
pub fn fitted(account: &Account) -> Result<Fitted, serde_json::Error> {
    let [first, rest @ ..] = ROOMS;
    let mut fitted = within(account, first)?;
    for room in rest {
        if fitted.json.len() <= MAX {
            break;
        }
        fitted = within(account, room)?;
    }
    Ok(fitted)
}

/// Leaves those out that are oldest, but none that has to stay.
fn newest<T>(entries: &mut Vec<T>, stays: impl Fn(&T) -> bool, cut: &mut Cut) {
    let mut more = entries.len().saturating_sub(MAX_OF_RUN);
    if more == 0 {
        return;
    }
    cut.newest = Some(MAX_OF_RUN);
    entries.retain(|entry| {
        let goes = more > 0 && !stays(entry);
        more -= usize::from(goes);
        !goes
    });
}

fn within(whole: &Account, room: Room) -> Result<Fitted, serde_json::Error> {
    let mut account = whole.clone();
    let mut cut = Cut::default();
    // Nobody looks at a page before they trust what a run would do.
    account.run.personas.clear();
    account.run.vars.clear();
    account.tasks.iter_mut().for_each(|task| room.task(task, &mut cut));
    let all = All::of(whole);
    newest(&mut account.merges, |_| false, &mut cut);
    newest(&mut account.gates, |gate| gate.decided.is_none(), &mut cut);
    newest(&mut account.decisions, |_| false, &mut cut);
    for gate in &mut account.gates {
        room.words(&mut gate.words, &mut cut);
    }
    if let Some(words) = cut.words() {
        let short = &account.run.short;
        account.notes.push(format!("{words}; crew export {short} --format json has more"));
    }
    let json = serde_json::to_string(&Data { account: &account, all })?;
    Ok(Fitted { account, json })
}

/// What is not there.
#[derive(Default)]
struct Cut {
    /// To so many bytes.
    texts: Option<usize>,
    /// To so many entries.
    lists: Option<usize>,
    /// To the newest so many.
    newest: Option<usize>,
}

impl Cut {
    fn words(&self) -> Option<String> {
        let texts = self.texts.map(|most| format!("texts are cut at {most} bytes"));
        let lists = self.lists.map(|most| format!("lists end after {most} entries"));
        let newest = self.newest.map(|most| format!("of merges and gates these are the newest {most}"));
        let parts: Vec<String> = texts.into_iter().chain(lists).chain(newest).collect();
        (!parts.is_empty()).then(|| format!("not all has room in this page: {}", parts.join(", ")))
    }
}

impl Room {
    fn task(self, task: &mut TaskAccount, cut: &mut Cut) {
        self.beginning(&mut task.asked, cut);
        self.list(&mut task.turns, cut);
        if let Some(diff) = &mut task.diff {
            self.list(&mut diff.files, cut);
            // That of a patch is said where it stands.
            shorten(&mut diff.patch, self.patch, Keep::Beginning);
        }
        if let Some(letter) = &mut task.dead_letter {
            letter.tail = clean_text(&letter.tail, self.text);
        }
        task.attempts.iter_mut().for_each(|attempt| self.attempt(attempt, cut));
    }

    fn attempt(self, attempt: &mut AttemptAccount, cut: &mut Cut) {
        let Room { text, .. } = self;
        attempt.prompt.iter_mut().for_each(|prompt| self.beginning(prompt, cut));
        attempt.result.iter_mut().for_each(|result| self.beginning(result, cut));
        for end in attempt.log.iter_mut().chain(&mut attempt.verification_output) {
            if shorten(end, text, Keep::End) {
                cut.texts = Some(text);
            }
        }
        if let Some(submission) = &mut attempt.submission {
            self.submission(submission, cut);
        }
        self.list(&mut attempt.findings, cut);
        for finding in &mut attempt.findings {
            for words in [&mut finding.body, &mut finding.quote].into_iter().chain(&mut finding.suggestion) {
                self.words(words, cut);
            }
        }
        self.list(&mut attempt.notes, cut);
        self.list(&mut attempt.refusals, cut);
        self.list(&mut attempt.verifications, cut);
        self.list(&mut attempt.tools, cut);
        attempt.tools.iter_mut().for_each(|call| self.words(&mut call.arguments, cut));
    }

    /// Takes out of what was handed in what is told elsewhere.
    fn submission(self, submission: &mut Value, cut: &mut Cut) {
        for body in submission.as_object_mut().into_iter().flat_map(|kinds| kinds.values_mut()) {
            if let Some(fields) = body.as_object_mut() {
                fields.remove("findings");
                fields.remove("files");
            }
        }
        self.value(submission, cut);
    }

    fn value(self, value: &mut Value, cut: &mut Cut) {
        match value {
            Value::String(words) => self.words(words, cut),
            Value::Array(entries) => {
                self.list(entries, cut);
                entries.iter_mut().for_each(|entry| self.value(entry, cut));
            }
            Value::Object(fields) => fields.values_mut().for_each(|field| self.value(field, cut)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn words(self, words: &mut String, cut: &mut Cut) {
        if words.len() > self.text {
            *words = clean_text(words, self.text);
            cut.texts = Some(self.text);
        }
    }

    fn beginning(self, text: &mut Text, cut: &mut Cut) {
        if shorten(text, self.text, Keep::Beginning) {
            cut.texts = Some(self.text);
        }
    }

    fn list<T>(self, entries: &mut Vec<T>, cut: &mut Cut) {
        if entries.len() > self.entries {
            entries.truncate(self.entries);
            cut.lists = Some(self.entries);
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Keep {
    Beginning,
    End,
}

/// Takes away what is more than `most` bytes of a text; tells whether that was anything.
fn shorten(text: &mut Text, most: usize, keep: Keep) -> bool {
    let length = text.text.len();
    if length <= most {
        return false;
    }
    match keep {
        Keep::Beginning => text.text.truncate(text.text.floor_char_boundary(most)),
        Keep::End => drop(text.text.drain(..text.text.ceil_char_boundary(length - most))),
    }
    text.cut = true;
    true
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use serde_json::json;

    /// Returns a task with an attempt that said so many bytes each time that it said something.
    fn task(at: usize, bytes: usize) -> Value {
        let text = |keep: &str| json!({"text": "words ".repeat(bytes / 6), "bytes": bytes, "path": keep});
        json!({
            "id": format!("t{at}"), "work": "agent", "role": "executor", "agent": "claude", "asked": text(""),
            "depends_on": if at == 0 { json!([]) } else { json!([format!("t{}", at / 2)]) }, "verify": ["true"],
            "state": "completed", "reason": "", "usage": {"input_tokens": 900, "cost_usd": 0.02}, "turns": [],
            "started_at": "2026-01-05T10:00:00.000Z", "ended_at": "2026-01-05T10:01:12.400Z", "merged_into": [],
            "diff": {"from": "aa", "to": "bb", "files": [], "changed": 0, "insertions": 1, "deletions": 0, "uncommitted": 0,
                "patch": text("")},
            "attempts": [{
                "number": 1, "agent": "claude", "state": "succeeded", "outcome": "succeeded", "reason": "",
                "started_at": "2026-01-05T10:00:00.000Z", "ended_at": "2026-01-05T10:01:12.400Z", "millis": 72_400,
                "ending": {"exit": 0, "millis": 72_400, "cpu_millis": 5, "max_rss_kib": 5, "output_bytes": 5},
                "usage": {"input_tokens": 900, "cost_usd": 0.02}, "summary": "done", "nudged": false, "findings": [],
                "submission": {"result": {"summary": "done", "findings": [{}]}}, "notes": [], "refusals": [],
                "verifications": [], "tools": [], "tool_calls": 0, "kept": [], "prompt": text("a"), "result": text("b"),
                "log": text("c"),
            }],
        })
    }

    pub fn large(tasks: usize, bytes: usize) -> Account {
        let told = json!({
            "schema_version": 1,
            "run": {
                "id": "7k2abcdefghj", "short": "7k2", "goal": "the goal", "team": "default", "workflow": "w",
                "status": "completed", "created_at": "2026-01-05T09:59:59.000Z",
                "started_at": "2026-01-05T10:00:00.000Z", "ended_at": "2026-01-05T10:01:13.000Z",
                "last_at": "2026-01-05T10:01:13.000Z", "worked_millis": 74_000, "crew_version": "0.1.0",
                "counts": [["completed", tasks]], "attempts": tasks, "usage": {"cost_usd": 0.02}, "events": 9,
            },
            "tasks": (0..tasks).map(|at| task(at, bytes)).collect::<Vec<_>>(), "gates": [], "merges": [],
        });
        serde_json::from_value(told).expect("an account")
    }

    pub fn small() -> Account {
        large(2, 600)
    }

    #[test]
    fn what_is_small_is_all_there() {
        let account = small();
        let fitted = fitted(&account).expect("JSON");
        assert_eq!(fitted.account.notes, account.notes);
        assert_eq!(fitted.account.tasks[1].diff, account.tasks[1].diff);
        let submission = fitted.account.tasks[0].attempts[0].submission.as_ref().expect("it handed in");
        assert_eq!(*submission, json!({"result": {"summary": "done"}}), "findings stand elsewhere");
    }

    #[test]
    fn of_a_log_the_end_stays_and_of_all_else_the_beginning() {
        let mut account = large(300, 20_000);
        let attempt = &mut account.tasks[7].attempts[0];
        let prompt = attempt.prompt.as_mut().expect("a prompt");
        prompt.text = format!("begin{}", "ü".repeat(10_000));
        let log = attempt.log.as_mut().expect("a log");
        log.text = format!("{}end", "ü".repeat(10_000));
        let fitted = fitted(&account).expect("JSON");
        assert!(fitted.json.len() <= MAX, "{}", fitted.json.len());
        let attempt = &fitted.account.tasks[7].attempts[0];
        let (prompt, log) = (attempt.prompt.as_ref().expect("one"), attempt.log.as_ref().expect("one"));
        assert!(prompt.text.starts_with("begin") && prompt.cut && prompt.bytes == 20_000, "{prompt:?}");
        assert!(log.text.ends_with("end") && log.cut && !log.text.starts_with("\u{fffd}"), "{log:?}");
        let note = fitted.account.notes.last().expect("a note");
        assert!(note.starts_with("not all has room in this page: texts are cut at"), "{note}");
    }

    #[test]
    fn gates_and_merges_of_a_large_run_stay_and_open_gates_always_do() {
        let mut account = large(300, 20_000);
        let gate = |number: usize, decided: bool| {
            let at = "2026-01-05T10:00:00.000Z";
            let decision = json!({"decision": "approved", "by": "Ann", "note": "", "at": at});
            serde_json::from_value(
                json!({"id": number, "task": "t1", "about": "start", "words": "may it start",
                "opened_at": at, "decided": if decided { decision } else { json!(null) }}),
            )
            .expect("a gate")
        };
        let merge =
            json!({"kind": "given_up", "at": "2026-01-05T10:00:00.000Z", "into": "main", "why": "no"});
        account.gates = (1..=300).map(|number| gate(number, number > 1)).collect();
        account.merges = (0..300).map(|_| serde_json::from_value(merge.clone()).expect("a merge")).collect();
        let some = fitted(&account).expect("JSON").account;
        assert_eq!((some.gates.len(), some.merges.len()), (300, 300));
        account.gates = (1..=5_000).map(|number| gate(number, number != 2)).collect();
        let some = fitted(&account).expect("JSON").account;
        let ids: Vec<u64> = some.gates.iter().map(|gate| gate.id.0).collect();
        assert_eq!((ids.len(), ids[0], ids[1], ids[1_999]), (2_000, 2, 3_002, 5_000));
        assert!(some.notes[0].contains("of merges and gates these are the newest 2000"), "{:?}", some.notes);
    }

    #[test]
    fn many_findings_and_calls_are_counted_out() {
        let mut account = small();
        let finding = json!({"severity": "info", "category": "c", "file": "f", "title": "t", "body": "b".repeat(50_000)});
        let findings: Vec<_> =
            (0..300).map(|_| serde_json::from_value(finding.clone()).expect("one")).collect();
        account.tasks[0].attempts[0].findings = findings;
        let fitted = fitted(&account).expect("JSON");
        let kept = &fitted.account.tasks[0].attempts[0].findings;
        assert!(kept.len() <= 200 && kept[0].body.ends_with('…'), "{}", kept.len());
        let told: Value = serde_json::from_str(&fitted.json).expect("JSON");
        assert_eq!(told["all"]["findings"], 300, "all of them count");
        assert!(fitted.account.notes[0].contains("lists end after"), "{:?}", fitted.account.notes);
    }
}
