//! The balance of a ledger that was changed by hand: it finds what it is there to find.

use fulfil_contract::{
    conformance::procurements::samples::*,
    ids::KeyId,
    ports::{books::Books, ledger::LedgerError},
};

use crate::private::{PrivateLedger, fresh_ledger};

async fn sold_ledger() -> (PrivateLedger, Vec<KeyId>) {
    let ledger = fresh_ledger().await;
    let ids = stock(&ledger, "sku-a", 10).await;
    stock(&ledger, "sku-b", 2).await;
    new(judge_one(&ledger, claimed("o-1", "sku-a", &ids[..2])).await);
    new(judge_one(&ledger, claimed("o-2", "sku-a", &ids[2..4])).await);
    (ledger, ids)
}

/// Lines short, keys sold twice, SKUs out of balance, after `sql`.
async fn found(sql: &str) -> (u64, u64, Vec<String>) {
    let (ledger, _) = sold_ledger().await;
    ledger.connect().await.batch_execute(sql).await.unwrap();
    let balance = ledger.postgres.balance().await.unwrap();
    (balance.lines_short, balance.keys_sold_twice, balance.unbalanced.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn a_key_in_two_lines_is_found() {
    let (short, twice, unbalanced) = found("update fulfil.orders set lines = (select lines from fulfil.orders where order_id = 'o-1') where order_id = 'o-2'").await;
    assert_eq!((short, twice, unbalanced.len()), (1, 2, 0), "its keys are sold to the first order");
}

#[tokio::test]
async fn a_line_with_a_key_too_few_is_found() {
    let (short, twice, _) = found(
        "update fulfil.orders set lines = replace(lines, '\"quantity\":2', '\"quantity\":3') where order_id = 'o-2'",
    )
    .await;
    assert_eq!((short, twice), (1, 0));
}

#[tokio::test]
async fn a_key_twice_in_one_line_is_found() {
    let sql = "update fulfil.orders set lines = regexp_replace(lines, '\\[(\\d+),\\d+\\]', '[\\1,\\1]') where order_id = 'o-1'";
    assert_eq!(found(sql).await, (1, 1, vec![]));
}

#[tokio::test]
async fn a_delivered_key_that_is_not_sold_is_found() {
    let (short, _, unbalanced) =
        found("update fulfil.card_key set state = 0, order_id = null where id = (select min(id) from fulfil.card_key)")
            .await;
    assert_eq!((short, unbalanced.len()), (1, 0));
}

#[tokio::test]
async fn a_key_of_another_sku_is_found() {
    let sql = "update fulfil.card_key set sku_id = (select sku_id from fulfil.sku where sku = 'sku-b') where id = (select min(id) from fulfil.card_key)";
    assert_eq!(found(sql).await, (1, 0, vec!["sku-a".to_owned(), "sku-b".to_owned()]));
}

#[tokio::test]
async fn a_key_that_vanished_is_found() {
    let (short, _, unbalanced) = found("delete from fulfil.card_key where id = (select max(id) from fulfil.card_key where sku_id = (select sku_id from fulfil.sku where sku = 'sku-a'))").await;
    assert_eq!((short, unbalanced), (0, vec!["sku-a".to_owned()]));
}

#[tokio::test]
async fn the_table_itself_refuses_a_key_sold_to_nobody() {
    let (ledger, ids) = sold_ledger().await;
    let sold = ledger.connect().await.execute("update fulfil.card_key set state = 1 where id = $1", &[&ids[9].0]).await;
    assert!(
        sold.is_err_and(|error| error
            .as_db_error()
            .is_some_and(|error| error.constraint() == Some("sold_to_an_order")))
    );
}

/// Two of the lines of `o-3` are to be bought; the first one was, and the second one is open.
async fn half_bought_ledger() -> PrivateLedger {
    let (ledger, _) = sold_ledger().await;
    let of = leased_lines(&ledger, order("o-3", vec![bought_line(1, "sku-a", 2), bought_line(2, "sku-b", 1)])).await;
    assert_eq!(buy(&ledger, &of[0], "a", &keys("sku-a", 20..22)).await, WHOLE);
    assert!(is_processing(&stands(&ledger, "o-3").await.lines[0]), "its result is not written yet");
    ledger
}

/// The same after `sql`.
async fn found_in_half_bought(sql: &str) -> (u64, u64) {
    let ledger = half_bought_ledger().await;
    ledger.connect().await.batch_execute(sql).await.unwrap();
    let balance = ledger.postgres.balance().await.unwrap();
    (balance.lines_short, balance.keys_sold_twice)
}

#[tokio::test]
async fn keys_of_a_line_whose_order_is_not_decided_are_no_error() {
    let ledger = half_bought_ledger().await;
    assert_balance(&ledger, 14, 8, 6).await;
    let of = lease(&ledger, "w-2", 10).await;
    assert_eq!(of, [], "the second line is leased");
    ledger
        .connect()
        .await
        .batch_execute("update fulfil.procurement set wake_at = now(), worker = null where line_no = 2")
        .await
        .unwrap();
    let of = lease_one(&ledger, "w-2").await;
    assert_eq!(buy(&ledger, &of, "b", &keys("sku-b", 20..21)).await, WHOLE);
    assert_eq!(stands(&ledger, "o-3").await.key_ids().count(), 3);
    assert_balance(&ledger, 15, 8, 7).await;
}

#[tokio::test]
async fn a_bought_line_that_is_short_is_found_before_its_order_is_decided() {
    let found = found_in_half_bought("update fulfil.procurement set quantity = 3 where line_no = 1").await;
    assert_eq!(found, (1, 0));
    let sql = "update fulfil.card_key set state = 0, order_id = null where id = (select max(id) from fulfil.card_key)";
    assert_eq!(found_in_half_bought(sql).await, (1, 0));
}

#[tokio::test]
async fn a_bought_key_that_stands_in_another_line_is_found_before_its_order_is_decided() {
    let sql = "update fulfil.orders set lines = regexp_replace(lines, '\\[\\d+,', (
        select '[' || (outcome::jsonb -> 'keys' ->> 0) || ',' from fulfil.procurement where state = 1)) where order_id = 'o-1'";
    assert_eq!(found_in_half_bought(sql).await, (1, 1));
}

#[tokio::test]
async fn an_order_that_contradicts_its_procurement_is_found() {
    let ledger = half_bought_ledger().await;
    let admin = ledger.connect().await;
    admin.batch_execute("update fulfil.orders set lines = replace(lines, '\"status\":\"processing\"', '\"status\":\"delivered\",\"keys\":[1]') where order_id = 'o-3'").await.unwrap();
    let balance = ledger.postgres.balance().await.unwrap();
    assert!(balance.lines_short > 0 && balance.keys_sold_twice > 0, "{balance:?}");
}

#[tokio::test]
async fn lines_that_nobody_can_read_break_the_balance() {
    for lines in [
        "nonsense",
        "{}",
        "[{\"line_no\":1,\"sku\":\"sku-a\",\"quantity\":\"x\",\"status\":\"delivered\",\"keys\":[1]}]",
    ] {
        let (ledger, _) = sold_ledger().await;
        ledger
            .connect()
            .await
            .execute("update fulfil.orders set lines = $1 where order_id = 'o-1'", &[&lines])
            .await
            .unwrap();
        let balance = ledger.postgres.balance().await;
        assert!(matches!(balance, Err(LedgerError::Broken(_))), "{balance:?}");
    }
}
