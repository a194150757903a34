//! Verification commands that have passed, by all that the folder held.

use super::StoreError;
use super::database::Store;
use crate::domain::time::Time;
use rusqlite::{OptionalExtension, params};

/// What was verified: one command in one state of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// A number for all that the folder holds.
    pub folder: String,
    pub command: String,
    /// A number for the variables that the command sees.
    pub environment: String,
}

/// A command that passed and left the folder as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    pub at: Time,
    pub millis: u64,
    /// Where its output is, relative to `.crew`.
    pub log: String,
}

impl Store {
    /// Returns when a command passed last in this state of the folder, if that was not before `since`.
    pub fn pass_of(&self, question: &Question, since: Time) -> Result<Option<Pass>, StoreError> {
        let sql = "SELECT at, millis, log FROM verifications
                   WHERE folder = ? AND command = ? AND environment = ? AND at >= ?";
        let mut statement = self.connection.prepare_cached(sql).map_err(|source| self.failed(source))?;
        let Question { folder, command, environment } = question;
        let pass = statement.query_row(params![folder, command, environment, since.0], |row| {
            Ok(Pass { at: Time(row.get(0)?), millis: row.get::<_, i64>(1)? as u64, log: row.get(2)? })
        });
        pass.optional().map_err(|source| self.failed(source))
    }

    /// Keeps that a command passed, and forgets what passed before `forget_before`.
    pub fn keep_pass(&self, question: &Question, pass: &Pass, forget_before: Time) -> Result<(), StoreError> {
        let insert = "INSERT OR REPLACE INTO verifications (folder, command, environment, at, millis, log)
                      VALUES (?, ?, ?, ?, ?, ?)";
        let Question { folder, command, environment } = question;
        let values = params![folder, command, environment, pass.at.0, pass.millis as i64, pass.log];
        let forget = "DELETE FROM verifications WHERE at < ?";
        let kept = self.connection.execute(insert, values);
        kept.and_then(|_| self.connection.execute(forget, [forget_before.0]))
            .map(drop)
            .map_err(|source| self.failed(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::layout::Layout;

    #[test]
    fn a_pass_is_found_for_the_same_question_and_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Layout::of(folder.path())).unwrap();
        let question = Question { folder: "f".into(), command: "c".into(), environment: "e".into() };
        let pass = |at| Pass { at: Time(at), millis: 7, log: "l".into() };
        store.keep_pass(&question, &pass(100), Time(0)).unwrap();
        assert_eq!(store.pass_of(&question, Time(100)).unwrap(), Some(pass(100)));
        assert_eq!(store.pass_of(&question, Time(101)).unwrap(), None);
        for other in [
            Question { folder: "g".into(), ..question.clone() },
            Question { command: "d".into(), ..question.clone() },
            Question { environment: "x".into(), ..question.clone() },
        ] {
            assert_eq!(store.pass_of(&other, Time(0)).unwrap(), None);
            store.keep_pass(&other, &pass(200), Time(150)).unwrap();
        }
        assert_eq!(store.pass_of(&question, Time(0)).unwrap(), None);
    }
}
