//! The stock ports' suite over a data folder.

use fulfil_sqlite::Sqlite;
use tempfile::TempDir;

fulfil_contract::stock_suite!(fresh);

async fn fresh() -> (Sqlite, TempDir) {
    let folder = TempDir::new().unwrap();
    (Sqlite::open(folder.path()).unwrap(), folder)
}
