//! The schema comes by `migrate`, and without it nothing works and everything says so.

use fulfil_contract::{
    conformance::procurements::samples::*,
    ports::{
        books::Books,
        ledger::{Ledger, LedgerError},
        stock_ledger::StockLedger,
    },
};
use fulfil_postgres::{Postgres, migrate};

use crate::private::{LIMIT, PrivateLedger, fresh_database, fresh_ledger};

#[tokio::test]
async fn a_second_migration_does_nothing() {
    let url = fresh_database();
    let first = migrate(&url).await.unwrap();
    assert_eq!(first.applied, ["ledger", "procurement"]);
    let second = migrate(&url).await.unwrap();
    assert_eq!((second.applied.len(), second.version), (0, first.version));
}

/// What version 1 wrote: an order of two keys, one that was refused, both owed, and a row for an order that there is
/// not.
const FIRST_VERSION: &str = "
    create table fulfil.migration (version integer primary key, name text not null, applied_at timestamptz not null default now());
    insert into fulfil.migration (version, name) values (1, 'ledger');
    insert into fulfil.sku (sku, buckets, last_id) values ('sku-a', 4, 3);
    insert into fulfil.lot (sku_id, block, first_id, last_id, keys) values (1, 0, 1, 3, 3);
    insert into fulfil.card_key (id, sku_id, state, order_id, fingerprint, sealed) values
        (1, 1, 1, 'o-1', '\\x01', '\\x0a'), (2, 1, 1, 'o-1', '\\x02', '\\x0b'), (3, 1, 0, null, '\\x03', '\\x0c');
    select setval('fulfil.key_id', 3);
    insert into fulfil.orders (order_id, merchant_id, body_hash, status, decided_at, lines, reason) values
        ('o-1', 'm-01', sha256('o-1'), 1, '2026-01-02T03:04:05.678901Z',
            '[{\"line_no\":1,\"sku\":\"sku-a\",\"quantity\":2,\"status\":\"delivered\",\"keys\":[1,2]}]', null),
        ('o-2', null, sha256('o-2'), 3, '2026-01-02T03:04:06Z', '[]',
            '{\"code\":\"invalid_order\",\"retryable\":false,\"detail\":\"lines is missing\"}');
    insert into fulfil.announcement (order_id, revision, owed_at) values
        ('o-2', 1, '2026-01-02T00:00:00Z'), ('o-1', 1, '2026-01-03T00:00:00Z'), ('nowhere', 1, now()), ('o-1', 7, now())";

#[tokio::test]
async fn what_the_first_version_owed_is_owed_in_the_same_words() {
    let url = fresh_database();
    let ledger = PrivateLedger::at(&url, Postgres::new(&url, 2, LIMIT).unwrap());
    let admin = ledger.connect().await;
    admin.batch_execute("create schema fulfil").await.unwrap();
    admin.batch_execute(include_str!("../../migrations/0001_ledger.sql")).await.unwrap();
    admin.batch_execute(FIRST_VERSION).await.unwrap();
    let refused = ledger.postgres.owed(10, &[]).await.unwrap_err();
    assert!(matches!(&refused, LedgerError::Broken(text) if text.contains("run `fulfil migrate`")), "{refused}");

    assert_eq!(migrate(&url).await.unwrap().applied, ["procurement"]);
    let [no, first] = &owed(&ledger).await[..] else { panic!("two results are owed") };
    assert_eq!(
        bytes(no),
        r#"{"order_id":"o-2","revision":1,"status":"rejected","decided_at":"2026-01-02T03:04:06.000000Z","merchant_id":null,"lines":[],"reason":{"code":"invalid_order","retryable":false,"detail":"lines is missing"}}"#
    );
    assert_eq!(
        bytes(first),
        r#"{"order_id":"o-1","revision":1,"status":"fulfilled","decided_at":"2026-01-02T03:04:05.678901Z","merchant_id":"m-01","lines":[{"line_no":1,"sku":"sku-a","status":"delivered","keys":[{"key_id":"1","sealed":"Cg=="},{"key_id":"2","sealed":"Cw=="}]}]}"#
    );
    ledger.postgres.paid(&[(first.order_id.clone(), first.revision)]).await.unwrap();
    assert_eq!(owed(&ledger).await, std::slice::from_ref(no));
    // The ledger goes on where it was.
    let of = leased(&ledger, wanted("o-3", "sku-a", 2)).await;
    assert_eq!(buy(&ledger, &of, "a", &keys("sku-a", 10..12)).await, WHOLE);
    assert_balance(&ledger, 5, 1, 4).await;
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
        postgres.owed(1, &[]).await.unwrap_err(),
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
