//! What an audit finds of bought lines: while their order's row does not tell of them yet, and after.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod folder;

use fulfil_contract::{
    conformance::procurements::samples::*,
    ports::{
        books::{Balance, Books},
        ledger::{Ledger, LedgerError},
    },
    procurement::Procurement,
    proposal::{Entry, Fill, ProposedLine},
};

use crate::folder::{Folder, fresh};

/// `o-1` was sold the key 1 of stock. Of `o-2` the first line was bought whole, the keys 2 and 3; the second
/// line is open.
async fn half_bought() -> (Folder, Procurement) {
    let backend = fresh().await;
    let ids = stock(&backend, "sku-a", 1).await;
    new(judge_one(&backend, claimed("o-1", "sku-a", &ids)).await);
    let lines = vec![bought_line(1, "sku-a", 2), bought_line(2, "sku-b", 1)];
    let mut of = leased_lines(&backend, order("o-2", lines)).await;
    assert_eq!(buy(&backend, &of[0], "a", &keys("sku-a", 10..12)).await, WHOLE);
    (backend, of.remove(1))
}

async fn after(backend: &Folder, sql: &str) -> Result<Balance, LedgerError> {
    backend.change(sql);
    backend.store.balance().await
}

const OF_LINE_1: &str = "update procurement set outcome = replace(outcome, '[2,3]', '[KEYS]') where line_no = 1";

#[tokio::test]
async fn keys_of_a_line_that_is_not_told_yet_are_no_error() {
    let (backend, open) = half_bought().await;
    assert!(is_processing(&stands(&backend, "o-2").await.lines[0]));
    assert_balance(&backend, 3, 0, 3).await;
    assert_eq!(buy(&backend, &open, "b", &keys("sku-b", 0..1)).await, WHOLE);
    assert_balance(&backend, 4, 0, 4).await;
}

#[tokio::test]
async fn they_are_held_against_the_keys_all_the_same() {
    for (keys, found) in [("1,3", (1, 1)), ("2", (1, 0)), ("2,3,99", (1, 0)), ("3,2", (0, 0))] {
        let (backend, _) = half_bought().await;
        let balance = after(&backend, &OF_LINE_1.replace("KEYS", keys)).await.unwrap();
        assert_eq!((balance.lines_short, balance.keys_sold_twice), found, "{keys}");
    }
}

#[tokio::test]
async fn a_line_and_its_procurement_tell_the_same_keys() {
    for (keys, found) in [("2,3", (0, 0)), ("1,3", (1, 1)), ("3,99", (1, 0))] {
        let (backend, open) = half_bought().await;
        assert_eq!(buy(&backend, &open, "b", &self::keys("sku-b", 0..1)).await, WHOLE);
        let balance = after(&backend, &OF_LINE_1.replace("KEYS", keys)).await.unwrap();
        assert_eq!((balance.lines_short, balance.keys_sold_twice), found, "{keys}");
    }
}

#[tokio::test]
async fn a_procurement_that_can_t_be_read_is_named() {
    let (backend, _) = half_bought().await;
    let error = after(&backend, "update procurement set outcome = '{' where line_no = 1").await.unwrap_err();
    let expected = "order o-2 can't be read (the procurement of line 1:";
    assert!(matches!(&error, LedgerError::Broken(text) if text.contains(expected)), "{error:?}");
}

#[tokio::test]
async fn what_can_t_be_bought_is_bad_data_and_leaves_nothing() {
    let backend = fresh().await;
    let no_need = line(1, "sku-a", 1, Fill::Bought);
    let mut dear = need();
    dear.unit_price = fulfil_contract::money::MinorUnits(u64::MAX);
    let dear = ProposedLine { need: Some(dear), ..no_need.clone() };
    for bad in [no_need, dear] {
        let batch = [order("bad", vec![bad]), wanted("good", "sku-a", 1)].map(Entry::Order);
        let error = backend.store.record(&batch).await.unwrap_err();
        assert!(matches!(error, LedgerError::Data(_)), "{error:?}");
        assert_eq!(backend.store.balance().await.unwrap().orders, 0);
        assert_eq!(open(&backend).await, 0);
    }
}
