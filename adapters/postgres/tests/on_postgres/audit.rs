//! The balance of a ledger that was changed by hand: it finds what it is there to find.

use fulfil_contract::{
    conformance::samples::*,
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
