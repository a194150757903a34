//! Names of runs and tasks, and how a short form of one is understood.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Borrow;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Digits of a run id: no `i`, `l`, `o`, `u`, so that it can be read aloud.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of a run id: 60 random bits, so that two runs of one repository never meet.
const RUN_ID_LENGTH: usize = 12;
/// A shorter prefix than this is never shown, though it is understood where it is unique.
pub const SHORTEST_SHOWN: usize = 3;

/// Names a run. Random, so that the first characters tell runs apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(#[serde(deserialize_with = "run_text")] Arc<str>);

impl RunId {
    /// Makes an id from random bits.
    pub fn from_random(bits: u128) -> RunId {
        let digit = |at: usize| DIGITS[(bits >> (at * 5)) as usize & 31] as char;
        RunId((0..RUN_ID_LENGTH).map(digit).collect::<String>().into())
    }

    /// Takes an id that crew made earlier; `None` for anything else, so that an id is always safe as a folder name.
    pub fn parse(text: &str) -> Option<RunId> {
        let fits = text.len() == RUN_ID_LENGTH && text.bytes().all(|byte| DIGITS.contains(&byte));
        fits.then(|| RunId(text.into()))
    }

    /// Tells whether `text` can be the beginning of a run id.
    pub fn is_prefix(text: &str) -> bool {
        (1..=RUN_ID_LENGTH).contains(&text.len()) && text.bytes().all(|byte| DIGITS.contains(&byte))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns how many characters tell this id from its neighbours in alphabetical order.
    pub fn shown_length(&self, neighbours: impl IntoIterator<Item = RunId>) -> usize {
        let shared = |other: &RunId| self.0.bytes().zip(other.0.bytes()).take_while(|(a, b)| a == b).count();
        neighbours
            .into_iter()
            .map(|other| shared(&other) + 1)
            .fold(SHORTEST_SHOWN, usize::max)
            .min(RUN_ID_LENGTH)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Reads the text of a run's id. One that could leave a folder is in no record of ours.
fn run_text<'de, D: Deserializer<'de>>(source: D) -> Result<Arc<str>, D::Error> {
    let text = Cow::<str>::deserialize(source)?;
    RunId::parse(&text).map(|id| id.0).ok_or_else(|| D::Error::custom(format!("`{text}` is no id of a run")))
}

/// Reads the text of a task's name, in the same way.
fn task_text<'de, D: Deserializer<'de>>(source: D) -> Result<Arc<str>, D::Error> {
    let text = Cow::<str>::deserialize(source)?;
    TaskId::parse(&text)
        .map(|id| id.0)
        .ok_or_else(|| D::Error::custom(format!("`{text}` is no name of a task")))
}

/// Names a task within its run: the id of its step. Letters, digits, `-` and `_`, so it is safe in a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(#[serde(deserialize_with = "task_text")] Arc<str>);

impl TaskId {
    /// Takes a step's id; `None` where it is empty, longer than 64 characters or has other characters.
    pub fn parse(text: &str) -> Option<TaskId> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(legal) && !text.starts_with('-');
        fits.then(|| TaskId(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TaskId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> RunId {
        RunId::parse(text).unwrap()
    }

    #[test]
    fn a_made_id_can_be_read_back() {
        let id = RunId::from_random(u128::MAX / 7);
        assert_eq!(RunId::parse(id.as_str()), Some(id));
    }

    #[test]
    fn an_id_is_shown_as_short_as_it_is_unique() {
        let id = run("7k2aaaaaaaaa");
        assert_eq!(id.shown_length([]), 3);
        assert_eq!(id.shown_length([run("7k1zzzzzzzzz"), run("7k2abzzzzzzz")]), 5);
    }

    #[test]
    fn what_could_leave_a_folder_is_no_id() {
        for text in ["", "../x", "a/b", "..", "a b", "-rf", "ä"] {
            assert_eq!(TaskId::parse(text), None, "{text}");
            assert_eq!(RunId::parse(text), None, "{text}");
            let written = serde_json::Value::from(text);
            assert!(serde_json::from_value::<TaskId>(written.clone()).is_err(), "{text}");
            assert!(serde_json::from_value::<RunId>(written).is_err(), "{text}");
        }
    }
}
