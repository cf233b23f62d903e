//! Lines that the ledger fills itself, within the transaction that records their order.

use crate::{
    conformance::samples::*,
    proposal::{Fill, ProposedOrder},
    reason::{Reason, ReasonCode},
    recorded::OrderStatus,
};

pub async fn the_highest_ids_are_taken_first(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 5_000).await;
    let first = new(judge_one(backend, from_ledger("o-1", "sku-a", 3)).await);
    assert_eq!(first.status, OrderStatus::Fulfilled);
    assert_eq!(delivered(&first.lines[0]), ids[4_997..]);
    let second = new(judge_one(backend, from_ledger("o-2", "sku-a", 2)).await);
    assert_eq!(delivered(&second.lines[0]), ids[4_995..4_997]);
    let many = new(judge_one(backend, from_ledger("o-3", "sku-a", 1_000)).await);
    assert_eq!(delivered(&many.lines[0]), ids[3_995..4_995]);
    assert_eq!(available(backend, "sku-a").await, ids[..3_995]);
}

pub async fn a_line_is_filled_whole_or_not_at_all(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 4).await;
    let batch = vec![from_ledger("o-1", "sku-a", 3), from_ledger("o-2", "sku-a", 2), from_ledger("o-3", "sku-a", 1)];
    let orders: Vec<_> = judge(backend, batch).await.into_iter().map(new).collect();
    assert_eq!(delivered(&orders[0].lines[0]), ids[1..]);
    assert_eq!(orders[1].status, OrderStatus::Rejected);
    assert_eq!(rejected(&orders[1].lines[0]), ReasonCode::OutOfStock);
    assert_eq!(
        orders[1].reason.as_ref().map(|reason| (reason.code, reason.retryable)),
        Some((ReasonCode::OutOfStock, true))
    );
    assert_eq!(delivered(&orders[2].lines[0]), ids[..1]);
}

pub async fn out_of_stock_is_not_unknown_sku(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 1).await;
    new(judge_one(backend, claimed("o-1", "sku-a", &ids)).await);
    let short = new(judge_one(backend, from_ledger("o-2", "sku-a", 1)).await);
    assert_eq!((short.status, rejected(&short.lines[0])), (OrderStatus::Rejected, ReasonCode::OutOfStock));
    let unknown = new(judge_one(backend, from_ledger("o-3", "sku-b", 1)).await);
    assert_eq!((unknown.status, rejected(&unknown.lines[0])), (OrderStatus::Rejected, ReasonCode::UnknownSku));
    assert_eq!(unknown.lines[0].quantity.get(), 1);
    for order in [&short, &unknown] {
        assert_eq!(repeat(judge_one(backend, from_ledger(order.order_id.as_str(), "sku-a", 1)).await), *order);
    }
}

pub async fn out_of_stock_ends_with_an_import(backend: &dyn LedgerBackend) {
    let first = new(judge_one(backend, from_ledger("o-1", "sku-a", 1)).await);
    assert_eq!(rejected(&first.lines[0]), ReasonCode::UnknownSku);
    let ids = stock(backend, "sku-a", 2).await;
    let short = new(judge_one(backend, from_ledger("o-2", "sku-a", 3)).await);
    assert_eq!(rejected(&short.lines[0]), ReasonCode::OutOfStock);
    let fits = new(judge_one(backend, from_ledger("o-3", "sku-a", 2)).await);
    assert_eq!(delivered(&fits.lines[0]), ids, "short for one is not short for all");
    let empty = new(judge_one(backend, from_ledger("o-4", "sku-a", 1)).await);
    assert_eq!(rejected(&empty.lines[0]), ReasonCode::OutOfStock);
    let more = stock_from(backend, "sku-a", 3, 3).await;
    let after = new(judge_one(backend, from_ledger("o-5", "sku-a", 3)).await);
    assert_eq!(delivered(&after.lines[0]), more);
}

pub async fn delivered_beside_out_of_stock_is_partly_fulfilled(backend: &dyn LedgerBackend) {
    let a = stock(backend, "sku-a", 2).await;
    let b = stock(backend, "sku-b", 2).await;
    let lines = vec![
        ledger_line(1, "sku-a", 3),
        claimed_line(2, "sku-b", &b[..1]),
        ledger_line(3, "sku-a", 2),
        ledger_line(4, "sku-c", 1),
    ];
    let order = new(judge_one(backend, order("o-1", lines)).await);
    assert_eq!((order.status, &order.reason), (OrderStatus::PartlyFulfilled, &None));
    assert_eq!(rejected(&order.lines[0]), ReasonCode::OutOfStock);
    assert_eq!(delivered(&order.lines[1]), b[..1]);
    assert_eq!(delivered(&order.lines[2]), a);
    assert_eq!(rejected(&order.lines[3]), ReasonCode::UnknownSku);
}

pub async fn what_a_neighbour_claimed_is_not_taken(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 5).await;
    let batch = vec![
        from_ledger("o-1", "sku-a", 2),
        claimed("o-2", "sku-a", &ids[3..]),
        from_ledger("o-3", "sku-a", 2),
        order("o-4", vec![claimed_line(1, "sku-a", &ids[..1]), ledger_line(2, "sku-a", 1)]),
    ];
    let orders: Vec<_> = judge(backend, batch).await.into_iter().map(new).collect();
    assert_eq!(delivered(&orders[0].lines[0]), ids[1..3]);
    assert_eq!(delivered(&orders[1].lines[0]), ids[3..]);
    assert_eq!(rejected(&orders[2].lines[0]), ReasonCode::OutOfStock);
    assert_eq!(orders[3].status, OrderStatus::PartlyFulfilled);
    assert_eq!(available(backend, "sku-a").await, []);
}

pub async fn a_repeat_or_a_refusal_takes_nothing_from_the_others(backend: &dyn LedgerBackend) {
    stock(backend, "sku-a", 3).await;
    new(judge_one(backend, from_ledger("o-1", "sku-a", 1)).await);
    let past = later(ledger_time(backend).await, -60);
    let batch = vec![
        from_ledger("o-1", "sku-a", 1),
        ProposedOrder { expires_at: Some(past), ..from_ledger("o-2", "sku-a", 1) },
        from_ledger("o-3", "sku-a", 2),
    ];
    let mut judgements = judge(backend, batch).await;
    let third = new(judgements.remove(2));
    assert_eq!(third.status, OrderStatus::Fulfilled);
    assert_eq!(new(judgements.remove(1)).status, OrderStatus::Rejected);
    repeat(judgements.remove(0));
    assert_eq!(available(backend, "sku-a").await, []);
}

pub async fn a_refused_line_stands_beside_the_others(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 3).await;
    let no_supplier = || Fill::Refused(Reason::new(ReasonCode::NoSupplier, "no supplier for top-ups of sku-t"));
    let partly = new(judge_one(
        backend,
        order("o-1", vec![line(1, "sku-t", 1, no_supplier()), claimed_line(2, "sku-a", &ids[..2])]),
    )
    .await);
    assert_eq!(partly.status, OrderStatus::PartlyFulfilled);
    assert_eq!(rejected(&partly.lines[0]), ReasonCode::NoSupplier);
    assert_eq!(delivered(&partly.lines[1]), ids[..2]);

    let none =
        new(judge_one(backend, order("o-2", vec![line(4, "sku-t", 2, no_supplier()), ledger_line(7, "sku-a", 900)]))
            .await);
    assert_eq!(none.status, OrderStatus::Rejected);
    assert_eq!(
        none.reason,
        Some(Reason::new(ReasonCode::NoSupplier, "no supplier for top-ups of sku-t")),
        "the first line's reason"
    );
    assert_eq!(none.lines.len(), 2);
    for order in [partly, none] {
        assert_eq!(
            bytes(&repeat(judge_one(backend, refused(order.order_id.as_str(), ReasonCode::TooLarge)).await)),
            bytes(&order)
        );
    }
}
