//! Files that a repository had better not hold: too large, or for machines only.

use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::paths::{self, Place};
use crate::review::remark::Remark;

/// From this many bytes on a file is large.
pub const LARGE: u64 = 1024 * 1024;
/// From this many bytes on it burdens every clone.
pub const HUGE: u64 = 10 * 1024 * 1024;
/// Up to this many bytes a picture is nothing to speak of.
pub const LARGE_MEDIA: u64 = 512 * 1024;

/// Reports a file by its size.
pub fn check_large(file: &FileUnderReview<'_>) -> Vec<Remark> {
    let size = file.origin.size;
    // One that only got another name or mode was as large before.
    if !file.touches(0, u32::MAX) {
        return Vec::new();
    }
    if size <= LARGE || file.place == Place::Vendored || (paths::is_lock(file.path()) && size <= HUGE) {
        return Vec::new();
    }
    let severity = if size > HUGE { Severity::Error } else { Severity::Warning };
    let title = format!("Large file: {:.1} MiB", size as f64 / LARGE as f64);
    let body = "Git keeps every version of it for ever, in every clone. Keep it outside of the repository, in Git LFS or \
                as a release artifact, or make it from something smaller.";
    vec![Remark::on_file("size", severity, title, body)]
}

/// Reports a binary file that was added, by its kind.
pub fn check_binary(file: &FileUnderReview<'_>) -> Vec<Remark> {
    use crate::workspace::diff::Change;
    let new = matches!(file.origin.change, None | Some(Change::Added | Change::Copied));
    if !file.binary || !new || file.place == Place::Vendored {
        return Vec::new();
    }
    let (severity, title, body) = match kind(file) {
        Kind::Program => (
            Severity::Warning,
            "Compiled program in the repository",
            "Nobody can review it, and it ages apart from its source. Build it from source, or fetch it with a checksum.",
        ),
        Kind::Archive => (
            Severity::Warning,
            "Archive in the repository",
            "Nobody sees what is in it, and each change stores it whole. Commit what is in it, or fetch it with a checksum.",
        ),
        Kind::Media if file.origin.size <= LARGE_MEDIA => return Vec::new(),
        Kind::Media => (
            Severity::Info,
            "Large media file in the repository",
            "Each change stores it whole. Consider a smaller version, or Git LFS.",
        ),
        Kind::Other => (
            Severity::Info,
            "Binary file in the repository",
            "Its changes can't be reviewed or merged. Make sure that it is meant to be here.",
        ),
    };
    vec![Remark::on_file("binary", severity, title, body)]
}

enum Kind {
    Program,
    Archive,
    Media,
    Other,
}

fn kind(file: &FileUnderReview<'_>) -> Kind {
    // The wrapper is meant to be committed; Gradle publishes its checksums.
    if paths::name(file.path()) == "gradle-wrapper.jar" {
        return Kind::Media;
    }
    const PROGRAMS: [&[u8]; 9] = [
        b"\x7fELF",
        b"MZ",
        b"\xca\xfe\xba\xbe",
        b"\xcf\xfa\xed\xfe",
        b"\xce\xfa\xed\xfe",
        b"\xfe\xed\xfa",
        b"\0asm",
        b"!<arch>\n",
        b"dex\n",
    ];
    const ARCHIVES: [&[u8]; 6] =
        [b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\xfd7zXZ", b"BZh", b"\x28\xb5\x2f\xfd"];
    let starts = |signs: &[&[u8]]| signs.iter().any(|sign| file.bytes.starts_with(sign));
    let extension = paths::extension(file.path());
    let named = |names: &[&str]| names.contains(&extension.as_str());
    if named(&["png", "jpg", "jpeg", "gif", "webp", "ico", "icns", "bmp", "tiff", "avif", "psd", "svgz"])
        || named(&["woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "wav", "ogg", "webm", "mov", "flac"])
        || named(&["pdf", "docx", "xlsx", "pptx", "odt", "ods", "epub"])
    {
        Kind::Media
    } else if starts(&PROGRAMS)
        || named(&["exe", "dll", "so", "dylib", "o", "a", "lib", "pyc", "class", "wasm"])
    {
        Kind::Program
    } else if starts(&ARCHIVES)
        || file.bytes.starts_with(b"PK\x03\x04")
        || named(&["zip", "tar", "gz", "tgz", "7z", "rar", "xz", "bz2", "zst", "jar", "war", "whl"])
    {
        Kind::Archive
    } else {
        Kind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::file::tests::whole;

    fn binary(path: &str, bytes: &[u8], size: u64) -> Option<Severity> {
        let origin = crate::review::file::Origin { size, ..whole(path, bytes) };
        check_binary(&FileUnderReview::new(&origin, bytes)).first().map(|remark| remark.severity)
    }

    #[test]
    fn programs_and_archives_weigh_more_than_pictures() {
        assert_eq!(binary("tool", b"\x7fELF\0\0", 10), Some(Severity::Warning));
        assert_eq!(binary("a.zip", b"PK\x03\x04\0", 10), Some(Severity::Warning));
        assert_eq!(binary("a.png", b"\x89PNG\0", 1000), None);
        assert_eq!(binary("a.png", b"\x89PNG\0", LARGE_MEDIA + 1), Some(Severity::Info));
        assert_eq!(binary("a.dat", b"\0\x01", 10), Some(Severity::Info));
        assert_eq!(binary("a.txt", b"text", 10), None);
    }

    #[test]
    fn size_is_judged_in_two_steps() {
        let severity = |path: &str, size| {
            let origin = crate::review::file::Origin { size, ..whole(path, b"x") };
            check_large(&FileUnderReview::new(&origin, b"x")).first().map(|remark| remark.severity)
        };
        assert_eq!(severity("a.csv", LARGE), None);
        assert_eq!(severity("a.csv", LARGE + 1), Some(Severity::Warning));
        assert_eq!(severity("a.csv", HUGE + 1), Some(Severity::Error));
        let renamed = crate::review::file::Origin {
            size: HUGE + 1,
            changed: crate::review::file::Changed::Lines(Vec::new()),
            ..whole("a.csv", b"x")
        };
        assert_eq!(check_large(&FileUnderReview::new(&renamed, b"x")), []);
        assert_eq!(severity("yarn.lock", LARGE + 1), None);
        assert_eq!(severity("vendor/a.csv", HUGE + 1), None);
    }
}
