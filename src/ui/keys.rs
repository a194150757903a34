//! What a terminal sends, as keys.

/// A key that was pressed, or a text that was pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Ctrl(char),
    Enter,
    Escape,
    Backspace,
    Tab,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    /// It is no key, whatever it holds.
    Pasted(String),
}

/// The most bytes of a sequence; what is longer is none.
const MAX_SEQUENCE: usize = 32;
/// The most bytes of a pasted text that are kept.
const MAX_PASTED: usize = 4_096;
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// Reads keys from bytes, which may come in any pieces.
#[derive(Debug, Default)]
pub struct Keys {
    pending: Vec<u8>,
}

impl Keys {
    /// Takes in bytes and returns the keys that are whole.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.pending.extend_from_slice(bytes);
        let mut keys = Vec::new();
        let mut at = 0;
        while let Read::Whole(length, key) = read(&self.pending[at..]) {
            keys.extend(key);
            at += length;
        }
        self.pending.drain(..at);
        // Of a paste that goes on and on, the beginning and what may be its end are kept.
        if self.pending.starts_with(PASTE_BEGINS) && self.pending.len() > 2 * MAX_PASTED {
            self.pending.drain(MAX_PASTED..self.pending.len() - PASTE_ENDS.len());
        }
        keys
    }

    /// Tells whether a key has begun that is not whole: in a moment it is, or it was the escape key.
    pub fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns what has begun, now that nothing more came in time.
    pub fn give_up_waiting(&mut self) -> Option<Key> {
        if self.pending.starts_with(PASTE_BEGINS) {
            return None;
        }
        let begun = std::mem::take(&mut self.pending);
        (begun == [0x1b]).then_some(Key::Escape)
    }

    /// Forgets what has begun.
    pub fn clear(&mut self) {
        self.pending.clear();
    }
}

enum Read {
    /// So many bytes are a key, or nothing that is known.
    Whole(usize, Option<Key>),
    /// More has to come.
    Part,
}

fn read(bytes: &[u8]) -> Read {
    let Some(first) = bytes.first() else { return Read::Part };
    let key = match first {
        0x1b => return read_escape(bytes),
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x08 | 0x7f => Key::Backspace,
        1..=26 => Key::Ctrl(char::from(b'a' + first - 1)),
        0..=31 => return Read::Whole(1, None),
        _ => return read_char(bytes),
    };
    Read::Whole(1, Some(key))
}

fn read_char(bytes: &[u8]) -> Read {
    let length = match bytes[0] {
        0..0x80 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf8 => 4,
        _ => return Read::Whole(1, None),
    };
    match bytes.get(..length) {
        None => Read::Part,
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Read::Whole(length, text.chars().next().filter(|c| !c.is_control()).map(Key::Char)),
            Err(_) => Read::Whole(1, None),
        },
    }
}

fn read_escape(bytes: &[u8]) -> Read {
    if bytes.starts_with(PASTE_BEGINS) {
        let text = &bytes[PASTE_BEGINS.len()..];
        let end = text.windows(PASTE_ENDS.len()).position(|window| window == PASTE_ENDS);
        return match end {
            None => Read::Part,
            Some(end) => {
                let kept = String::from_utf8_lossy(&text[..end.min(MAX_PASTED)]).into_owned();
                Read::Whole(PASTE_BEGINS.len() + end + PASTE_ENDS.len(), Some(Key::Pasted(kept)))
            }
        };
    }
    match bytes.get(1) {
        None => Read::Part,
        Some(b'O') => match bytes.get(2) {
            None => Read::Part,
            Some(last) => Read::Whole(3, named(*last)),
        },
        Some(b'[') => {
            let last = bytes[2..].iter().position(|byte| (0x40..0x7f).contains(byte));
            match last {
                None if bytes.len() > MAX_SEQUENCE => Read::Whole(bytes.len(), None),
                None => Read::Part,
                Some(at) => {
                    let (parameters, last) = (&bytes[2..2 + at], bytes[2 + at]);
                    let key = match (parameters.first(), last) {
                        // A mouse, or an answer to what nobody asked.
                        (Some(b'<' | b'?' | b'>'), _) | (_, b'M') => None,
                        (_, b'~') => numbered(parameters),
                        _ => named(last),
                    };
                    Read::Whole(at + 3, key)
                }
            }
        }
        // Two in a row are two keys.
        Some(0x1b) => Read::Whole(1, Some(Key::Escape)),
        // With alt it is another key, and none that means anything here.
        Some(_) => match read(&bytes[1..]) {
            Read::Whole(length, _) => Read::Whole(length + 1, None),
            Read::Part => Read::Part,
        },
    }
}

fn named(last: u8) -> Option<Key> {
    Some(match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'M' => Key::Enter,
        _ => return None,
    })
}

fn numbered(parameters: &[u8]) -> Option<Key> {
    // What follows a `;` says which other keys were held.
    Some(match parameters.split(|byte| *byte == b';').next()? {
        b"1" | b"7" => Key::Home,
        b"4" | b"8" => Key::End,
        b"5" => Key::PageUp,
        b"6" => Key::PageDown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Key::*;

    /// Reads bytes whole, and once more one by one.
    fn keys(bytes: &[u8]) -> Vec<Key> {
        let whole = Keys::default().feed(bytes);
        let mut one_by_one = Keys::default();
        let pieces: Vec<Key> = bytes.iter().flat_map(|byte| one_by_one.feed(&[*byte])).collect();
        assert_eq!(whole, pieces, "{bytes:?}");
        whole
    }

    #[test]
    fn a_key_is_the_same_in_whatever_pieces_it_comes() {
        assert_eq!(keys(b"jk\rq\x03\x1a"), [Char('j'), Char('k'), Enter, Char('q'), Ctrl('c'), Ctrl('z')]);
        assert_eq!(keys(b"\x1b[A\x1b[B\x1bOC\x1b[1;5D"), [Up, Down, Right, Left]);
        assert_eq!(keys(b"\x1b[5~\x1b[6~\x1b[1~\x1b[F"), [PageUp, PageDown, Home, End]);
        assert_eq!(keys("ü日🙂".as_bytes()), [Char('ü'), Char('日'), Char('🙂')]);
        assert_eq!(keys(b"\x7f\t\n"), [Backspace, Tab, Enter]);
    }

    #[test]
    fn an_escape_alone_is_the_key_only_once_nothing_follows() {
        let mut keys = Keys::default();
        assert_eq!(keys.feed(b"\x1b"), []);
        assert!(keys.is_waiting());
        assert_eq!(keys.give_up_waiting(), Some(Escape));
        assert_eq!((keys.give_up_waiting(), keys.is_waiting()), (None, false));
        assert_eq!(keys.feed(b"\x1b\x1b[A"), [Escape, Up]);
    }

    #[test]
    fn what_is_pasted_presses_no_key() {
        assert_eq!(keys(b"\x1b[200~cy\rq\x1b[201~j"), [Pasted("cy\rq".into()), Char('j')]);
        let mut long = Keys::default();
        assert_eq!(long.feed(b"\x1b[200~"), []);
        for _ in 0..1_000 {
            assert_eq!(long.feed(&[b'y'; 100]), []);
            assert_eq!(long.give_up_waiting(), None);
        }
        assert!(long.pending.len() < 4 * MAX_PASTED);
        let [Pasted(text), Char('q')] = &long.feed(b"\x1b[201~q")[..] else { panic!("{long:?}") };
        assert!(text.len() <= MAX_PASTED && text.bytes().all(|byte| byte == b'y'));
    }

    #[test]
    fn what_is_unknown_presses_nothing() {
        assert_eq!(keys(b"\x1b[99~\x1b[Z\x1bj\x00\xff\xfe\x1bOP"), []);
        assert_eq!(keys(b"\x1b[<0;10;10Mj"), [Char('j')]);
    }
}
