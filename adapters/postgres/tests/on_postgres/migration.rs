//! The schema comes by `migrate`, and without it nothing works and everything says so.

use fulfil_contract::ports::{
    books::Books,
    ledger::{Ledger, LedgerError},
    stock_ledger::StockLedger,
};
use fulfil_postgres::{Postgres, migrate};

use crate::private::{LIMIT, fresh_database, fresh_ledger};

#[tokio::test]
async fn a_second_migration_does_nothing() {
    let url = fresh_database();
    let first = migrate(&url).await.unwrap();
    assert_eq!(first.applied, ["ledger", "procurement"]);
    let second = migrate(&url).await.unwrap();
    assert_eq!((second.applied.len(), second.version), (0, first.version));
}

#[tokio::test]
async fn two_migrations_at_once_apply_each_step_once() {
    let url = fresh_database();
    let (a, b, c) = tokio::join!(migrate(&url), migrate(&url), migrate(&url));
    let applied: Vec<&str> = [a, b, c].into_iter().flat_map(|one| one.unwrap().applied).collect();
    assert_eq!(applied, ["ledger", "procurement"]);
}

#[tokio::test]
async fn without_the_schema_every_call_says_what_to_run() {
    let postgres = Postgres::new(&fresh_database(), 2, LIMIT).unwrap();
    let errors = [
        postgres.owed(1).await.unwrap_err(),
        postgres.skus().await.unwrap_err(),
        postgres.balance().await.unwrap_err(),
        postgres
            .record(&[fulfil_contract::conformance::samples::unreadable(
                "{",
                fulfil_contract::reason::ReasonCode::InvalidJson,
            )])
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, LedgerError::Broken(text) if text.contains("run `fulfil migrate`")), "{error}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let ledger = fresh_ledger().await;
    ledger
        .connect()
        .await
        .execute("insert into fulfil.migration (version, name) values (900, 'of the future')", &[])
        .await
        .unwrap();
    for error in
        [ledger.postgres.skus().await.map(drop).unwrap_err(), migrate(&ledger.url).await.map(drop).unwrap_err()]
    {
        assert!(matches!(&error, LedgerError::Broken(text) if text.contains("version 900")), "{error}");
    }
}

#[tokio::test]
async fn an_older_schema_is_refused() {
    let ledger = fresh_ledger().await;
    ledger.connect().await.execute("delete from fulfil.migration", &[]).await.unwrap();
    let error = ledger.postgres.skus().await.unwrap_err();
    assert!(
        matches!(&error, LedgerError::Broken(text) if text.contains("version 0") && text.contains("run `fulfil migrate`")),
        "{error}"
    );
}
