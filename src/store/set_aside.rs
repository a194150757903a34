//! Moves away what cannot be read, with a note that says what it was. Nothing is deleted to repair it.

use super::StoreError;
use super::layout::Layout;
use crate::domain::time::Time;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The name of the file that says what was moved, when and why.
pub const NOTE: &str = "NOTE.txt";

/// Moves a file or a folder below `.crew` to the same place below `.crew/set-aside/TIME/`, and notes why. Returns where it
/// is now. A link is moved as it is.
pub fn move_there(layout: &Layout, path: &Path, why: &str, now: Time) -> Result<PathBuf, StoreError> {
    let place = place_for(layout, path, why, now)?;
    std::fs::rename(path, &place).map_err(StoreError::file(path))?;
    Ok(place)
}

/// Does the same, and leaves the file where it is: as another name of it, or a copy where that cannot be.
pub fn copy_there(layout: &Layout, path: &Path, why: &str, now: Time) -> Result<PathBuf, StoreError> {
    let place = place_for(layout, path, why, now)?;
    if std::fs::hard_link(path, &place).is_err() {
        std::fs::copy(path, &place).map_err(StoreError::file(path))?;
    }
    Ok(place)
}

/// Finds where something goes, and notes why.
fn place_for(layout: &Layout, path: &Path, why: &str, now: Time) -> Result<PathBuf, StoreError> {
    let folder = layout.set_aside().join(now.to_string().replace(':', ""));
    let inside = path.strip_prefix(layout.root()).unwrap_or(path);
    let inside: PathBuf =
        inside.components().filter(|part| matches!(part, std::path::Component::Normal(_))).collect();
    let place = folder.join(inside);
    let around = place.parent().unwrap_or(&folder);
    std::fs::create_dir_all(around).map_err(StoreError::file(around))?;
    // The note comes first: what is there without one could not be explained, the other way round it can.
    let note = folder.join(NOTE);
    let mut file =
        std::fs::File::options().create(true).append(true).open(&note).map_err(StoreError::file(&note))?;
    let line = format!("{now}  {} was moved here: {why}\n", layout.shown(path));
    file.write_all(line.as_bytes()).map_err(StoreError::file(&note))?;
    let free = (1..).map(|number| match number {
        1 => place.clone(),
        _ => place.with_added_extension(number.to_string()),
    });
    Ok(free.into_iter().find(|place| place.symlink_metadata().is_err()).unwrap_or(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_is_there_with_a_note_and_nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path());
        let path = layout.runs().join("r/tasks.json");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut moved = Vec::new();
        for text in ["one", "two"] {
            std::fs::write(&path, text).unwrap();
            moved.push(move_there(&layout, &path, "it is cut off", Time(0)).unwrap());
            assert!(!path.exists());
        }
        let texts: Vec<String> = moved.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        assert_eq!(texts, ["one", "two"]);
        assert!(moved[0].ends_with("1970-01-01T000000.000Z/runs/r/tasks.json"), "{moved:?}");
        let note =
            std::fs::read_to_string(layout.set_aside().join("1970-01-01T000000.000Z").join(NOTE)).unwrap();
        assert_eq!(note.lines().count(), 2);
        assert!(note.contains(".crew/runs/r/tasks.json was moved here: it is cut off"), "{note}");
    }
}
