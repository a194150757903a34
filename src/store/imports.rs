//! Takes a run in that another store recorded: all of it in one transaction, so that it is here whole or not at all.

use super::StoreError;
use super::database::{Applied, Store, Writer};
use crate::domain::event::Event;
use crate::domain::gate::GateId;
use crate::domain::id::RunId;
use crate::domain::run::{Run, Touched};
use crate::domain::time::Time;
use rusqlite::{Transaction, TransactionBehavior, params};
use std::collections::BTreeMap;

impl Store {
    /// Puts a run into the record with all of its events, which get numbers of this store, and returns when that is on the
    /// disk. Gates keep their numbers where these are free here, and get new ones else.
    ///
    /// The caller holds the run's lock. A run of that id that is here already is refused as stale.
    pub fn take_in(&mut self, id: &RunId, events: Vec<(Time, Event)>) -> Result<Run, StoreError> {
        let run = self.put_in(id, events).map_err(|source| self.failed(source))??;
        self.sync()?;
        Ok(run)
    }

    fn put_in(
        &mut self,
        id: &RunId,
        mut events: Vec<(Time, Event)>,
    ) -> rusqlite::Result<Result<Run, StoreError>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Err(replaced) = Store::refuse_if_replaced(&self.layout, self.file) {
            return Ok(Err(replaced));
        }
        let sql = "SELECT count(*) FROM runs WHERE id = ?";
        if transaction.query_row(sql, [id.as_str()], |row| row.get::<_, i64>(0))? > 0 {
            return Ok(Err(StoreError::Stale { run: id.clone() }));
        }
        number_gates(&transaction, &mut events)?;
        let (mut run, batch) = match replayed(id, events) {
            Ok(replayed) => replayed,
            Err(error) => return Ok(Err(error)),
        };
        let recorded = {
            let mut writer = Writer::new(&transaction, &run);
            writer.create()?;
            writer.append(batch)?
        };
        transaction.commit()?;
        run.last_seq = recorded.last().map_or(0, |newest| newest.seq);
        Ok(Ok(run))
    }
}

/// Lets the events happen one after the other.
fn replayed(id: &RunId, events: Vec<(Time, Event)>) -> Result<(Run, Vec<Applied>), StoreError> {
    let mut events = events.into_iter();
    let Some((at, first)) = events.next() else {
        return Err(StoreError::UnreadableEvent { seq: 0, why: "a run begins with an event".into() });
    };
    let mut run = Run::create(id.clone(), at, &first)?;
    let mut batch = vec![Applied { at, event: first, touched: Touched::Run }];
    for (at, event) in events {
        batch.push(Applied::to(&mut run, at, event)?);
    }
    Ok((run, batch))
}

/// Gives each gate a number that no other one has here.
fn number_gates(transaction: &Transaction<'_>, events: &mut [(Time, Event)]) -> rusqlite::Result<()> {
    let mut numbers: BTreeMap<GateId, GateId> = BTreeMap::new();
    for (_, event) in events {
        let (Event::GateOpened { gate, .. } | Event::GateDecided { gate, .. }) = event else { continue };
        *gate = match numbers.get(gate) {
            Some(number) => *number,
            None => {
                let number = free_number(transaction, *gate)?;
                numbers.insert(*gate, number);
                number
            }
        };
    }
    Ok(())
}

fn free_number(transaction: &Transaction<'_>, wanted: GateId) -> rusqlite::Result<GateId> {
    let taken = "SELECT count(*) FROM (SELECT no FROM gate_numbers UNION SELECT no FROM gates) WHERE no = ?";
    let number = i64::try_from(wanted.0).ok().filter(|number| (1..MOST_WANTED).contains(number));
    if let Some(number) = number
        && transaction.query_row(taken, [number], |row| row.get::<_, i64>(0))? == 0
    {
        transaction.execute("INSERT INTO gate_numbers (no) VALUES (?)", params![number])?;
        return Ok(wanted);
    }
    transaction.execute("INSERT INTO gate_numbers DEFAULT VALUES", [])?;
    Ok(GateId(transaction.last_insert_rowid() as u64))
}

/// From here on, a number that a file asks for is not given: after the largest there is none left to give.
const MOST_WANTED: i64 = 1_000_000;
