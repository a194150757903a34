//! Metrics in files: one for the textfile collector of node_exporter, and one a day for whoever reads them later.

use super::registry::{Series, Snapshot};
use super::text;
use crate::domain::redact::Redactor;
use crate::domain::time::Time;
use crate::store::StoreError;
use crate::store::artifacts::sha256;
use crate::store::atomic_file;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many days are kept, the present one among them.
const DAYS: u64 = 7;

/// Stands in the path of a textfile for a repository: the settings are the same for all, and each has a file of its own then.
const REPOSITORY: &str = "{repository}";

/// Returns the path that the settings mean for a repository.
pub fn textfile_of(path: &str, repository: &Path) -> PathBuf {
    let name = repository.file_name().unwrap_or_default().to_string_lossy();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let name: String =
        name.chars().take(64).map(|character| if is_plain(character) { character } else { '_' }).collect();
    // There may be another one of that name.
    let place = sha256(repository.as_os_str().as_encoded_bytes());
    PathBuf::from(path.replace(REPOSITORY, &format!("{name}-{}", &place[..8])))
}

/// Writes all metrics of a repository to a file that node_exporter reads. It may read those of other repositories too, so each
/// series says by a label of its own which one it is from.
pub fn write_textfile(path: &Path, snapshot: &Snapshot, repository: &str) -> Result<(), StoreError> {
    let text = text::prometheus_of(snapshot, &[("repository", repository)]);
    atomic_file::write_with(path, |file| {
        // It runs as somebody else.
        file.get_ref().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        file.write_all(text.as_bytes())
    })
}

/// Adds all metrics to the file of the day, as one line, and takes away the files of days that are over for long.
pub fn add_to_day(folder: &Path, snapshot: &Snapshot, words: &Redactor) -> Result<(), StoreError> {
    let mut line = json!({
        "exportedAt": snapshot.at,
        "snapshots": snapshot.series.iter().map(Series::json).collect::<Vec<Value>>(),
    });
    words.value(&mut line["snapshots"]);
    std::fs::create_dir_all(folder).map_err(StoreError::file(folder))?;
    let path = folder.join(format!("{}.jsonl", day_of(snapshot.at)));
    append_line(&path, &line.to_string()).map_err(StoreError::file(&path))?;
    let oldest = day_of(snapshot.at.moved(-(Duration::from_secs((DAYS - 1) * 86_400).as_millis() as i64)));
    for entry in std::fs::read_dir(folder).map_err(StoreError::file(folder))?.flatten() {
        let name = entry.file_name();
        if name.to_str().and_then(day_in_name).is_some_and(|day| day < oldest.as_str()) {
            // Somebody else may have taken it away.
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// Adds a line as a whole or not at all: two runs may end at once, and the disk may be full.
fn append_line(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    // Until it is closed.
    file.lock()?;
    let before = file.metadata()?.len();
    // One who was killed may have left half a line, which must not spoil this one.
    let mut last = [b'\n'];
    if before > 0 {
        file.read_exact_at(&mut last, before - 1)?;
    }
    let begin = if last == [b'\n'] { "" } else { "\n" };
    let written = file.write_all(format!("{begin}{line}\n").as_bytes());
    if written.is_err() {
        // What it was, it is again, wherever that can be had.
        let _ = file.set_len(before);
    }
    written
}

/// Returns the day of a time, UTC: `2026-11-21`.
fn day_of(at: Time) -> String {
    at.to_string().split('T').next().unwrap_or_default().to_owned()
}

/// Returns the day that a file is of; nothing where crew did not write it.
fn day_in_name(name: &str) -> Option<&str> {
    let day = name.strip_suffix(".jsonl")?;
    let fits =
        |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    (day.len() == 10 && day.bytes().enumerate().all(fits)).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::super::names::Metric;
    use super::super::registry::Registry;
    use super::*;

    fn snapshot(at: Time) -> Snapshot {
        let mut registry = Registry::default();
        registry.add(Metric::ToolCall, &["claude", "tool ghp_a8Kx2Qz7a8Kx2Qz7a8Kx2Qz7a8Kx2Qz7", "ok"], 3);
        registry.set(Metric::StoreSize, &[], 100);
        registry.snapshot(at)
    }

    #[test]
    fn each_series_of_a_textfile_says_which_repository_it_is_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crew.prom");
        let mut registry = Registry::default();
        registry.add(Metric::ToolCall, &["claude", "{} 1", "ok"], 3);
        registry.set(Metric::StoreSize, &[], 100);
        write_textfile(&path, &registry.snapshot(Time(0)), "/\"q\\").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let call =
            "crew_tool_call_total{repository=\"/\\\"q\\\\\",agent=\"claude\",tool=\"{} 1\",result=\"ok\"} 3";
        assert!(samples.contains(&call), "{text}");
        assert!(samples.iter().all(|line| line.contains("{repository=\"/\\\"q\\\\\"")), "{text}");
    }

    #[test]
    fn a_textfile_is_written_as_a_whole_and_may_be_read_by_everybody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/crew.prom");
        for _ in 0..2 {
            write_textfile(&path, &snapshot(Time(0)), "/repo").unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("{repository=\"/repo\"} 100"), "{text}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn each_repository_has_a_textfile_of_its_own_where_the_path_says_so() {
        let of = |repository: &str| textfile_of("/n/crew-{repository}.prom", Path::new(repository));
        let (one, other) = (of("/a/my api"), of("/b/my api"));
        assert!(one != other && one == of("/a/my api"));
        let name = one.to_str().unwrap().strip_prefix("/n/crew-my_api-").unwrap();
        assert_eq!(name.len(), "01234567.prom".len());
        assert_eq!(textfile_of("/n/crew.prom", Path::new("/a")), Path::new("/n/crew.prom"));
        assert!(of("/").starts_with("/n"));
    }

    #[test]
    fn half_a_line_of_one_who_was_killed_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2026-11-21.jsonl");
        std::fs::write(&path, "{\"exportedAt\":\"2026-").unwrap();
        for line in ["{\"a\":1}", "{\"a\":2}"] {
            append_line(&path, line).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"exportedAt\":\"2026-\n{\"a\":1}\n{\"a\":2}\n");
    }

    #[test]
    fn a_day_has_a_file_and_a_week_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let day = |day: i64| Time(1_795_228_200_120 + day * 86_400_000);
        std::fs::write(folder.path().join("notes.jsonl"), "mine").unwrap();
        for number in [0, 0, 1, 2, 8] {
            add_to_day(folder.path(), &snapshot(day(number)), &Redactor::default()).unwrap();
        }
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["2026-11-23.jsonl", "2026-11-29.jsonl", "notes.jsonl"]);
        add_to_day(folder.path(), &snapshot(day(8)), &Redactor::default()).unwrap();
        let text = std::fs::read_to_string(folder.path().join("2026-11-29.jsonl")).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["exportedAt"], "2026-11-29T02:30:00.120Z");
        assert!(text.contains("[redacted]") && !text.contains("ghp_"), "{text}");
    }
}
