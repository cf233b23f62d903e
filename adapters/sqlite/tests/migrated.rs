//! Folders made by the version before are brought up to date when they are opened to work in, and nothing that
//! was owed changes a byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod folder;

use std::path::Path;

use fulfil_contract::{
    answer::Answer,
    conformance::procurements::samples::*,
    ids::{BodyHash, KeyId, Revision},
    ports::{books::Books, ledger::Ledger},
    reason::ReasonCode,
    recorded::{DeliveredKey, LineOutcome, OrderStatus, RecordedLine, RecordedOrder},
    time::Timestamp,
};
use fulfil_sqlite::Sqlite;
use tempfile::TempDir;

use crate::folder::Folder;

/// The first version's tables, as it made them.
const VERSION_1: &str = include_str!("../src/schema.sql");

/// As the version before left it: `o-1` has the keys 1 and 2 of three, `o-2` was rejected; both results are owed,
/// `o-2`'s first. `o-3` is owed nothing.
fn old_folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let file = rusqlite::Connection::open(folder.path().join("fulfil.db")).unwrap();
    file.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
    file.execute_batch(VERSION_1).unwrap();
    file.execute_batch("pragma application_id = 1718971494; pragma user_version = 1;").unwrap();
    let hash = |text: &str| BodyHash::of(text.as_bytes()).0;
    let order = "insert into orders (order_id, merchant_id, body_hash, revision, status, decided_at, lines, reason)
        values (?1, 'm-01', ?2, 1, ?3, ?4, ?5, ?6)";
    let delivered = r#"[{"line_no":1,"sku":"sku-a","quantity":2,"status":"delivered","keys":[1,2]}]"#;
    let reason = r#"{"code":"out_of_stock","retryable":true,"detail":"stock holds fewer than 9 of sku-a"}"#;
    let refused = format!(r#"[{{"line_no":1,"sku":"sku-a","quantity":9,"status":"rejected","reason":{reason}}}]"#);
    file.execute(order, (("o-1"), hash("o-1"), 1, 1_000_001, delivered, None::<&str>)).unwrap();
    file.execute(order, (("o-2"), hash("o-2"), 3, 2_000_002, &refused, Some(reason))).unwrap();
    file.execute(order, (("o-3"), hash("o-3"), 3, 3_000_003, &refused, Some(reason))).unwrap();
    file.execute_batch("insert into sku values (1, 'sku-a', 1, 5, 4, 3, 3)").unwrap();
    for number in 1..=3usize {
        let key = new_key("sku-a", number);
        let sold = (number < 3).then_some(1);
        file.execute(
            "insert into card_key (sku_no, state, order_no, fingerprint, sealed) values (1, ?1, ?2, ?3, ?4)",
            (i32::from(sold.is_some()), sold, key.fingerprint.0, key.sealed.0),
        )
        .unwrap();
    }
    file.execute_batch("insert into announcement (order_id, revision) values ('o-2', 1), ('o-1', 1)").unwrap();
    folder
}

fn expected() -> [RecordedOrder; 2] {
    let order = |id: &str, decided_at| RecordedOrder {
        order_id: order_id(id),
        merchant_id: Some(merchant("m-01")),
        body_hash: body(id),
        revision: Revision::FIRST,
        status: OrderStatus::Rejected,
        decided_at: Timestamp(decided_at),
        lines: Vec::new(),
        reason: None,
    };
    let line = |count, outcome| RecordedLine {
        line_no: fulfil_contract::ids::LineNo(1),
        sku: sku("sku-a"),
        quantity: quantity(count),
        outcome,
    };
    let key = |number: usize| DeliveredKey { id: KeyId(number as i64), sealed: sealed("sku-a", number) };
    let reason = fulfil_contract::reason::Reason::new(ReasonCode::OutOfStock, "stock holds fewer than 9 of sku-a");
    [
        RecordedOrder {
            lines: vec![line(9, LineOutcome::Rejected(reason.clone()))],
            reason: Some(reason),
            ..order("o-2", 2_000_002)
        },
        RecordedOrder {
            status: OrderStatus::Fulfilled,
            lines: vec![line(2, LineOutcome::Delivered(vec![key(1), key(2)]))],
            ..order("o-1", 1_000_001)
        },
    ]
}

fn tables(folder: &Path) -> (i64, Vec<String>) {
    let file = rusqlite::Connection::open(folder.join("fulfil.db")).unwrap();
    let integrity: String = file.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
    assert!(!file.prepare("pragma foreign_key_check").unwrap().exists([]).unwrap());
    let version = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let mut schema = file.prepare("select type || ' ' || name || ' ' || coalesce(sql, '') from sqlite_schema").unwrap();
    let mut schema: Vec<String> = schema.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    schema.sort();
    (version, schema)
}

#[tokio::test]
async fn what_was_owed_is_owed_byte_for_byte() {
    let folder = old_folder();
    let store = Sqlite::open(folder.path()).unwrap();
    let owed = store.owed(10, &[]).await.unwrap();
    assert_eq!(owed, expected(), "the oldest first");
    for (owed, expected) in owed.iter().zip(expected()) {
        assert_eq!(Answer::Order(owed).body(), Answer::Order(&expected).body());
    }
    assert!(!store.order(&order_id("o-3")).await.unwrap().unwrap().owed);
    store.paid(&[(order_id("o-2"), Revision::FIRST)]).await.unwrap();
    assert_eq!(store.owed(10, &[]).await.unwrap(), expected()[1..]);
    let balance = store.balance().await.unwrap();
    assert_eq!((balance.imported, balance.available, balance.sold, balance.orders), (3, 1, 2, 3));
    assert_eq!((balance.lines_short, balance.keys_sold_twice, balance.unbalanced), (0, 0, vec![]));
}

#[tokio::test]
async fn an_older_folder_is_worked_in_like_a_new_one() {
    let old = old_folder();
    let new = TempDir::new().unwrap();
    drop((Sqlite::open(old.path()).unwrap(), Sqlite::open(new.path()).unwrap()));
    assert_eq!(tables(old.path()), tables(new.path()), "the same tables, however they came to be");
    let backend = Folder::at(old);
    // One key is left: the line is bought, beside what was sold long ago.
    let of = leased(&backend, wanted("o-4", "sku-a", 2)).await;
    assert_eq!(buy(&backend, &of, "a", &keys("sku-a", 10..12)).await, WHOLE);
    assert_eq!(repeat(judge_one(&backend, wanted("o-1", "sku-a", 2)).await), expected()[1]);
    assert_balance(&backend, 5, 1, 4).await;
    assert_eq!(owed(&backend).await.len(), 3);
}

#[test]
fn reading_alone_brings_nothing_up_to_date() {
    let folder = old_folder();
    let before = tables(folder.path());
    let text = Sqlite::open_to_read(folder.path()).unwrap_err().to_string();
    assert!(text.contains("version 1") && text.contains("`fulfil run`"), "{text}");
    assert_eq!(tables(folder.path()), before);
    drop(Sqlite::open(folder.path()).unwrap());
    drop(Sqlite::open_to_read(folder.path()).unwrap());
}
