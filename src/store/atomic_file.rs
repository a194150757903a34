//! Files that are whole or not there: written beside, then renamed.

use super::StoreError;
use std::io::Write;
use std::path::Path;

/// What the name of a file begins with that is being written, or whose writer died.
pub const BESIDE: &str = ".crew-";

/// Writes a file as a whole, making its folder where that is missing. Readers see the old content or the new one.
pub fn write(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    write_with(path, |file| file.write_all(content))
}

/// Writes a file as a whole and returns when it is on the disk.
pub fn write_synced(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    write_with(path, |file| {
        file.write_all(content)?;
        file.flush()?;
        file.get_ref().sync_data()
    })
}

/// Writes a file as a whole, by what `fill` puts into it.
pub fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut std::io::BufWriter<&std::fs::File>) -> std::io::Result<()>,
) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(StoreError::file(folder))?;
    let beside =
        tempfile::Builder::new().prefix(BESIDE).tempfile_in(folder).map_err(StoreError::file(folder))?;
    let mut writer = std::io::BufWriter::new(beside.as_file());
    fill(&mut writer).and_then(|()| writer.flush()).map_err(StoreError::file(path))?;
    drop(writer);
    beside.persist(path).map_err(|error| StoreError::File { path: path.to_owned(), source: error.error })?;
    Ok(())
}

/// Takes away what writers that died had not written to its end, in a folder and in those below it. Nobody may be writing
/// there meanwhile.
pub fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep(&entry.path());
        } else if entry.file_name().to_string_lossy().starts_with(BESIDE) {
            // What cannot be removed is in nobody's way.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_written_to_its_end_is_swept_away_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, half) = (folder.path().join("results/a.json"), folder.path().join("results/.crew-x1"));
        write(&whole, b"{}").unwrap();
        std::fs::write(&half, "{").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("round")).unwrap();
        sweep(folder.path());
        assert!(whole.exists() && !half.exists());
    }
}
