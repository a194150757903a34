//! Writes a run as one file.

use super::{
    ARTIFACTS, Branches, BundleError, Committed, DIFFS, EVENTS, Entry, FORMAT, GIT, MANIFEST, Manifest,
    SCHEMA_VERSION, Stopping, is_safe_path,
};
use crate::domain::event::{Event, Persona, Recorded};
use crate::domain::id::RunId;
use crate::domain::redact::{Redactor, SafeStream};
use crate::domain::run::Run;
use crate::domain::task::Work;
use crate::domain::time::Time;
use crate::domain::words::clean_line;
use crate::export::events;
use crate::store::artifacts::sha256;
use crate::store::database::Store;
use crate::store::layout::RunPaths;
use crate::store::{StoreError, lock};
use crate::workspace::changes::Form;
use crate::workspace::git::Git;
use crate::workspace::packing::{self, Reference};
use crate::workspace::scratch::Scratch;
use crate::workspace::staging::settled;
use crate::workspace::task_work::{self, TaskWork};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::UNIX_EPOCH;

/// How much of a log is read at once.
const CHUNK: usize = 256 * 1024;
/// The most characters of a goal that the manifest tells.
const MAX_GOAL: usize = 500;

/// What is wanted of the file.
#[derive(Clone, Copy, Debug)]
pub struct Packing<'a> {
    pub by: &'a str,
    pub now: Time,
    pub version: &'a str,
    pub words: &'a Redactor,
    /// Without them nothing of git's is in it.
    pub branches: bool,
    /// Commits that hold what looks like a secret are in it too; without this, such a run is not packed with branches.
    pub secrets: bool,
    /// All of the history is in it that the branches build on.
    pub history: bool,
    /// Becomes true when it is to end before it is done.
    pub stop: &'a AtomicBool,
}

/// Writes a run to `out` and returns what is in there; none where there is no such run.
pub fn pack(
    store: &Store,
    id: &RunId,
    packing: &Packing<'_>,
    out: &mut dyn Write,
) -> Result<Option<Manifest>, BundleError> {
    let owned = lock::is_owned(&store.paths(id))?;
    let Some(run) = store.load_run(id)? else { return Ok(None) };
    let (words, stop) = (packing.words, packing.stop);
    let folder = Scratch::new("crew-export-")?;
    let mut staging = Staging { folder, entries: Vec::new(), notes: Vec::new(), words, stop };
    if owned {
        staging.notes.push("the run was being carried out: what came after that is not in here".into());
    }
    let kept = staging.artifacts(store, id)?;
    staging.events(store, id, &kept)?;
    let paths = store.paths(id);
    staging.logs(&paths)?;
    let repository = store.layout().repository();
    staging.diffs(repository, &run)?;
    let git = if packing.branches { staging.branches(repository, &run, packing)? } else { None };
    match (&git, packing.branches) {
        (Some(_), _) if packing.history => staging.notes.push(
            "the history before the run is as git holds it: whether there is a secret in it, nobody has looked".into(),
        ),
        (Some(_), _) => {}
        (None, false) => staging.notes.push("branches and kept work were left out".into()),
        (None, true) => {}
    }
    if paths.root().join(crate::store::layout::CONFLICTS).exists() {
        staging.notes.push("what agents did about conflicts is recorded apart, and not in here".into());
    }
    let line = |text: &str| packing.words.line(text, MAX_GOAL);
    let name = repository.file_name().unwrap_or_default().to_string_lossy();
    let manifest = Manifest {
        format: FORMAT.into(),
        schema_version: SCHEMA_VERSION,
        run: id.clone(),
        goal: line(&run.goal),
        status: run.status(owned).name().into(),
        exported_at: packing.now,
        exported_by: line(packing.by),
        repository: line(&name),
        crew_version: packing.version.into(),
        git,
        notes: staging.notes.clone(),
        entries: staging.entries.clone(),
    };
    staging.write(&manifest, out)?;
    Ok(Some(manifest))
}

/// Holds what goes into the file until all of it is known.
struct Staging<'a> {
    folder: Scratch,
    entries: Vec<Entry>,
    notes: Vec<String>,
    words: &'a Redactor,
    stop: &'a AtomicBool,
}

/// A file that something is put into.
type Part<'a> = Counting<Stopping<'a, BufWriter<File>>>;

impl Staging<'_> {
    /// Takes in a file, by what `fill` puts into it.
    fn add(
        &mut self,
        path: &str,
        fill: impl FnOnce(&mut Part<'_>) -> Result<(), BundleError>,
    ) -> Result<(), BundleError> {
        let place = self.folder.path().join(path);
        fs::create_dir_all(place.parent().unwrap_or(self.folder.path()))?;
        let inner = Stopping { inner: BufWriter::new(File::create(&place)?), stop: self.stop };
        let mut file = Counting { inner, hash: Sha256::new(), bytes: 0 };
        fill(&mut file)?;
        file.inner.flush()?;
        self.list(path, file.bytes, hex(file.hash));
        Ok(())
    }

    fn list(&mut self, path: &str, bytes: u64, sha256: String) {
        self.entries.push(Entry { path: path.to_owned(), bytes, sha256 });
    }

    /// Takes the run's artifacts in. Returns what each of them was when it was kept, and what it is in here.
    fn artifacts(&mut self, store: &Store, id: &RunId) -> Result<HashMap<String, Changed>, BundleError> {
        let folder = store.paths(id).artifacts();
        let mut changed = HashMap::new();
        for row in store.artifacts(id)? {
            let Some(file) = plain_file(&folder.join(&row.path)).filter(|_| fits(&row.path)) else {
                self.notes.push(format!("the artifact {} is not there any more", clean_line(&row.path, 200)));
                continue;
            };
            let mut content = Vec::new();
            BufReader::new(file).read_to_end(&mut content)?;
            if sha256(&content) != row.sha256 {
                self.leave_changed(&row.path);
                continue;
            }
            let safe = safe_file(&row.path, &content, self.words);
            self.add(&format!("{ARTIFACTS}{}", row.path), |file| Ok(file.write_all(&safe)?))?;
            if let Cow::Owned(safe) = &safe {
                let now = Changed { was: row.sha256, bytes: safe.len() as u64, sha256: sha256(safe) };
                changed.insert(row.path, now);
            }
        }
        Ok(changed)
    }

    fn leave_changed(&mut self, path: &str) {
        let shown = clean_line(path, 200);
        self.notes.push(format!("the artifact {shown} is not as it was when it was kept, and not in here"));
    }

    /// Takes the record in, which says of each artifact what it is in here. An artifact of which it says something else, or
    /// nothing, goes: whoever takes the file in refuses it.
    fn events(
        &mut self,
        store: &Store,
        id: &RunId,
        changed: &HashMap<String, Changed>,
    ) -> Result<(), BundleError> {
        let words = self.words;
        let mut told: HashMap<String, String> = HashMap::new();
        let mut altered = Altered::default();
        self.add(EVENTS, |file| {
            let mut failed: Option<BundleError> = None;
            store.each_event(id, 0, usize::MAX, |mut recorded| {
                if let Event::ArtifactKept { path, bytes, sha256, .. } = &mut recorded.event
                    && let Some(now) = changed.get(path).filter(|now| now.was == *sha256)
                {
                    (*bytes, *sha256) = (now.bytes, now.sha256.clone());
                }
                if failed.is_none() {
                    let write = || -> Result<(), BundleError> {
                        let plain = recorded.event.clone();
                        let safe = Recorded { event: events::made_safe(recorded.event, words)?, ..recorded };
                        altered.look(&plain, &safe.event);
                        if let Event::ArtifactKept { path, sha256, .. } = &safe.event {
                            told.insert(path.clone(), sha256.clone());
                        }
                        Ok(file.write_all(events::line_of_safe(&safe)?.as_bytes())?)
                    };
                    failed = write().err();
                }
                Ok::<(), StoreError>(())
            })?;
            failed.map_or(Ok(()), Err)
        })?;
        let is_other = |entry: &&Entry| {
            entry.path.strip_prefix(ARTIFACTS).is_some_and(|path| told.get(path) != Some(&entry.sha256))
        };
        let others: Vec<String> =
            self.entries.iter().filter(is_other).map(|entry| entry.path.clone()).collect();
        self.entries.retain(|entry| !others.contains(&entry.path));
        others
            .iter()
            .filter_map(|path| path.strip_prefix(ARTIFACTS))
            .for_each(|path| self.leave_changed(path));
        self.notes.extend(altered.notes());
        Ok(())
    }

    fn logs(&mut self, paths: &RunPaths) -> Result<(), BundleError> {
        let mut names: Vec<String> = Vec::new();
        for entry in fs::read_dir(paths.logs()).into_iter().flatten() {
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        for name in names.into_iter().filter(|name| name.ends_with(".log") && fits(name)) {
            let Some(mut log) = plain_file(&paths.logs().join(&name)) else { continue };
            let words = self.words;
            // It tells until when an attempt lived that nobody saw end.
            let written = log.metadata()?.modified()?;
            let path = format!("logs/{name}");
            self.add(&path, |file| {
                let (mut stream, mut chunk) = (SafeStream::default(), vec![0; CHUNK]);
                loop {
                    match log.read(&mut chunk)? {
                        0 => return Ok(file.write_all(stream.close(words).as_bytes())?),
                        count => file.write_all(stream.take(words, &chunk[..count]).as_bytes())?,
                    }
                }
            })?;
            File::options().append(true).open(self.folder.path().join(path))?.set_modified(written)?;
        }
        Ok(())
    }

    fn diffs(&mut self, repository: &Path, run: &Run) -> Result<(), BundleError> {
        let git = task_work::git_of(repository);
        for work in TaskWork::all(repository, run) {
            let name = work.name();
            let Some(changed) = task_work::changed(&work, &git)? else {
                self.notes.push(format!("the work of {name} is not in the repository any more"));
                continue;
            };
            if changed.uncommitted > 0 {
                let (count, s) =
                    (changed.uncommitted, if changed.uncommitted == 1 { " is" } else { "s are" });
                self.notes.push(format!("{count} file{s} in no commit of {name}, and in its diff alone"));
            }
            let words = self.words;
            self.add(&format!("{DIFFS}{name}.patch"), |file| {
                let mut stream = SafeStream::default();
                changed.span.tell(Form::WholePatch, &[], |line| {
                    file.write_all(stream.take(words, line).as_bytes())
                })?;
                Ok(file.write_all(stream.close(words).as_bytes())?)
            })?;
        }
        Ok(())
    }

    /// Takes the run's branches in, and what is kept of its work.
    fn branches(
        &mut self,
        repository: &Path,
        run: &Run,
        packing: &Packing<'_>,
    ) -> Result<Option<Branches>, BundleError> {
        let git = settled(Git::at(repository).apart());
        let references = packing::references(&git, &run.id)?;
        if references.is_empty() {
            return Ok(None);
        }
        let mut without = Vec::new();
        if let Some(base) = &run.base {
            // What was not committed then is crew's own commit, which nobody else has; its parent is.
            let known = if base.snapshot { format!("{}^", base.commit) } else { base.commit.clone() };
            without.extend(task_work::commit(&git, &known));
        }
        let found = committed(&git, &run.id, &references, &without, self.words)?;
        if !found.is_empty() && !packing.secrets {
            return Err(BundleError::Secrets(found));
        }
        if !found.is_empty() {
            self.notes.push(format!("commits are as git holds them: {}", BundleError::Secrets(found)));
        }
        let place = self.folder.path().join(GIT);
        fs::create_dir_all(place.parent().unwrap_or(self.folder.path()))?;
        let packing::Header { references: packed, mut needs } =
            packing::pack(&git, &references, &without, packing.history, &place)?;
        if !packed.is_empty() {
            let (bytes, hash) = hash_of(&place)?;
            self.list(GIT, bytes, hash);
        }
        // A branch that has not left its beginning has nothing of its own to be packed.
        let others = references.iter().filter(|reference| !packed.contains(reference));
        needs.extend(others.map(|reference| reference.commit.clone()));
        needs.sort();
        needs.dedup();
        Ok(Some(Branches { references, needs }))
    }

    /// Writes all of it, the manifest first.
    fn write(&self, manifest: &Manifest, out: &mut dyn Write) -> Result<(), BundleError> {
        let out = Stopping { inner: out, stop: self.stop };
        let mut archive = tar::Builder::new(GzEncoder::new(out, Compression::default()));
        let at = (manifest.exported_at.0 / 1000).max(0) as u64;
        let text = serde_json::to_vec_pretty(manifest).map_err(crate::export::ExportError::from)?;
        archive.append_data(&mut header(text.len() as u64, at), MANIFEST, text.as_slice())?;
        for entry in &manifest.entries {
            let file = File::open(self.folder.path().join(&entry.path))?;
            let written = file.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let mut header = header(entry.bytes, written.as_secs());
            archive.append_data(&mut header, &entry.path, BufReader::new(file))?;
        }
        archive.into_inner()?.finish()?.flush()?;
        Ok(())
    }
}

/// Returns where the commits that a run's references hold, beside `without`, bring in what looks like a secret.
fn committed(
    git: &Git,
    run: &RunId,
    references: &[Reference],
    without: &[String],
    words: &Redactor,
) -> Result<Vec<Committed>, BundleError> {
    let mut found = BTreeSet::new();
    // What crew itself says of a commit has names of tasks in it, whatever word is somebody's secret.
    let by_form = Redactor::default();
    packing::added(git, references, without, |added| {
        let words = if added.file.is_some() { words } else { &by_form };
        if let Cow::Owned(_) = words.text(added.text) {
            let own = format!("/{run}/");
            let task = added.reference.split_once(&own).and_then(|(_, rest)| rest.split('/').next());
            found.insert(Committed { task: task.map(str::to_owned), file: added.file.map(str::to_owned) });
        }
    })?;
    Ok(found.into_iter().collect())
}

/// Whose words are not in the file as they were, because they held what looks like a secret.
#[derive(Default)]
struct Altered {
    /// Tasks with another command.
    commands: BTreeSet<String>,
    /// Tasks and personas of which an agent is told something else.
    prompts: BTreeSet<String>,
}

impl Altered {
    fn look(&mut self, plain: &Event, safe: &Event) {
        match (plain, safe) {
            (Event::TaskCreated { spec }, Event::TaskCreated { spec: safe }) => {
                let name = || spec.id.to_string();
                let command_differs = matches!(spec.work, Work::Command { .. }) && spec.work != safe.work;
                if command_differs || spec.verify != safe.verify {
                    self.commands.insert(name());
                }
                if matches!(spec.work, Work::Agent { .. }) && spec.work != safe.work {
                    self.prompts.insert(name());
                }
            }
            (Event::RunCreated { personas, .. }, Event::RunCreated { personas: safe, .. }) => {
                let differs = |(name, persona): &(&String, &Persona)| safe.get(*name) != Some(*persona);
                self.prompts.extend(personas.iter().filter(differs).map(|(name, _)| name.clone()));
            }
            _ => {}
        }
    }

    fn notes(&self) -> impl Iterator<Item = String> {
        let named = |names: &BTreeSet<String>, what: &str| {
            let names: Vec<String> = names.iter().map(|name| clean_line(name, 200)).collect();
            (!names.is_empty()).then(|| {
                format!("{what} of {} held what looks like a secret, and came without it", names.join(", "))
            })
        };
        let commands = named(&self.commands, "the commands");
        let prompts = named(&self.prompts, "the words for the agents");
        commands.into_iter().chain(prompts)
    }
}

/// What an artifact was when it was kept, and what it is without secrets.
struct Changed {
    was: String,
    bytes: u64,
    sha256: String,
}

fn header(bytes: u64, at: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_mtime(at);
    header
}

/// Tells whether a name has its place in the header of an entry, and leads nowhere else.
fn fits(path: &str) -> bool {
    is_safe_path(path) && tar::Header::new_ustar().set_path(format!("artifacts/{path}")).is_ok()
}

/// Opens a file that is one, and no link to one.
fn plain_file(path: &PathBuf) -> Option<File> {
    path.symlink_metadata().ok().filter(|there| there.is_file())?;
    File::open(path).ok()
}

/// Returns a file's content without secrets. JSON stays JSON.
fn safe_file<'a>(path: &str, content: &'a [u8], words: &Redactor) -> Cow<'a, [u8]> {
    if path.ends_with(".json")
        && let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(content)
    {
        let before = value.clone();
        words.value(&mut value);
        return match value == before {
            true => Cow::Borrowed(content),
            false => Cow::Owned(format!("{value:#}\n").into_bytes()),
        };
    }
    let text = String::from_utf8_lossy(content);
    match words.text(&text) {
        Cow::Borrowed(_) => Cow::Borrowed(content),
        Cow::Owned(safe) => Cow::Owned(safe.into_bytes()),
    }
}

fn hash_of(path: &Path) -> io::Result<(u64, String)> {
    let mut counting = Counting { inner: io::sink(), hash: Sha256::new(), bytes: 0 };
    io::copy(&mut File::open(path)?, &mut counting)?;
    Ok((counting.bytes, hex(counting.hash)))
}

/// Counts and hashes what goes through it.
pub(super) struct Counting<W> {
    pub inner: W,
    pub hash: Sha256,
    pub bytes: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Returns what was hashed in hex.
pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
