//! The file's tables, in versions. A migration that was released never changes; new ones are added.

use rusqlite::Connection;

use crate::errors::StoreError;

/// "fulf": tells our files from other SQLite databases.
const APPLICATION: i64 = 0x6675_6c66;

/// The migration at index `n` takes a file from version `n` to `n + 1`.
const MIGRATIONS: [&str; 2] = [include_str!("schema.sql"), include_str!("slow_lane.sql")];

/// The version that this program writes.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings a file, new or older, to [`VERSION`], each step in a transaction of its own.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let from = version(connection)?;
    for (at, migration) in (0i64..).zip(MIGRATIONS).skip_while(|(at, _)| *at < from) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", at + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Refuses a file that only a run may bring to [`VERSION`].
pub(crate) fn check(connection: &Connection) -> Result<(), StoreError> {
    match version(connection)? {
        VERSION => Ok(()),
        older => Err(StoreError::Broken(format!(
            "the data folder is of version {older}, this fulfil reads {VERSION}: `fulfil run` with this --data folder brings it up to date"
        ))),
    }
}

/// 0 for an empty file. Refuses what another program, or a newer fulfil, has written.
fn version(connection: &Connection) -> Result<i64, StoreError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    if application != APPLICATION {
        let tables: i64 = connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0))?;
        if application != 0 || version != 0 || tables != 0 {
            return Err(StoreError::Broken("fulfil.db was not written by fulfil: use another --data folder".into()));
        }
    }
    if version > VERSION {
        return Err(StoreError::Broken(format!(
            "the data folder was written by a newer fulfil (version {version}, this one knows {VERSION}): use that one, or another --data folder"
        )));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrating_twice_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let identity = |connection: &Connection| -> String {
            connection.query_row("select identity from stock_identity", [], |row| row.get(0)).unwrap()
        };
        let first = identity(&connection);
        migrate(&mut connection).unwrap();
        check(&connection).unwrap();
        assert_eq!(identity(&connection), first);
        assert_eq!(first.len(), 32);
    }

    #[test]
    fn a_newer_file_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
        let error = migrate(&mut connection).unwrap_err().to_string();
        assert!(error.contains("newer fulfil"), "{error}");
    }

    #[test]
    fn a_stranger_s_file_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("create table stranger (a)").unwrap();
        let error = migrate(&mut connection).unwrap_err().to_string();
        assert!(error.contains("was not written by fulfil"), "{error}");
    }

    #[test]
    fn an_empty_file_is_not_read() {
        let error = check(&Connection::open_in_memory().unwrap()).unwrap_err().to_string();
        assert!(error.contains("version 0"), "{error}");
    }
}
