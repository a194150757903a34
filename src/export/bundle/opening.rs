//! Reads the file of a run into a folder, and believes nothing of it.

use super::packing::{Counting, hex};
use super::{
    BundleError, DIFFS, EVENTS, Entry, FORMAT, GIT, MANIFEST, Manifest, OF_FOLDER, SCHEMA_VERSION,
    is_safe_path,
};
use crate::workspace::scratch::Scratch;
use flate2::bufread::GzDecoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

/// The most bytes of the manifest.
const MAX_MANIFEST: u64 = 64 * 1024 * 1024;
/// How much an entry takes in the archive beside its content.
const AROUND: u64 = 1024;

/// How much may come out of a file.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of all entries.
    pub bytes: u64,
    pub entries: usize,
}

/// A file that was read whole and is as its manifest says, in a folder that goes when this is dropped.
#[derive(Debug)]
pub struct Opened {
    pub manifest: Manifest,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    folder: Scratch,
}

impl Opened {
    /// Returns where the record lies.
    pub(super) fn events(&self) -> PathBuf {
        self.folder.path().join(EVENTS)
    }

    /// Returns where git's bundle lies, where there is one.
    pub fn branches(&self) -> Option<PathBuf> {
        self.manifest.entries.iter().any(|entry| entry.path == GIT).then(|| self.folder.path().join(GIT))
    }

    /// Returns the files of the run's folder: each with its name there and where it lies.
    pub fn files(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let of_folder = |path: &str| OF_FOLDER.iter().any(|folder| path.starts_with(folder));
        let paths = self.manifest.entries.iter().map(|entry| entry.path.as_str());
        paths.filter(move |path| of_folder(path)).map(|path| (path, self.folder.path().join(path)))
    }
}

/// Only what says whether the rest can be read.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    format: String,
    #[serde(default)]
    schema_version: u64,
}

/// Reads a file, or whatever else a bundle comes from: every entry is one that the manifest names, with its size and its
/// checksum, and leads nowhere else.
pub fn open(source: impl Read, bounds: Bounds) -> Result<Opened, BundleError> {
    let mut source = BufReader::new(Hashing { inner: source, hash: Sha256::new() });
    let folder = Scratch::new("crew-import-")?;
    let manifest = {
        let most = bounds.bytes.saturating_add(AROUND * bounds.entries as u64).saturating_add(MAX_MANIFEST);
        let mut unpacked = GzDecoder::new(&mut source).take(most);
        let manifest = read(&mut unpacked, &folder, bounds)?;
        // The sum at the end of it is checked once all of it was read.
        let rest = io::copy(&mut unpacked, &mut io::sink()).map_err(damaged)?;
        if unpacked.limit() == 0 || rest > 1024 * 1024 {
            return Err(BundleError::TooLarge("more comes than the manifest says".into()));
        }
        manifest
    };
    // A device may have more than anybody reads.
    if io::copy(&mut source.by_ref().take(1), &mut io::sink())? > 0 {
        return Err(BundleError::Damaged("something follows after its end".into()));
    }
    Ok(Opened { manifest, sha256: hex(source.into_inner().hash), folder })
}

fn read(unpacked: &mut impl Read, folder: &Scratch, bounds: Bounds) -> Result<Manifest, BundleError> {
    let mut archive = tar::Archive::new(unpacked);
    let mut manifest: Option<Manifest> = None;
    let mut wanted: HashMap<String, Entry> = HashMap::new();
    // As they lie there: no entry changes what the next one is called, or how long it is.
    for entry in archive.entries().map_err(no_bundle)?.raw(true) {
        let first = manifest.is_none();
        let mut entry = entry.map_err(|error| if first { no_bundle(error) } else { damaged(error) })?;
        let path = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| BundleError::Unsafe("the name of an entry is no text".into()))?;
        let shown = crate::domain::words::clean_line(&path, 200);
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(BundleError::Unsafe(format!("{shown} is no plain file")));
        }
        if !is_safe_path(&path) {
            return Err(BundleError::Unsafe(format!("`{shown}` leads out of the folder")));
        }
        if first {
            if path != MANIFEST {
                return Err(BundleError::NoBundle(format!("it begins with {shown}, not with {MANIFEST}")));
            }
            let found = read_manifest(&mut entry, bounds)?;
            wanted = found.entries.iter().map(|entry| (entry.path.clone(), entry.clone())).collect();
            if wanted.len() < found.entries.len() {
                return Err(BundleError::Damaged("its manifest names an entry twice".into()));
            }
            manifest = Some(found);
            continue;
        }
        let Some(listed) = wanted.remove(&path) else {
            return Err(BundleError::Damaged(format!("{shown} is not in its manifest, or there twice")));
        };
        take(&mut entry, &listed, folder)?;
    }
    let manifest = manifest.ok_or_else(|| BundleError::NoBundle("there is nothing in it".into()))?;
    match wanted.into_keys().min() {
        None => Ok(manifest),
        Some(missing) => Err(BundleError::Damaged(format!("{missing} is missing"))),
    }
}

fn read_manifest(entry: &mut impl Read, bounds: Bounds) -> Result<Manifest, BundleError> {
    let mut text = Vec::new();
    entry.take(MAX_MANIFEST).read_to_end(&mut text).map_err(damaged)?;
    let unreadable = |error: serde_json::Error| BundleError::NoBundle(format!("its manifest: {error}"));
    let kind: Kind = serde_json::from_slice(&text).map_err(unreadable)?;
    if kind.format != FORMAT {
        return Err(BundleError::NoBundle("its manifest is about something else".into()));
    }
    match kind.schema_version {
        0 => return Err(BundleError::NoBundle("its manifest tells no version".into())),
        found if found > u64::from(SCHEMA_VERSION) => return Err(BundleError::Newer { found }),
        _ => {}
    }
    let manifest: Manifest = serde_json::from_slice(&text).map_err(unreadable)?;
    if manifest.entries.len() > bounds.entries {
        return Err(BundleError::TooLarge(format!("{} files", manifest.entries.len())));
    }
    let bytes = manifest.entries.iter().fold(0u64, |sum, entry| sum.saturating_add(entry.bytes));
    if bytes > bounds.bytes {
        return Err(BundleError::TooLarge(format!("{bytes} bytes, and {} are allowed", bounds.bytes)));
    }
    let known = |path: &str| {
        [EVENTS, GIT].contains(&path)
            || OF_FOLDER.iter().chain([&DIFFS]).any(|folder| path.starts_with(folder))
    };
    if let Some(strange) =
        manifest.entries.iter().find(|entry| !is_safe_path(&entry.path) || !known(&entry.path))
    {
        let shown = crate::domain::words::clean_line(&strange.path, 200);
        return Err(BundleError::Unsafe(format!("`{shown}` has no place in it")));
    }
    let has = |path: &str| manifest.entries.iter().any(|entry| entry.path == path);
    if !has(EVENTS) || (has(GIT) && manifest.git.is_none()) {
        return Err(BundleError::Damaged("its manifest contradicts itself".into()));
    }
    Ok(manifest)
}

/// Takes one file out, which has to be as the manifest says.
fn take(entry: &mut tar::Entry<'_, impl Read>, listed: &Entry, folder: &Scratch) -> Result<(), BundleError> {
    let path = &listed.path;
    if entry.header().entry_size().map_err(damaged)? != listed.bytes {
        return Err(BundleError::Damaged(format!("{path} has another size than its manifest says")));
    }
    let place = folder.path().join(path);
    let in_the_way = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            BundleError::Unsafe(format!("{path} is a file and a folder"))
        }
        io::ErrorKind::InvalidFilename => BundleError::Unsafe(format!("{path} is no name of a file")),
        _ => BundleError::Io(error),
    };
    fs::create_dir_all(place.parent().unwrap_or(folder.path())).map_err(in_the_way)?;
    let file = File::create_new(&place).map_err(in_the_way)?;
    let mut counting = Counting { inner: io::BufWriter::new(file), hash: Sha256::new(), bytes: 0 };
    let written = entry.header().mtime().ok().and_then(|at| UNIX_EPOCH.checked_add(Duration::from_secs(at)));
    io::copy(&mut entry.take(listed.bytes), &mut counting).map_err(damaged)?;
    io::Write::flush(&mut counting)?;
    if let Some(written) = written {
        // A time that the disk cannot hold is no time.
        let _ = counting.inner.get_ref().set_modified(written);
    }
    if counting.bytes != listed.bytes {
        return Err(BundleError::Damaged(format!("{path} breaks off")));
    }
    if hex(counting.hash) != listed.sha256 {
        return Err(BundleError::Damaged(format!("{path} is not what was written: its SHA-256 differs")));
    }
    Ok(())
}

/// Says what is wrong with the file, unless it is that it has no room here.
fn damaged(error: io::Error) -> BundleError {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    if let StorageFull | QuotaExceeded | FileTooLarge | PermissionDenied | ReadOnlyFilesystem = error.kind() {
        return BundleError::Io(error);
    }
    BundleError::Damaged(format!("it breaks off, or was changed ({error})"))
}

fn no_bundle(error: io::Error) -> BundleError {
    BundleError::NoBundle(error.to_string())
}

/// Hashes what is read through it.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}
