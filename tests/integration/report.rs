//! The report of a run, as a browser shows it.

use crate::support::TestRepo;
use crate::support::browser::Browser;
use crate::worktrees::{agent, steps};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crew::export::account::Account;
use crew::export::html::html;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What runs if anything of it becomes part of the page. A link that is one, and what changes how others are shown.
const HOSTILE: &str = "</script></style><img src=x onerror=\"window.evil=1\"><!--<script>window.evil=1</script>\
                       <a href=\"javascript:window.evil=1\">x</a> javascript:window.evil=1 \u{2028}\u{202e}' onload='window.evil=1";

fn page(repo: &TestRepo) -> PathBuf {
    let file = repo.root.join("report.html");
    let name = file.to_str().expect("UTF-8");
    repo.crew(["export", "last", "--format", "html", "-o", name, "--force"]).exits(0);
    file
}

fn is_shown(browser: &mut Browser<'_>, what: &str) -> Value {
    browser.value(&format!("document.querySelector({what:?})?.getBoundingClientRect().width > 0"))
}

fn text(browser: &mut Browser<'_>, selector: &str) -> String {
    let text = browser.value(&format!("document.querySelector({selector:?})?.innerText ?? ''"));
    text.as_str().expect("a text").to_owned()
}

/// Says which rows of the table are there to be seen.
const ROWS: &str =
    "[...document.querySelectorAll('#table tbody tr')].filter((row) => !row.hidden).map((row) => row.id)";

#[test]
fn a_report_is_one_file_that_shows_a_run_and_asks_nobody_for_anything() {
    let repo = TestRepo::new();
    repo.git(&["config", "user.name", "Person"]);
    repo.git(&["config", "user.email", "person@example.com"]);
    steps(&repo, "made", &[("writes", "", "echo a >>README.md"), ("after", "writes", "echo b >b")]);
    agent(&repo, "wrong", "echo c >c; crew submit result --summary wrong --confidence 0.9 --rationale r");
    let path = repo.home.join(".config/crew/workflows/made.workflow.md");
    let more = "## checked\nrole: executor\nagent: wrong\nverify: echo it is broken; exit 7\nretries: 0\n\nDo the zebra.\n";
    let workflow = std::fs::read_to_string(&path).expect("a workflow") + more;
    std::fs::write(&path, workflow).expect("a workflow");
    repo.crew(["run", "the goal", "--workflow", "made", "--worktree"]).exits(1);
    let file = page(&repo);
    let Some(mut browser) = Browser::start(&repo) else { return };
    browser.open(&file, "");
    let head = text(&mut browser, "header.run");
    for words in ["the goal", "failed", "2 completed", "1 failed", "made"] {
        assert!(head.contains(words), "{words}: {head}");
    }
    assert!(
        text(&mut browser, "#row-checked").contains("verify_failed")
            || text(&mut browser, "#row-checked").contains("exit 7")
    );
    the_search_narrows_it(&mut browser);
    keys_do_what_is_said_of_them(&mut browser);
    the_time_line_is_zoomed_and_opens_a_task(&mut browser);
    a_task_has_its_own_address(&mut browser, &file);
    it_is_light_or_dark(&mut browser);
    on_paper_all_of_it_is_there(&mut browser);
    browser.is_content(&file);
}

fn the_search_narrows_it(browser: &mut Browser<'_>) {
    assert_eq!(browser.value(ROWS), json!(["row-writes", "row-after", "row-checked"]));
    browser.press("/");
    for key in "zebra".chars() {
        browser.press(&key.to_string());
    }
    assert_eq!(browser.value(ROWS), json!(["row-checked"]), "its prompt alone has these words");
    assert_eq!(text(browser, "#shown"), "1 of 3");
    browser.press("Escape");
    assert_eq!(browser.value(ROWS).as_array().map(Vec::len), Some(3));
    browser.click(".legend button[title='Only failed']");
    assert_eq!(browser.value(ROWS), json!(["row-checked"]));
    browser.click(".legend button[title='Only failed']");
}

fn keys_do_what_is_said_of_them(browser: &mut Browser<'_>) {
    browser.press("?");
    assert!(text(browser, "#help").contains("search"));
    browser.value("document.querySelector('#help').close()");
    browser.press("j");
    browser.press("j");
    browser.press("Enter");
    browser.waits_for("location.hash === '#task/after'");
    browser.waits_for("!document.querySelector('#panel').hidden");
    let panel = text(browser, "#panel");
    for words in ["after", "completed", "Do it.", "Attempt 1", "Diff", "+b"] {
        assert!(panel.contains(words), "{words}: {panel}");
    }
    assert!(!panel.contains("[object"), "{panel}");
    assert_eq!(browser.value("document.querySelector('#panel .links a').hash"), "#task/writes");
    browser.waits_for("document.activeElement.id === 'panel'");
    browser.press("k");
    browser.waits_for("document.querySelector('#panel h2').innerText.startsWith('writes')");
    browser.waits_for("document.activeElement.id === 'panel'");
    browser.press("Escape");
    browser.waits_for("document.querySelector('#panel').hidden");
    browser.waits_for("document.activeElement.hash === '#task/writes'");
    browser.press("3");
    browser.waits_for("document.querySelectorAll('#view-graph .node').length === 3");
    assert_eq!(browser.value("document.querySelectorAll('#view-graph .edge').length"), json!(1));
    browser.press("4");
    browser.waits_for("document.querySelector('#view-findings').innerText.includes('Nothing was found')");
    browser.press("5");
    browser.waits_for("document.querySelector('#view-decisions').innerText.includes('Nothing was merged')");
    browser.press("2");
    browser.waits_for("document.querySelectorAll('#view-timeline .lanes .bar').length === 3");
    // Whoever knows no number goes from one name to the next.
    browser.value("document.querySelector('[role=tab][data-view=decisions]').focus()");
    browser.press("ArrowRight");
    browser.waits_for("location.hash === '#tasks' && document.activeElement.dataset.view === 'tasks'");
    browser.press("ArrowRight");
    browser.waits_for("location.hash === '#timeline' && document.activeElement.dataset.view === 'timeline'");
    browser.waits_for(
        "document.activeElement.tabIndex === 0 && !document.querySelector('#view-timeline').hidden",
    );
}

fn the_time_line_is_zoomed_and_opens_a_task(browser: &mut Browser<'_>) {
    let bar = "#view-timeline .lanes .bar[data-task=checked]";
    // Nearer means nearer to the middle, so the beginning is out of sight.
    let begins = "[...document.querySelectorAll('#view-timeline .axis .mark')].some((mark) => mark.textContent === '0')";
    assert_eq!(browser.value(begins), json!(true));
    browser.press("+");
    assert_eq!(browser.value(begins), json!(false), "it is nearer");
    browser.press("0");
    assert_eq!(browser.value(begins), json!(true), "it is whole again");
    browser.click(bar);
    browser.waits_for("location.hash === '#task/checked'");
    browser.waits_for("document.querySelector('#panel .body').innerText.includes('it is broken')");
    assert!(text(browser, "#panel").contains("echo it is broken; exit 7"));
    browser.press("Escape");
    browser.press("1");
    browser.waits_for("!document.querySelector('#view-tasks').hidden");
}

fn a_task_has_its_own_address(browser: &mut Browser<'_>, file: &std::path::Path) {
    browser.is_content(file);
    browser.open(file, "#task/writes");
    assert_eq!(is_shown(browser, "#panel"), json!(true));
    // The page's script says figures as crew does.
    let time = text(browser, "#row-writes td:nth-child(5)");
    assert!(text(browser, "#panel .facts").contains(&time), "{time}");
    browser.press("Escape");
    browser.waits_for("document.querySelector('#panel').hidden");
}

fn it_is_light_or_dark(browser: &mut Browser<'_>) {
    let ground = "getComputedStyle(document.body).backgroundColor";
    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    let light = browser.value(ground);
    browser.call("Emulation.setEmulatedMedia", dark);
    let darker = browser.value(ground);
    assert_ne!(light, darker, "as the system wants it");
    browser.press("d");
    assert_eq!(browser.value(ground), light, "as the reader wants it");
}

fn on_paper_all_of_it_is_there(browser: &mut Browser<'_>) {
    let paper = "document.querySelector('#paper').childElementCount";
    browser.value(&format!("window.addEventListener('beforeprint', () => (window.sheets = {paper}))"));
    browser.value("window.dispatchEvent(new Event('beforeprint'))");
    browser.call("Emulation.setEmulatedMedia", json!({"media": "print"}));
    let printed = text(browser, "body");
    for words in ["the goal", "writes", "Do the zebra.", "it is broken", "+b", "Time line", "Graph"] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    let folded = |title: &str| {
        format!(
            "[...document.querySelectorAll('#paper .fold > h4')].filter((head) => head.innerText.startsWith({title:?})) \
             .map((head) => head.parentElement.childElementCount > 1)"
        )
    };
    assert_eq!(browser.value(&folded("Prompt")), json!([false, false, false]), "what is folded stays so");
    assert_eq!(browser.value(&folded("Handed in")), json!([true, true, true]), "but not what was handed in");
    assert_eq!(browser.value(&folded("Diff")), json!([true, true, true]));
    assert_eq!(is_shown(browser, "#controls"), json!(false));
    browser.call("Emulation.setEmulatedMedia", json!({"media": ""}));
    browser.value("window.dispatchEvent(new Event('afterprint')); window.sheets = 0");
    let printed = browser.call("Page.printToPDF", json!({"printBackground": true}));
    let pdf = BASE64_STANDARD.decode(printed["data"].as_str().expect("data")).expect("base64");
    assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 10_000, "{}", pdf.len());
    assert!(browser.value("window.sheets").as_u64().is_some_and(|parts| parts >= 5), "it was all there");
    assert_eq!(browser.value(paper), json!(0), "it is gone again");
}

#[test]
fn nothing_that_agents_say_runs_in_a_report() {
    let repo = TestRepo::new();
    repo.git(&["config", "user.name", "Person"]);
    repo.git(&["config", "user.email", "person@example.com"]);
    let hostile = repo.beside("hostile");
    std::fs::write(&hostile, HOSTILE).expect("a file");
    let path = hostile.display();
    let finding = json!([{"severity": "error", "category": "broken", "file": "README.md", "start_line": 1, "end_line": 1,
        "title": HOSTILE.chars().take(150).collect::<String>(), "body": HOSTILE, "suggestion": HOSTILE, "confidence": 0.5}]);
    let said = json!({"summary": HOSTILE, "confidence": 0.9, "rationale": HOSTILE, "details": HOSTILE, "risks": [HOSTILE]});
    let mut found = said.clone();
    found["findings"] = finding;
    let handed_in = |name: &str, what: &Value| {
        let file = repo.beside(name);
        std::fs::write(&file, what.to_string()).expect("a file");
        format!("crew submit result --json {}", file.display())
    };
    let prints = format!("cat {path}; head -c 10000000 /dev/zero | tr '\\0' y; echo");
    let changes = format!("cat {path} >>README.md; cp {path} 'a<img src=x>b'");
    agent(&repo, "evil", &format!("{prints}\n{changes}\n{}", handed_in("said.json", &said)));
    agent(&repo, "finds", &handed_in("found.json", &found));
    let task = HOSTILE.replace('\u{2028}', " ");
    repo.workflow(
        "evil",
        &format!(
            "## work\nrole: executor\nagent: evil\nretries: 0\nverify: cat {path}\n\n{task}\n\n\
             ## look\nrole: reviewer\nagent: finds\ndependsOn: work\nretries: 0\n\n{task}\n"
        ),
    );
    repo.crew(["run", HOSTILE, "--workflow", "evil", "--worktree"]).exits(0);
    let file = page(&repo);
    let written = std::fs::read_to_string(&file).expect("a page");
    assert!(!written.contains(['\u{2028}', '\u{202e}']) && !written.contains("<img"));
    assert!(written.len() < 2_000_000, "a line of 10 MB is cut: {}", written.len());
    let Some(mut browser) = Browser::start(&repo) else { return };
    browser.open(&file, "");
    for (task, least) in [("work", 6), ("look", 4)] {
        browser.value(&format!("location.hash = '#task/{task}'"));
        browser.waits_for(&format!(
            "document.querySelector('#panel h2')?.innerText.startsWith('{task}') ?? false"
        ));
        // What opens within what was opened is there only then.
        let opened = browser.value(
            "(async () => { for (let turn = 0; turn < 4; turn += 1) { \
               document.querySelectorAll('#panel details').forEach((details) => (details.open = true)); \
               await new Promise((done) => setTimeout(done, 50)); } \
             return document.querySelectorAll('#panel details').length; })()",
        );
        assert!(opened.as_u64().is_some_and(|opened| opened >= least), "{opened}");
        let panel = text(&mut browser, "#panel");
        assert!(panel.matches("window.evil=1").count() >= 20, "it is all there, as text: {panel}");
        assert!(!panel.contains('\u{202e}'), "{panel}");
    }
    assert!(text(&mut browser, "#panel .finding").contains("</script>"), "a finding is text");
    for view in ["2", "3", "4", "5"] {
        browser.press("Escape");
        browser.press(view);
        browser.waits_for(&format!("!document.querySelectorAll('.view')[{view} - 1].hidden"));
    }
    browser.call("Page.printToPDF", json!({}));
    browser.value("window.dispatchEvent(new Event('beforeprint'))");
    assert_eq!(browser.value("typeof window.evil"), "undefined");
    assert_eq!(
        browser.value("document.images.length + document.querySelectorAll('script').length"),
        json!(2)
    );
    let links =
        "[...document.querySelectorAll('a')].every((a) => a.getAttribute('href').startsWith('#task/'))";
    assert_eq!(browser.value(links), json!(true));
    browser.is_content(&file);
}

/// Returns a run of so many tasks that each wrote something.
fn many(tasks: usize) -> Account {
    let states = ["completed", "completed", "completed", "completed", "failed", "needs_review", "skipped"];
    let at = |seconds: usize| {
        format!("2026-01-05T{:02}:{:02}:{:02}.000Z", 10 + seconds / 3600, seconds / 60 % 60, seconds % 60)
    };
    let text = |bytes: usize| json!({"text": "some words of it\n".repeat(bytes / 17), "bytes": bytes});
    let attempt = |place: usize, number: usize, state: &str| {
        let begun = place * 7 + number * 40;
        json!({"number": number, "agent": "claude", "state": state, "reason": "", "started_at": at(begun),
            "ended_at": at(begun + 30 + place % 50), "millis": (30 + place % 50) * 1000, "nudged": false, "summary": "It is done.",
            "ending": {"millis": 1, "cpu_millis": 1, "max_rss_kib": 1, "output_bytes": 1}, "usage": {"input_tokens": 9000, "cost_usd": 0.04},
            "submission": null, "findings": [], "notes": [], "refusals": [], "verifications": [], "tools": [], "tool_calls": 0,
            "kept": [], "prompt": text(3000), "result": text(1500), "log": text(3000)})
    };
    let task = |place: usize| {
        let state = states[place % states.len()];
        let attempts = match state {
            "skipped" => vec![],
            "completed" => vec![attempt(place, 1, "succeeded")],
            _ => vec![attempt(place, 1, "lost"), attempt(place, 2, state)],
        };
        let (first, last) = (attempts.first().cloned(), attempts.last().cloned());
        let after = if place < 10 {
            vec![]
        } else {
            vec![format!("task-{}", place - 10), format!("task-{}", place / 2)]
        };
        json!({"id": format!("task-{place}"), "work": "agent", "role": "executor", "agent": "claude", "asked": text(400),
            "depends_on": after, "verify": [], "state": state, "reason": if state == "completed" { "" } else { "verify_failed: no" },
            "started_at": first.map(|first| first["started_at"].clone()), "ended_at": last.map(|last| last["ended_at"].clone()),
            "usage": {"input_tokens": 9000, "cost_usd": 0.04}, "attempts": attempts, "turns": [], "merged_into": []})
    };
    let gate = |number: usize| {
        let decided = json!({"decision": "approved", "by": "Ann", "note": "", "at": at(number * 20)});
        json!({"id": number, "task": format!("task-{}", number * 2 % tasks), "about": "start", "words": "may it start: deploy",
            "opened_at": at(number * 10), "decided": if number.is_multiple_of(50) { json!(null) } else { decided }})
    };
    let merge = |number: usize| json!({"kind": "given_up", "at": at(3600 + number), "into": "main", "why": "it moved"});
    let (gates, merges) = (tasks * 3 / 10, tasks * 3 / 10);
    let told = json!({"schema_version": 1, "gates": (1..=gates).map(gate).collect::<Vec<_>>(),
        "merges": (1..=merges).map(merge).collect::<Vec<_>>(), "tasks": (0..tasks).map(task).collect::<Vec<_>>(),
        "run": {"id": "7k2abcdefghj", "short": "7k2", "goal": "Move every handler to the new router", "team": "default",
            "workflow": "many", "status": "failed", "created_at": at(0), "started_at": at(0), "ended_at": at(7200), "last_at": at(7200),
            "worked_millis": 7_200_000, "crew_version": "0.1.0", "counts": [["completed", tasks * 4 / 7], ["failed", tasks / 7],
            ["needs_review", tasks / 7], ["skipped", tasks / 7]], "attempts": tasks, "usage": {"input_tokens": 9_000_000, "cost_usd": 40.0}, "events": 9}});
    serde_json::from_value(told).expect("an account")
}

#[test]
fn a_thousand_tasks_are_drawn_at_once_and_each_view_copes_with_them() {
    let repo = TestRepo::new();
    let file = repo.beside("thousand.html");
    let written = html(&many(1_000)).expect("a page");
    std::fs::write(&file, &written).expect("a file");
    let Some(mut browser) = Browser::start(&repo) else { return };
    browser.open(&file, "");
    // From the beginning of the navigation.
    let drawn = browser.value(
        "(async () => { await new Promise((done) => requestAnimationFrame(() => setTimeout(done))); \
           const [page] = performance.getEntriesByType('navigation'); \
           const painted = performance.getEntriesByType('paint').map((paint) => paint.startTime); \
           return { painted: Math.max(...painted), interactive: page.domInteractive, loaded: page.loadEventEnd }; })()",
    );
    eprintln!("1,000 tasks, {} kB: milliseconds from navigation {drawn}", written.len() / 1000);
    assert_eq!(browser.value(ROWS).as_array().map(Vec::len), Some(1_000));
    for (key, drawn) in [("2", "#view-timeline .lanes .bar"), ("3", "#view-graph .node")] {
        browser.press(key);
        browser.waits_for(&format!("document.querySelectorAll({drawn:?}).length > 10"));
    }
    assert_eq!(browser.value("document.querySelectorAll('#view-graph .node').length"), json!(1_000));
    let apart = "(() => { const boxes = [...document.querySelectorAll('#view-graph .node')].map((node) => node.getAttribute('transform')); \
                 return new Set(boxes).size; })()";
    assert_eq!(browser.value(apart), json!(1_000), "no two stand in one place");
    browser.press("5");
    let of = |title: &str| {
        format!(
            "[...document.querySelectorAll('#view-decisions h2')].find((head) => head.innerText === {title:?})?.nextElementSibling.childElementCount"
        )
    };
    browser.waits_for(&format!("{} === 300", of("Gates")));
    assert_eq!(browser.value(&of("Merges")), json!(300));
    assert_eq!(
        browser.value("document.querySelectorAll('#view-decisions .gate-line.open').length"),
        json!(6)
    );
    assert_eq!(text(&mut browser, "[data-view=decisions] small"), "600");
    browser.is_content(&file);
}

#[test]
fn the_search_finds_what_a_task_shows_and_the_keys_alone_reach_all_of_it() {
    let repo = TestRepo::new();
    let mut account = many(300);
    let text = |words: &str| json!({"text": words, "bytes": words.len()});
    let mut told = serde_json::to_value(&account.tasks[0]).expect("JSON");
    let ending = json!({"millis": 1, "cpu_millis": 1, "max_rss_kib": 1, "output_bytes": 1});
    let attempt = &mut told["attempts"][0];
    attempt["verification_output"] = text("assertion left aardvark\n");
    attempt["log"] = text("it said Bandicoot\n");
    attempt["verifications"] = json!([{"at": "2026-01-05T10:00:20.000Z", "command": "make capybara", "passed": false, "ending": ending,
        "ended": "exit 2", "cached": false}]);
    attempt["tools"] = json!([{"at": "2026-01-05T10:00:20.000Z", "tool": "dingo", "arguments": "--of echidna", "result": "ok", "millis": 3}]);
    attempt["refusals"] =
        json!([{"at": "2026-01-05T10:00:20.000Z", "code": "bad", "reason": "no fossa in it"}]);
    attempt["notes"] =
        json!([{"at": "2026-01-05T10:00:20.000Z", "kind": "progress", "words": "halfway to the gecko"}]);
    attempt["submission"] = json!({"result": {"summary": "done", "risks": ["a hyena"]}});
    told["diff"] = json!({"from": "aa", "to": "bb", "files": [], "changed": 1, "insertions": 1, "deletions": 0, "uncommitted": 0,
        "patch": text("+an ibex\n")});
    told["verify"] = json!(["check the jackal"]);
    told["dead_letter"] = json!({"at": "2026-01-05T10:00:20.000Z", "why": "attempts_used_up", "by": "crew", "note": "", "last_error": "no",
        "tail": "the last words of a kudu"});
    account.tasks[0] = serde_json::from_value(told).expect("a task");
    account.gates[0].task = account.tasks[0].id.clone();
    account.gates[0].words = "may the lemur go".into();
    account.tasks[1].attempts[0].summary = "many words ".repeat(2_000);
    let file = repo.beside("found.html");
    std::fs::write(&file, html(&account).expect("a page")).expect("a file");
    let Some(mut browser) = Browser::start(&repo) else { return };
    browser.open(&file, "");
    let words = "aardvark bandicoot capybara dingo echidna fossa gecko hyena ibex jackal kudu lemur";
    for word in words.split(' ') {
        browser.value(&format!(
            "document.querySelector('#search').value = {word:?}; document.querySelector('#search').dispatchEvent(new Event('input'))"
        ));
        assert_eq!(browser.value(ROWS), json!(["row-task-0"]), "{word}");
    }
    browser.value("location.hash = '#task/task-0'");
    browser.waits_for(
        "document.querySelector('#panel .body')?.innerText.includes('the last words of a kudu') ?? false",
    );
    browser.press("Escape");
    browser.waits_for("document.querySelector('#panel').hidden");
    browser.press("Escape");
    assert_eq!(browser.value(ROWS).as_array().map(Vec::len), Some(300));
    keys_alone_reach_a_task_in_each_view(&mut browser);
    browser.is_content(&file);
}

fn keys_alone_reach_a_task_in_each_view(browser: &mut Browser<'_>) {
    let hash = "location.hash";
    let in_sight = |what: &str, within: &str| {
        format!(
            "(() => {{ const [a, b] = [{what:?}, {within:?}].map((one) => document.querySelector(one)?.getBoundingClientRect()); \
             return !!a && !!b && a.top >= b.top - 1 && a.bottom <= b.bottom + 1 && a.left >= b.left - 1; }})()"
        )
    };
    browser.press("1");
    browser.press("j");
    browser.press("Enter");
    browser.waits_for("document.activeElement.id === 'panel'");
    browser.press_named("PageDown", 34);
    browser.waits_for("document.querySelector('#panel').scrollTop > 100");
    assert_eq!(browser.value("scrollY"), json!(0), "what lies behind stays where it is");
    browser.press("Escape");
    browser.waits_for("document.activeElement.hash === '#task/task-1'");

    browser.press("2");
    browser.waits_for("document.querySelectorAll('#view-timeline .lane.selected').length === 1");
    (0..60).for_each(|_| browser.press("j"));
    let lane = "#view-timeline .lane.selected";
    browser.waits_for(&in_sight(lane, "#view-timeline .scroll"));
    let marked = browser.value(&format!("document.querySelector({lane:?}).dataset.lane"));
    let marked = marked.as_str().expect("a task").to_owned();
    assert!(!["task-0", "task-1"].contains(&marked.as_str()), "{marked}");
    browser.press("Enter");
    browser.waits_for(&format!("{hash} === '#task/{marked}' && document.activeElement.id === 'panel'"));
    browser.press("Escape");
    browser.waits_for("document.activeElement.matches('#view-timeline .scroll')");

    browser.press("3");
    let node = "#view-graph .node.selected";
    browser.waits_for(&in_sight(node, "#view-graph svg"));
    assert_eq!(browser.value(&format!("document.querySelector({node:?}).dataset.task")), json!(marked));
    let places = "[...document.querySelectorAll('#view-graph .node.selected')].map((node) => node.getAttribute('transform').match(/[-\\d.]+/g).map(Number))";
    let before = browser.value(places);
    browser.press("j");
    let after = browser.value(places);
    assert!(
        after[0][1].as_f64() > before[0][1].as_f64() || after[0][0].as_f64() > before[0][0].as_f64(),
        "{before} {after}"
    );
    let top = "document.querySelector('#view-graph svg').viewBox.baseVal.y";
    let was = browser.value(top).as_f64();
    browser.press("ArrowDown");
    assert!(browser.value(top).as_f64() > was, "it goes lower");
    browser.press("Enter");
    browser.waits_for(&format!("{hash}.startsWith('#task/') && document.activeElement.id === 'panel'"));
    browser.press("Escape");
    browser.waits_for("document.activeElement.matches('#view-graph svg')");
}

#[test]
fn what_came_after_the_last_attempt_is_on_the_time_line_and_a_patch_is_read_by_first_letters() {
    let repo = TestRepo::new();
    let mut account = many(20);
    let patch = "diff --git a/q.sql b/q.sql\nindex 1..2 100644\n--- a/q.sql\n+++ b/q.sql\n@@ -1,3 +1,3 @@ q\n same\n--- old comment\n+++ new counter\n";
    account.tasks[0].diff =
        serde_json::from_value(json!({"from": "aa", "to": "bb", "files": [], "changed": 1, "insertions": 1,
        "deletions": 1, "uncommitted": 0, "patch": {"text": patch, "bytes": patch.len()}}))
        .expect("a diff");
    let file = repo.beside("late.html");
    std::fs::write(&file, html(&account).expect("a page")).expect("a file");
    let Some(mut browser) = Browser::start(&repo) else { return };
    browser.open(&file, "#task/task-0");
    browser.waits_for("document.querySelectorAll('#panel .patch span').length > 0");
    let told = "[...document.querySelectorAll('#panel .patch span')].map((span) => `${span.className} ${span.innerText.split('\\n').length - 1}`)";
    assert_eq!(browser.value(told), json!(["about 4", "place 1", "same 1", "removed 1", "added 1"]));
    browser.press("Escape");
    browser.press("2");
    browser.waits_for("document.querySelectorAll('#view-timeline line.merge').length === 6");
}
