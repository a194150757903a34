//! File systems of a test's own: small ones, and ones that may not be written.
//!
//! They are mounted where only this thread, and what it starts, sees them; so a test needs nothing but the right to do that
//! (root, and a container that lets it). Where it has not, it is skipped, and says so past whatever catches its output.

use std::ffi::CString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A file system that is there until this goes.
pub struct Mounted {
    at: PathBuf,
}

fn text(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("a path")
}

/// Says that a test was skipped, and which condition lacks; a test that passes in silence would prove nothing.
pub fn skipped(test: &str, lacks: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {lacks}");
}

#[cfg(target_os = "linux")]
impl Mounted {
    /// Mounts a new file system of this many bytes at a folder, which is made. None where this may not be done.
    pub fn small(at: &Path, bytes: u64) -> Result<Mounted, String> {
        std::fs::create_dir_all(at).map_err(|error| error.to_string())?;
        alone()?;
        mount("tmpfs", at, "tmpfs", 0, &format!("size={bytes}"))?;
        Ok(Mounted { at: at.to_owned() })
    }

    /// Makes a folder one that may only be read.
    pub fn read_only(at: &Path) -> Result<Mounted, String> {
        alone()?;
        mount(&at.display().to_string(), at, "none", libc::MS_BIND, "")?;
        let mounted = Mounted { at: at.to_owned() };
        mount("none", at, "none", libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY, "")?;
        Ok(mounted)
    }

    /// Gives it another size.
    pub fn grow(&self, bytes: u64) {
        mount("tmpfs", &self.at, "tmpfs", libc::MS_REMOUNT, &format!("size={bytes}")).expect("a larger one");
    }
}

/// Lets this thread see mounts of its own, which nobody else sees.
#[cfg(target_os = "linux")]
fn alone() -> Result<(), String> {
    // SAFETY: only this thread gets another view of the file systems.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        return Err(format!("no mounts of its own: {}", std::io::Error::last_os_error()));
    }
    mount("none", Path::new("/"), "none", libc::MS_REC | libc::MS_PRIVATE, "")
}

#[cfg(target_os = "linux")]
fn mount(source: &str, at: &Path, kind: &str, flags: libc::c_ulong, options: &str) -> Result<(), String> {
    let words = [source, kind, options].map(|word| CString::new(word).expect("a word"));
    let at_text = text(at);
    // SAFETY: all of them are C strings that outlive the call.
    let failed = unsafe {
        let options = words[2].as_ptr().cast();
        libc::mount(words[0].as_ptr(), at_text.as_ptr(), words[1].as_ptr(), flags, options) != 0
    };
    if failed { Err(format!("mount {}: {}", at.display(), std::io::Error::last_os_error())) } else { Ok(()) }
}

#[cfg(not(target_os = "linux"))]
impl Mounted {
    pub fn small(_: &Path, _: u64) -> Result<Mounted, String> {
        Err("only Linux lets a thread have mounts of its own".into())
    }

    pub fn read_only(_: &Path) -> Result<Mounted, String> {
        Err("only Linux lets a thread have mounts of its own".into())
    }

    pub fn grow(&self, _: u64) {}
}

impl Drop for Mounted {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        // SAFETY: a C string that outlives the call. What is still open there keeps it until it is closed.
        unsafe {
            libc::umount2(text(&self.at).as_ptr(), libc::MNT_DETACH);
        }
    }
}
