//! A query buys nothing, and says what it knows.

use super::{Basket, Behaviour, SupplierBench, With, assert_nothing_sold, buy, goods, query, sold_once};
use crate::supplier::{Bought, Found};

pub async fn a_reference_that_was_never_sent(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let found = query(&supplier, &Basket::keys(bench.speaks(), 1, 1), None).await;
    if supplier.promises().query {
        assert_eq!(found, Found::NotFound);
    } else {
        assert!(matches!(found, Found::Unclear { .. }), "{found:?}");
    }
    assert_nothing_sold(&bench).await;
}

pub async fn asked_twice_the_same_is_told(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let basket = Basket::keys(bench.speaks(), 1, 3);
    let their_id = match buy(&supplier, &basket).await {
        Bought::Delivered { their_id, .. } | Bought::Accepted { their_id } => their_id,
        other @ (Bought::Refused(_) | Bought::Unknown { .. } | Bought::NotSent { .. }) => panic!("{other:?}"),
    };
    if their_id.is_none() && !supplier.promises().query {
        return;
    }
    let first = query(&supplier, &basket, their_id.as_deref()).await;
    assert!(matches!(first, Found::Delivered { .. }), "{first:?}");
    assert_eq!(query(&supplier, &basket, their_id.as_deref()).await, first);
    sold_once(&bench, &basket).await;
}

pub async fn a_lost_answer_is_unclear(bench: impl SupplierBench) {
    unclear(bench, Behaviour::QueriesLost, With::Right).await;
}

pub async fn html_is_unclear(bench: impl SupplierBench) {
    unclear(bench, Behaviour::QueriesHtml, With::Right).await;
}

pub async fn status_500_is_unclear(bench: impl SupplierBench) {
    unclear(bench, Behaviour::QueriesFail, With::Right).await;
}

pub async fn not_reachable_is_unclear(bench: impl SupplierBench) {
    unclear(bench, Behaviour::Unreachable, With::Right).await;
}

/// "Who are you?" is no answer about a purchase.
pub async fn wrong_credentials_are_unclear(bench: impl SupplierBench) {
    unclear(bench, Behaviour::Honest, With::WrongCredentials).await;
}

async fn unclear(bench: impl SupplierBench, behaviour: Behaviour, with: With) {
    let honest = bench.supplier(With::Right);
    let basket = Basket::keys(bench.speaks(), 1, 1);
    goods(&honest, &basket).await;
    // The same adapter goes on, with whatever it has fetched, unless its set-up is what is wrong.
    let supplier = if with == With::Right { honest } else { bench.supplier(with) };
    bench.behave(behaviour).await;
    for basket in [&basket, &Basket::keys(bench.speaks(), 2, 1)] {
        let found = query(&supplier, basket, None).await;
        assert!(matches!(found, Found::Unclear { .. }), "{behaviour:?}: {found:?}");
    }
    sold_once(&bench, &basket).await;
}
