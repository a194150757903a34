//! What is said of branches that will not go together: by `crew status`, and when a run has ended.

use crate::domain::conflict::{Clash, Conflict};
use crate::domain::id::TaskId;
use crate::domain::run::Run;
use crate::domain::words::clean_line;
use crate::ui::words;
use serde_json::{Value, json};

/// The most pairs of tasks that are shown; all that is recorded is in `--json`.
const SHOWN_PAIRS: usize = 12;
/// The most places that are shown of one pair.
const SHOWN_PLACES: usize = 5;
/// The most characters of a path.
const SHOWN_OF_PATH: usize = 120;
/// The most characters of the names of a pair that others are lined up with.
const WIDEST_PAIR: usize = 32;

/// Returns the lines about the conflicts of a run; none where nothing is known of any.
pub fn lines(run: &Run) -> Vec<String> {
    let clashes: Vec<&Clash> = run.clashes_ahead().collect();
    if clashes.is_empty() {
        return Vec::new();
    }
    let conflicting = clashes.iter().filter(|clash| clash.weight() > 0).count();
    let touching = clashes.len() - conflicting + run.more_clashes as usize;
    let mut head = Vec::new();
    if conflicting > 0 {
        head.push(format!("{} of tasks will conflict", words::count(conflicting, "pair")));
    }
    if touching > 0 {
        let pairs = words::count(touching, if conflicting > 0 { "more pair" } else { "pair" });
        let change = if touching == 1 { "changes" } else { "change" };
        head.push(format!("{pairs} {change} the same files, which git can merge"));
    }
    let mut lines = vec![head.join("; ")];
    let shown = &clashes[..clashes.len().min(SHOWN_PAIRS)];
    let name = |clash: &Clash| format!("{}, {}", clash.tasks.0, clash.tasks.1);
    let width = shown.iter().map(|clash| name(clash).len()).max().unwrap_or(0).min(WIDEST_PAIR);
    for clash in shown {
        let mut pair = name(clash);
        for (kind, place) in places(clash) {
            lines.push(format!("  {pair:width$}  {kind:13}  {place}").trim_end().to_owned());
            pair.clear();
        }
    }
    let left = clashes.len() - shown.len() + run.more_clashes as usize;
    if left > 0 {
        lines.push(format!("  and {}: crew status {} --json", words::count(left, "more pair"), run.id));
    }
    let order = run.merge_order();
    if order.len() > 1 {
        let order: Vec<&str> = order.into_iter().map(TaskId::as_str).collect();
        lines.push(format!("  merge order  {}", clean_line(&order.join(", "), 400)));
    }
    lines
}

/// Returns what is shown of a pair: a kind of conflict and where it is.
fn places(clash: &Clash) -> Vec<(String, String)> {
    let also = |found: &Conflict| match found.paths.get(1..) {
        Some(others) if !others.is_empty() => format!(" ({})", paths(others)),
        _ => String::new(),
    };
    let found = clash.conflicts.iter().take(SHOWN_PLACES);
    let mut places: Vec<(String, String)> =
        found.map(|found| (found.kind.to_string(), format!("{}{}", found.place(), also(found)))).collect();
    let more = clash.weight() as usize - places.len();
    if more > 0 {
        places.push((String::new(), format!("and {}", words::count(more, "more place"))));
    }
    // Where there are conflicts, what git can merge is no news.
    if places.is_empty() {
        let shown = &clash.touched[..clash.touched.len().min(SHOWN_PLACES)];
        let more = clash.touched.len() - shown.len() + clash.more_touched as usize;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        places.push(("git can merge".into(), format!("{}{more}", paths(shown))));
    }
    places
}

fn paths(paths: &[String]) -> String {
    let clean: Vec<String> = paths.iter().map(|path| clean_line(path, SHOWN_OF_PATH)).collect();
    clean.join(", ")
}

/// Adds what is known of conflicts to a run's JSON.
pub fn put_into(json: &mut Value, run: &Run) {
    json["clashes"] = json!(run.clashes_ahead().collect::<Vec<_>>());
    json["more_clashes"] = json!(run.more_clashes);
    json["merge_order"] = json!(run.merge_order());
}
