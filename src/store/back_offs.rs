//! What the runs of a project know together about the providers that limit requests. No events: each run records what it
//! decides because of it.

use super::StoreError;
use super::database::Store;
use crate::domain::provider::Providers;
use rusqlite::{Connection, TransactionBehavior, params};

/// The migration that made the table.
const SINCE: i64 = 7;

impl Store {
    /// Returns the providers that limit requests, as any run has met them.
    pub fn providers(&self) -> Result<Providers, StoreError> {
        match read(&self.connection) {
            Ok(providers) => Ok(providers),
            // A store that an older crew wrote and that may not be written has no such table.
            Err(_) if self.version().is_ok_and(|version| version < SINCE) => Ok(Providers::default()),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Changes what is known of them, while nobody else does. Returns what the change says, and what is known now.
    pub fn change_providers<T>(
        &mut self,
        change: impl FnOnce(&mut Providers) -> T,
    ) -> Result<(T, Providers), StoreError> {
        let path = self.layout.database();
        let wrap = |source| StoreError::Database { path: path.clone(), source };
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(wrap)?;
        Store::refuse_if_replaced(&self.layout, self.file)?;
        let known = read(&transaction).map_err(wrap)?;
        let mut providers = known.clone();
        let says = change(&mut providers);
        let gone = known.0.keys().filter(|provider| !providers.0.contains_key(*provider));
        for provider in gone {
            let sql = "DELETE FROM back_offs WHERE provider = ?";
            transaction.prepare_cached(sql).and_then(|mut sql| sql.execute([provider])).map_err(wrap)?;
        }
        let is_new = |(provider, back_off): &(&String, _)| known.0.get(*provider) != Some(*back_off);
        for (provider, back_off) in providers.0.iter().filter(is_new) {
            let sql = "INSERT OR REPLACE INTO back_offs (provider, data) VALUES (?, ?)";
            let data = serde_json::to_string(back_off).unwrap_or_default();
            let written = transaction.prepare_cached(sql);
            written.and_then(|mut sql| sql.execute(params![provider, data])).map_err(wrap)?;
        }
        transaction.commit().map_err(wrap)?;
        Ok((says, providers))
    }
}

/// Reads them; what another crew wrote and cannot be read is as if nobody had met it.
fn read(connection: &Connection) -> rusqlite::Result<Providers> {
    let mut statement = connection.prepare_cached("SELECT provider, data FROM back_offs")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    let read = |(provider, data): (String, String)| Some((provider, serde_json::from_str(&data).ok()?));
    Ok(Providers(rows.into_iter().filter_map(read).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::provider::BackOff;
    use crate::store::layout::Layout;

    fn back_off(level: u32) -> BackOff {
        let time = "2026-01-01T00:00:00.000Z";
        let json = serde_json::json!({
            "level": level, "since": time, "until": time, "pace_millis": 1000, "started": null, "kind": "overloaded",
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_one_process_changes_another_one_sees_and_what_is_unreadable_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path());
        let (mut one, mut other) = (Store::open(&layout).unwrap(), Store::open(&layout).unwrap());
        let put = |store: &mut Store, provider: &str, level| {
            let insert = |known: &mut Providers| known.0.insert(provider.into(), back_off(level));
            store.change_providers(insert).unwrap()
        };
        assert_eq!(put(&mut one, "claude", 1).0, None);
        assert_eq!(put(&mut other, "claude", 2).0, Some(back_off(1)));
        put(&mut other, "codex", 1);
        assert_eq!(one.providers().unwrap().0.into_keys().collect::<Vec<_>>(), ["claude", "codex"]);
        one.connection.execute("UPDATE back_offs SET data = '{}' WHERE provider = 'codex'", []).unwrap();
        let (gone, left) = other.change_providers(|known| known.0.remove("claude")).unwrap();
        assert_eq!((gone, left), (Some(back_off(2)), Providers::default()));
        assert_eq!(one.providers().unwrap(), Providers::default());
    }
}
