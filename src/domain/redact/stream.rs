//! What a child prints, made safe as it comes.

use super::pem::OpenKey;
use super::{Redactor, without};
use crate::domain::words::{clean_text, is_clean};
use std::ops::Range;

/// The longest line that waits for its end, in bytes. Of a longer one, pieces are taken.
const PIECE: usize = 256 * 1024;
/// What is looked at on both sides of the place where a line is cut into pieces, in bytes: a secret that lies across it
/// is found, with its name.
const AROUND: usize = 2 * super::LONGEST;

/// Takes bytes as they come, and gives harmless text without secrets.
///
/// Whole lines are handed on at once; a line that has not ended waits, unless it is very long.
#[derive(Debug, Default)]
pub struct SafeStream {
    /// What came of a line that has not ended.
    held: Vec<u8>,
    /// The text of a line of which pieces were handed on already, up to `told`.
    line: String,
    told: usize,
    /// The current line is long.
    in_pieces: bool,
    key: OpenKey,
}

impl SafeStream {
    /// Takes in what came, and returns what can be kept now.
    pub fn take(&mut self, redactor: &Redactor, bytes: &[u8]) -> String {
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            self.held.extend_from_slice(bytes);
            let long = self.held.len() > PIECE || (self.in_pieces && self.held.len() > PIECE / 4);
            return if long { self.piece(redactor) } else { String::new() };
        };
        let (whole, rest) = bytes.split_at(end + 1);
        let mut safe = String::new();
        let mut lines = whole;
        if self.in_pieces {
            let first = whole.iter().position(|byte| *byte == b'\n').map_or(whole.len(), |at| at + 1);
            self.held.extend_from_slice(&whole[..first]);
            safe = self.end_of_pieces(redactor);
            lines = &whole[first..];
        }
        if self.held.is_empty() {
            safe.push_str(&self.lines(redactor, lines));
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(lines);
            safe.push_str(&self.lines(redactor, &held));
            held.clear();
            // The room of a long line is not kept for short ones.
            held.shrink_to(PIECE);
            self.held = held;
        }
        self.held.extend_from_slice(rest);
        safe
    }

    /// Returns what is left when nothing more comes.
    pub fn close(&mut self, redactor: &Redactor) -> String {
        if self.in_pieces {
            return self.end_of_pieces(redactor);
        }
        let held = std::mem::take(&mut self.held);
        self.lines(redactor, &held)
    }

    /// Returns how many bytes wait for the end of their line.
    pub fn waiting(&self) -> usize {
        self.held.len() + self.line.len() - self.told
    }

    /// Tells whether pieces were handed on of a line that has not ended.
    pub fn is_within_long_line(&self) -> bool {
        self.in_pieces
    }

    fn lines(&mut self, redactor: &Redactor, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let text = if is_clean(&text) { text } else { clean_text(&text, usize::MAX).into() };
        redactor.text_within(&text, &mut self.key).into_owned()
    }

    /// Takes in all of a long line that has come, and hands on what is far enough from its end.
    fn piece(&mut self, redactor: &Redactor) -> String {
        self.in_pieces = true;
        self.read_held(false);
        self.hand_on(redactor, self.line.len().saturating_sub(AROUND))
    }

    fn end_of_pieces(&mut self, redactor: &Redactor) -> String {
        self.read_held(true);
        let safe = self.hand_on(redactor, self.line.len());
        *self = SafeStream { key: self.key, ..SafeStream::default() };
        safe
    }

    /// Makes text of the bytes that came; what may be cut in two waits for its other half.
    fn read_held(&mut self, all: bool) {
        let mut end = self.held.len();
        if !all {
            let last = self.held[end.saturating_sub(4)..].iter().rposition(|byte| byte & 0xc0 != 0x80);
            end = end.saturating_sub(4) + last.unwrap_or(0);
            let near = end.saturating_sub(AROUND);
            end = self.held[near..end].iter().rposition(|byte| *byte == 0x1b).map_or(end, |at| near + at);
        }
        let text = String::from_utf8_lossy(&self.held[..end]);
        if is_clean(&text) {
            self.line.push_str(&text);
        } else {
            self.line.push_str(&clean_text(&text, usize::MAX));
        }
        self.held.drain(..end);
    }

    /// Hands on the line up to `to`, or up to a secret that lies there.
    fn hand_on(&mut self, redactor: &Redactor, to: usize) -> String {
        let mut key = self.key;
        let spots = redactor.spots(&self.line, &mut key);
        let mut to = self.line.floor_char_boundary(to.max(self.told));
        if let Some(across) = spots.iter().find(|spot| spot.start < to && to < spot.end) {
            // One that is longer than any secret is not waited for.
            to = if across.len() > AROUND { across.end } else { across.start.max(self.told) };
        }
        let told = self.told;
        let clipped: Vec<Range<usize>> = spots
            .iter()
            .filter(|spot| spot.end > told && spot.start < to)
            .map(|spot| spot.start.max(told) - told..spot.end.min(to) - told)
            .collect();
        let safe = without(&self.line[told..to], &clipped).into_owned();
        if to == self.line.len() {
            self.key = key;
        }
        let forget = self.line.floor_char_boundary(to.saturating_sub(AROUND));
        self.line.drain(..forget);
        self.told = to - forget;
        safe
    }
}
