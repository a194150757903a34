//! The secret by which crew knows a request of a person: in the user's configuration folder, readable by the user alone.

use super::StoreError;
use super::lock;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads the secret in a configuration folder. Where there is none, `new` becomes it.
pub fn read_or_make(folder: &Path, new: &str) -> Result<String, StoreError> {
    let path = folder.join("person.key");
    match std::fs::read_to_string(&path) {
        Ok(key) if !key.trim().is_empty() => return Ok(key.trim().to_owned()),
        // An empty one is what a full disk left.
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(StoreError::file(&path)(error)),
    }
    let _lock = lock::take_beside(&path)?;
    // Another process may have been faster.
    if let Some(key) = std::fs::read_to_string(&path).ok().filter(|key| !key.trim().is_empty()) {
        return Ok(key.trim().to_owned());
    }
    let file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| writeln!(file, "{new}").and_then(|()| file.sync_all()));
    written.map_err(StoreError::file(&path))?;
    Ok(new.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_first_secret_stays_and_nobody_else_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("crew");
        assert_eq!(read_or_make(&folder, "one").unwrap(), "one");
        assert_eq!(read_or_make(&folder, "two").unwrap(), "one");
        let mode = std::fs::metadata(folder.join("person.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(folder.join("person.key"), "").unwrap();
        assert_eq!(read_or_make(&folder, "three").unwrap(), "three");
    }
}
