//! Connections that end, hang or were never there: the right error, nothing left open, and the next call works.

use std::time::{Duration, Instant};

use fulfil_contract::{
    conformance::samples::*,
    ids::KeyId,
    ports::{
        ledger::{Ledger, LedgerError, Tries},
        stock_ledger::StockLedger,
    },
    proposal::Entry,
    recorded::Judgement,
};
use fulfil_postgres::Postgres;
use private_servers::Server;
use tokio_postgres::Client;

use crate::private::{LIMIT, PrivateLedger, fresh_ledger, waiting};

/// A deferred trigger makes commits hang, in the server, for as long as the client waits.
const SLOW_COMMIT: &str = "
    create function public.slow() returns trigger language plpgsql as $$ begin perform pg_sleep(3600); return null; end $$;
    create constraint trigger slow after insert on fulfil.orders deferrable initially deferred for each row execute function public.slow()";

/// Waits until no backend of the adapter is inside a transaction.
async fn all_out_of_transactions(client: &Client) {
    let since = Instant::now();
    let sql = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null and application_name = 'fulfil'";
    while client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(since.elapsed() < Duration::from_secs(30), "a transaction stayed open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn lock(client: &Client, id: KeyId) {
    client.batch_execute("begin").await.unwrap();
    client.execute("select 1 from fulfil.card_key where id = $1 for update", &[&id.0]).await.unwrap();
}

fn batch(id: KeyId) -> [Entry; 1] {
    [Entry::Order(claimed("o-1", "sku-a", &[id]))]
}

async fn is_recorded_now(ledger: &PrivateLedger, id: KeyId) {
    let judgements = ledger.postgres.record(&batch(id)).await.unwrap();
    assert!(matches!(judgements[..], [Judgement::New(_)]), "{judgements:?}");
}

#[tokio::test]
async fn a_connection_killed_before_the_commit_was_sent_is_unavailable() {
    let ledger = fresh_ledger().await;
    let ids = stock(&ledger, "sku-a", 1).await;
    let (blocker, admin) = (ledger.connect().await, ledger.connect().await);
    lock(&blocker, ids[0]).await;
    let kill = async {
        let pid = waiting(&admin, "transactionid").await;
        admin.execute("select pg_terminate_backend($1)", &[&pid]).await.unwrap();
    };
    let orders = batch(ids[0]);
    let (outcome, ()) = tokio::join!(ledger.postgres.record(&orders), kill);
    assert!(matches!(outcome, Err(LedgerError::Unavailable(_))), "{outcome:?}");
    blocker.batch_execute("rollback").await.unwrap();
    is_recorded_now(&ledger, ids[0]).await;
}

#[tokio::test]
async fn a_connection_killed_in_its_commit_leaves_the_outcome_unknown() {
    let ledger = fresh_ledger().await;
    let ids = stock(&ledger, "sku-a", 1).await;
    let admin = ledger.connect().await;
    admin.batch_execute(SLOW_COMMIT).await.unwrap();
    let kill = async {
        let pid = waiting(&admin, "PgSleep").await;
        admin.execute("select pg_terminate_backend($1)", &[&pid]).await.unwrap();
    };
    let orders = batch(ids[0]);
    let (outcome, ()) = tokio::join!(ledger.postgres.record(&orders), kill);
    assert!(matches!(outcome, Err(LedgerError::OutcomeUnknown(_))), "{outcome:?}");
    admin.batch_execute("drop trigger slow on fulfil.orders").await.unwrap();
    is_recorded_now(&ledger, ids[0]).await;
}

#[tokio::test]
async fn a_call_ends_at_its_limit_and_says_whether_it_can_have_committed() {
    let ledger = fresh_ledger().await;
    let ids = stock(&ledger, "sku-a", 2).await;
    let (blocker, admin) = (ledger.connect().await, ledger.connect().await);
    // The operator's own options win over ours: here the server itself would wait for ever.
    let url = format!("{}?options=-c%20statement_timeout%3D0", ledger.url);
    let brief = Postgres::new(&url, 1, Duration::from_secs(2)).unwrap();
    brief.skus().await.unwrap();

    lock(&blocker, ids[0]).await;
    let outcome = brief.record(&batch(ids[0])).await;
    assert!(matches!(outcome, Err(LedgerError::Unavailable(_))), "{outcome:?}");
    blocker.batch_execute("rollback").await.unwrap();
    all_out_of_transactions(&admin).await;

    admin.batch_execute(SLOW_COMMIT).await.unwrap();
    let outcome = brief.record(&batch(ids[0])).await;
    assert!(matches!(outcome, Err(LedgerError::OutcomeUnknown(_))), "{outcome:?}");
    let pid = waiting(&admin, "PgSleep").await;
    admin.execute("select pg_terminate_backend($1)", &[&pid]).await.unwrap();
    all_out_of_transactions(&admin).await;
    admin.batch_execute("drop trigger slow on fulfil.orders").await.unwrap();
    is_recorded_now(&ledger, ids[0]).await;
}

#[tokio::test]
async fn a_dropped_call_leaves_no_transaction_open_in_the_pool() {
    let ledger = fresh_ledger().await;
    let ids = stock(&ledger, "sku-a", 1).await;
    let (blocker, admin) = (ledger.connect().await, ledger.connect().await);
    let one = Postgres::new(&ledger.url, 1, LIMIT).unwrap();
    for _ in 0..5 {
        lock(&blocker, ids[0]).await;
        let orders = batch(ids[0]);
        tokio::select! {
            outcome = one.record(&orders) => panic!("it should wait for the lock: {outcome:?}"),
            _ = waiting(&admin, "transactionid") => {}
        }
        blocker.batch_execute("rollback").await.unwrap();
        // The only connection of the pool is not in a transaction, or this would not be committed.
        one.count_tries(&[body("a")], 1).await.unwrap();
        assert_eq!(one.tries(&[body("a")]).await.unwrap(), [1]);
        let seen: i32 = admin.query_one("select tries from fulfil.try", &[]).await.unwrap().get(0);
        assert_eq!(seen, 1);
        one.forget_tries(&[body("a")]).await.unwrap();
        all_out_of_transactions(&admin).await;
    }
    is_recorded_now(&ledger, ids[0]).await;
}

#[tokio::test]
async fn a_server_that_is_down_is_an_error_of_the_calls_until_it_is_back() {
    let server = private_servers::Postgres::start().unwrap();
    let url = server.url();
    fulfil_postgres::migrate(&url).await.unwrap();
    let ledger = PrivateLedger::at(&url, Postgres::new(&url, 2, LIMIT).unwrap());
    let ids = stock(&ledger, "sku-a", 1).await;
    server.kill().unwrap();
    for _ in 0..3 {
        let outcome = ledger.postgres.record(&batch(ids[0])).await;
        assert!(matches!(&outcome, Err(LedgerError::Unavailable(_))), "{outcome:?}");
    }
    let lazy = Postgres::new(&ledger.url, 1, LIMIT).unwrap();
    let refused = lazy.skus().await.unwrap_err().to_string();
    assert!(
        refused.contains("127.0.0.1") && refused.contains("refused") && !refused.contains("fulfil:fulfil"),
        "{refused}"
    );
    server.restart().unwrap();
    is_recorded_now(&ledger, ids[0]).await;
    lazy.skus().await.unwrap();
}

#[tokio::test]
async fn a_frozen_server_is_waited_for_no_longer_than_the_limit() {
    let server = private_servers::Postgres::start().unwrap();
    let url = server.url();
    fulfil_postgres::migrate(&url).await.unwrap();
    let brief = Postgres::new(&url, 2, Duration::from_secs(2)).unwrap();
    // Its statement is prepared, so that the next one is sent at once.
    brief.count_tries(&[body("b")], 1).await.unwrap();
    server.pause().unwrap();
    let since = Instant::now();
    let outcome = brief.count_tries(&[body("a")], 1).await;
    let took = since.elapsed();
    server.resume().unwrap();
    assert!(matches!(&outcome, Err(LedgerError::OutcomeUnknown(_))), "{outcome:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    let patient = Postgres::new(&url, 1, LIMIT).unwrap();
    patient.skus().await.unwrap();
}

#[tokio::test]
async fn what_can_not_be_used_is_refused_at_once() {
    let new = |url: &str| Postgres::new(url, 1, LIMIT).unwrap_err().to_string();
    assert!(new("postgres://u:secret@host/db?sslmode=require").contains("sslmode"));
    let nonsense = new("postgres://u:secret@host:many/db");
    assert!(nonsense.contains("ledger.url") && !nonsense.contains("secret"), "{nonsense}");
}

#[tokio::test]
async fn a_missing_database_and_a_stranger_are_told_apart() {
    let ledger = fresh_ledger().await;
    let elsewhere = format!("{}_missing", ledger.url);
    let error = Postgres::new(&elsewhere, 1, LIMIT).unwrap().skus().await.unwrap_err();
    assert!(matches!(&error, LedgerError::Broken(text) if text.contains("create it")), "{error}");
    let stranger = ledger.url.replace("fulfil:fulfil@", "stranger@");
    let error = Postgres::new(&stranger, 1, LIMIT).unwrap().skus().await.unwrap_err();
    assert!(matches!(&error, LedgerError::Broken(text) if text.contains("check ledger.url")), "{error}");
}
