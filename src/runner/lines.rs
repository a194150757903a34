//! Cuts a stream of bytes into lines without ever holding much of it.

/// The longest line that is looked at, in bytes; the rest of a longer one is passed over. It is in the log all the same.
pub const MAX_LINE: usize = 1024 * 1024;

/// Collects bytes until a line is whole.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
    /// The current line is longer than `MAX_LINE`.
    too_long: bool,
}

impl Lines {
    /// Takes in bytes and hands on each whole line, without its end. A line that is too long is handed on cut.
    pub fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            self.finish(&mut take);
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    /// Hands on what is left when the stream has ended.
    pub fn close(&mut self, mut take: impl FnMut(&str)) {
        if !self.line.is_empty() {
            self.finish(&mut take);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_LINE - self.line.len();
        self.too_long |= bytes.len() > room;
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn finish(&mut self, take: &mut impl FnMut(&str)) {
        let end = if self.line.last() == Some(&b'\r') { self.line.len() - 1 } else { self.line.len() };
        take(&String::from_utf8_lossy(&self.line[..end]));
        self.line.clear();
        if self.too_long {
            // A line of megabytes is rare; its memory is not kept for the short ones that follow.
            self.line.shrink_to(4096);
            self.too_long = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(chunks: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut found) = (Lines::default(), vec![]);
        for chunk in chunks {
            lines.feed(chunk, |line| found.push(line.to_owned()));
        }
        lines.close(|line| found.push(line.to_owned()));
        found
    }

    #[test]
    fn lines_are_whole_whatever_the_chunks() {
        assert_eq!(lines_of(&[b"a\nb", b"c\r\n", b"\nend"]), ["a", "bc", "", "end"]);
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        assert_eq!(lines_of(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }

    #[test]
    fn a_line_of_50_megabytes_is_cut_and_the_next_one_is_whole() {
        let chunk = vec![b'x'; 1 << 20];
        let mut chunks: Vec<&[u8]> = vec![&chunk; 50];
        chunks.push(b"\nnext\n");
        let found = lines_of(&chunks);
        assert_eq!(found.iter().map(String::len).collect::<Vec<_>>(), [MAX_LINE, 4]);
    }
}
