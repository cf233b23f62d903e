//! Answers that are lost, late, or none: never taken for a clear one.

use std::time::{Duration, Instant};

use super::{
    Basket, Behaviour, SupplierBench, With, assert_goods, assert_nothing_sold, assert_sold_once, buy, goods, query,
    recovered, sold_once, unknown,
};
use crate::supplier::{Bought, Found, Hindrance};

pub async fn a_reply_lost_after_buying_is_unknown(bench: impl SupplierBench) {
    let basket = Basket::keys(bench.speaks(), 1, 2);
    bought_without_an_answer(bench, Behaviour::LostAfterBuying, basket).await;
}

pub async fn a_top_up_whose_reply_is_lost_is_made_once(bench: impl SupplierBench) {
    let Some(basket) = Basket::top_up(bench.speaks(), 1) else { return };
    bought_without_an_answer(bench, Behaviour::LostAfterBuying, basket).await;
}

pub async fn html_with_status_200_is_unknown(bench: impl SupplierBench) {
    let basket = Basket::keys(bench.speaks(), 1, 2);
    bought_without_an_answer(bench, Behaviour::Html, basket).await;
}

pub async fn status_500_is_unknown(bench: impl SupplierBench) {
    let basket = Basket::keys(bench.speaks(), 1, 2);
    bought_without_an_answer(bench, Behaviour::ServerError, basket).await;
}

/// Unknown, bought once, and what can find it out finds it, buying no more.
async fn bought_without_an_answer(bench: impl SupplierBench, behaviour: Behaviour, basket: Basket) {
    let supplier = bench.supplier(With::Right);
    bench.behave(behaviour).await;
    let their_id = unknown(buy(&supplier, &basket).await);
    let sold = sold_once(&bench, &basket).await;
    bench.behave(Behaviour::Honest).await;
    if !supplier.promises().query && their_id.is_none() {
        let found = query(&supplier, &basket, None).await;
        assert!(matches!(found, Found::Unclear { .. }), "no query by reference is promised: {found:?}");
    }
    if let Some(goods) = recovered(&supplier, &basket, their_id.as_deref()).await {
        assert_goods(&goods, &sold);
    }
    sold_once(&bench, &basket).await;
}

pub async fn a_reply_lost_before_buying_is_unknown(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let basket = Basket::keys(bench.speaks(), 1, 1);
    bench.behave(Behaviour::LostBeforeBuying).await;
    let their_id = unknown(buy(&supplier, &basket).await);
    assert_nothing_sold(&bench).await;
    bench.behave(Behaviour::Honest).await;
    let found = query(&supplier, &basket, their_id.as_deref()).await;
    if supplier.promises().query {
        assert_eq!(found, Found::NotFound);
    } else {
        assert!(matches!(found, Found::Unclear { .. }), "no query by reference is promised: {found:?}");
    }
    assert_nothing_sold(&bench).await;
}

pub async fn not_reachable_is_not_sent(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    bench.behave(Behaviour::Unreachable).await;
    let basket = Basket::keys(bench.speaks(), 1, 1);
    let bought = buy(&supplier, &basket).await;
    assert!(matches!(bought, Bought::NotSent { by: Hindrance::Theirs, .. }), "{bought:?}");
    assert_nothing_sold(&bench).await;
}

pub async fn beyond_the_time_limit_is_unknown(bench: impl SupplierBench) {
    let limit = Duration::from_secs(2);
    let basket = Basket::keys(bench.speaks(), 1, 2);
    // Whatever is fetched once (a token) is there before the supplier becomes slow.
    let hasty = bench.supplier(With::TimeLimit(limit));
    let first = Basket::keys(bench.speaks(), 9, 1);
    goods(&hasty, &first).await;
    let patient = bench.supplier(With::Right);

    bench.behave(Behaviour::Slow(Duration::from_secs(20))).await;
    let from = Instant::now();
    let their_id = unknown(buy(&hasty, &basket).await);
    assert!(from.elapsed() >= limit, "it did not wait as long as it may");
    assert!(from.elapsed() < Duration::from_secs(10), "it waited past its limit");
    bench.behave(Behaviour::Honest).await;
    let sold = bench.sold().await;
    assert_eq!(sold.len(), 2, "the slow supplier did buy");
    if let Some(goods) = recovered(&patient, &basket, their_id.as_deref()).await {
        assert_goods(&goods, &sold[1]);
    }
    assert_eq!(bench.sold().await.len(), 2);
}

pub async fn it_goes_on_when_the_supplier_is_back(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    // A connection is kept open when the supplier goes.
    let offers = supplier.offers(std::slice::from_ref(&bench.speaks().keys.product)).await;
    assert_eq!(offers.is_ok(), bench.speaks().offers, "{offers:?}");
    bench.behave(Behaviour::Unreachable).await;
    let basket = Basket::keys(bench.speaks(), 1, 1);
    let bought = buy(&supplier, &basket).await;
    assert!(matches!(bought, Bought::NotSent { .. } | Bought::Unknown { .. }), "{bought:?}");
    assert_nothing_sold(&bench).await;
    bench.behave(Behaviour::Honest).await;
    let goods = goods(&supplier, &basket).await;
    assert_sold_once(&bench, &basket, &goods).await;
}
