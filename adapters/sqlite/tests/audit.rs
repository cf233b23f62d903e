//! What an audit finds in a file that was changed by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use fulfil_contract::{
    ids::{BodyHash, Fingerprint, KeyId, LineNo, OrderId, Quantity, SealedKey, Sku},
    ports::{
        books::{Balance, Books},
        ledger::{Ledger, LedgerError},
        stock_ledger::{NewKey, StockLedger},
    },
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder},
};
use fulfil_sqlite::Sqlite;
use tempfile::TempDir;

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

/// Two orders of two keys each: `o-1` has the keys 1 and 2, `o-2` has 3 and 4; key 5 is left, and 6 of another SKU.
async fn sold() -> (Sqlite, TempDir) {
    let folder = TempDir::new().unwrap();
    let store = Sqlite::open(folder.path()).unwrap();
    let key = |number: u128| NewKey {
        sku: sku(if number == 6 { "sku-b" } else { "sku-a" }),
        fingerprint: Fingerprint(number.to_be_bytes()),
        sealed: SealedKey(vec![7; 60]),
    };
    drop(store.import(&(1..=6).map(key).collect::<Vec<_>>(), 1).await.unwrap());
    let order = |id: &str, keys: [i64; 2]| {
        let line = ProposedLine {
            line_no: LineNo(1),
            sku: sku("sku-a"),
            quantity: Quantity::new(2).unwrap(),
            fill: Fill::Claimed(keys.map(KeyId).to_vec()),
            need: None,
        };
        Entry::Order(ProposedOrder {
            order_id: OrderId::parse(id).unwrap(),
            merchant_id: None,
            body_hash: BodyHash::of(id.as_bytes()),
            expires_at: None,
            proposal: Proposal::Fulfil(vec![line]),
        })
    };
    store.record(&[order("o-1", [1, 2]), order("o-2", [3, 4])]).await.unwrap();
    (store, folder)
}

/// The balance after a change from beside.
async fn after(change: &str) -> Result<Balance, LedgerError> {
    let (store, folder) = sold().await;
    let file = rusqlite::Connection::open(folder.path().join("fulfil.db")).unwrap();
    file.execute_batch("pragma ignore_check_constraints = on; pragma foreign_keys = off;").unwrap();
    file.execute_batch(change).unwrap();
    store.balance().await
}

#[tokio::test]
async fn a_sound_file_has_nothing_to_find() {
    let balance = after("").await.unwrap();
    assert_eq!((balance.imported, balance.available, balance.sold), (6, 2, 4));
    assert_eq!((balance.lines_short, balance.keys_sold_twice, balance.unbalanced), (0, 0, vec![]));
    assert_eq!(balance.available_ids, [KeyId(5), KeyId(6)]);
}

#[tokio::test]
async fn short_lines_are_counted() {
    for change in [
        // One key less, one too many, a key that is none, one of another order, one that is not sold, of another SKU.
        "update orders set lines = replace(lines, '[1,2]', '[1]') where order_no = 1",
        "update orders set lines = replace(lines, '[1,2]', '[1,2,5]') where order_no = 1",
        "update orders set lines = replace(lines, '[1,2]', '[1,99]') where order_no = 1",
        "update orders set lines = replace(lines, '[1,2]', '[1,-7]') where order_no = 1",
        "update card_key set order_no = 2 where id = 2",
        "update card_key set order_no = null, state = 0 where id = 2",
        "update card_key set sku_no = (select sku_no from sku where sku = 'sku-b') where id = 2",
    ] {
        let balance = after(change).await.unwrap();
        assert_eq!((balance.lines_short, balance.keys_sold_twice), (1, 0), "{change}");
    }
}

#[tokio::test]
async fn a_key_in_two_lines_is_counted_once() {
    let balance = after("update orders set lines = replace(lines, '[3,4]', '[2,4]') where order_no = 2").await.unwrap();
    assert_eq!((balance.keys_sold_twice, balance.lines_short), (1, 1));
    let both = "update orders set lines = replace(lines, '[3,4]', '[1,2]') where order_no = 2";
    let balance = after(both).await.unwrap();
    assert_eq!((balance.keys_sold_twice, balance.lines_short), (2, 1));
    let within = "update orders set lines = replace(lines, '[1,2]', '[1,1]') where order_no = 1";
    assert_eq!(after(within).await.unwrap().keys_sold_twice, 1);
}

#[tokio::test]
async fn a_key_that_is_gone_unbalances_its_sku() {
    let balance = after("delete from card_key where id = 5").await.unwrap();
    assert_eq!(balance.unbalanced, [sku("sku-a")]);
    assert_eq!((balance.imported, balance.available + balance.sold), (6, 5));
}

#[tokio::test]
async fn a_row_that_can_t_be_read_is_named() {
    let error = after("update orders set lines = '[{' where order_id = 'o-2'").await.unwrap_err();
    assert!(matches!(&error, LedgerError::Broken(text) if text.contains("order o-2 can't be read")), "{error:?}");
}
