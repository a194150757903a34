//! File contents out of git's object store, through one process for any number of them.

use super::git::{Git, GitError, GitStream};
use std::io::{self, BufRead, Read};

/// One blob, or as much of it as was asked for.
#[derive(Debug)]
pub struct Blob {
    pub bytes: Vec<u8>,
    /// The whole blob's size in bytes.
    pub size: u64,
}

/// A `git cat-file` that answers until it is dropped.
#[derive(Debug)]
pub struct Blobs {
    stream: GitStream,
}

impl Blobs {
    /// Starts the process that answers.
    pub fn open(git: &Git) -> Result<Blobs, GitError> {
        Ok(Blobs { stream: git.stream(&["cat-file", "--batch"])? })
    }

    /// Returns the first `limit` bytes of the blob called `name` (an id or `rev:path`); nothing where there is no such blob.
    ///
    /// A name with a line end can't be asked for and counts as missing.
    pub fn read(&mut self, name: &[u8], limit: u64) -> Result<Option<Blob>, GitError> {
        if name.is_empty() || name.contains(&b'\n') {
            return Ok(None);
        }
        self.stream.ask(&[name, b"\n"].concat())?;
        answer(&mut self.stream, limit).map_err(|error| self.stream.unreadable(error))
    }
}

fn answer(from: &mut impl BufRead, limit: u64) -> io::Result<Option<Blob>> {
    let mut head = Vec::new();
    from.read_until(b'\n', &mut head)?;
    if head.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.trim_end().rsplitn(3, ' ');
    let (size, kind) = (words.next().and_then(|size| size.parse::<u64>().ok()), words.next());
    let (Some(size), Some(kind)) = (size, kind) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    from.by_ref().take(size.min(limit)).read_to_end(&mut bytes)?;
    // The rest and the line end after it have to be read, or the next answer would start in them.
    io::copy(&mut from.by_ref().take(size - size.min(limit) + 1), &mut io::sink())?;
    Ok((kind == "blob").then_some(Blob { bytes, size }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_apart_whatever_was_asked_before() {
        let mut said: &[u8] =
            b"ab blob 3\nx\nz\nno/such blob missing\ncd blob 5\n12345\nef tree 2\n\0\0\ngh blob 0\n\n";
        let first = answer(&mut said, 9).unwrap().unwrap();
        assert_eq!((first.bytes.as_slice(), first.size), (b"x\nz".as_slice(), 3));
        assert!(answer(&mut said, 9).unwrap().is_none());
        let cut = answer(&mut said, 2).unwrap().unwrap();
        assert_eq!((cut.bytes.as_slice(), cut.size), (b"12".as_slice(), 5));
        assert!(answer(&mut said, 9).unwrap().is_none());
        assert_eq!(answer(&mut said, 9).unwrap().unwrap().size, 0);
        assert!(answer(&mut said, 9).is_err());
    }
}
