//! What measuring asks of the store: events as they lie there.

use super::StoreError;
use super::database::Store;
use crate::domain::id::RunId;
use crate::domain::time::Time;

/// An event as it lies in the store.
#[derive(Clone, Copy, Debug)]
pub struct RawEvent<'a> {
    pub seq: i64,
    pub at: Time,
    pub kind: &'a str,
    /// The whole event as JSON.
    pub data: &'a str,
}

impl Store {
    /// Returns the runs that have events behind `seq`, with their numbers in the store.
    pub fn runs_with_events_behind(&self, seq: i64) -> Result<Vec<(i64, RunId)>, StoreError> {
        let sql = match seq {
            // Each run has events.
            0 => "SELECT no, id FROM runs WHERE ?1 = 0 ORDER BY no",
            _ => {
                "SELECT no, id FROM runs WHERE no IN (SELECT DISTINCT run FROM events WHERE seq > ?1) ORDER BY no"
            }
        };
        let rows = self.rows(sql, [seq], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        Ok(rows.into_iter().filter_map(|(no, id)| Some((no, RunId::parse(&id)?))).collect())
    }

    /// Hands on the events of a run, which is given by its number, as they lie in the store.
    pub fn each_raw_event(&self, run: i64, mut take: impl FnMut(RawEvent<'_>)) -> Result<(), StoreError> {
        let failed = |source| self.failed(source);
        let sql = "SELECT seq, at, kind, data FROM events WHERE run = ? ORDER BY seq";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query([run]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let (seq, at) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
            let text = |column| row.get_ref(column).map(|value| value.as_str().unwrap_or_default());
            let (kind, data) = (text(2).map_err(failed)?, text(3).map_err(failed)?);
            take(RawEvent { seq, at: Time(at), kind, data });
        }
        Ok(())
    }
}
