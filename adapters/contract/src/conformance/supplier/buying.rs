//! What an honest supplier sells arrives: once, in order, whole.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use super::{Basket, SupplierBench, With, assert_goods, assert_nothing_sold, assert_sold_once, buy, goods};
use crate::{
    conformance::limit::within,
    supplier::{Bought, Goods, Hindrance, Purchase, RefusalCode},
};

pub async fn a_key_is_bought_once(bench: impl SupplierBench) {
    keys_in_order(bench, 1).await;
}

pub async fn three_keys_in_order(bench: impl SupplierBench) {
    keys_in_order(bench, 3).await;
}

/// A hundred, or the most that the protocol takes.
pub async fn as_many_keys_as_one_purchase_takes(bench: impl SupplierBench) {
    keys_in_order(bench, 100).await;
}

async fn keys_in_order(bench: impl SupplierBench, count: u32) {
    let supplier = bench.supplier(With::Right);
    let count = count.min(supplier.promises().most);
    let basket = Basket::keys(bench.speaks(), 1, count);
    let goods = goods(&supplier, &basket).await;
    match &goods {
        Goods::Keys(keys) => assert_eq!(keys.len(), count as usize),
        Goods::Recharge { .. } => panic!("keys were bought: {goods:?}"),
    }
    assert_sold_once(&bench, &basket, &goods).await;
}

pub async fn a_top_up_is_made_once(bench: impl SupplierBench) {
    let Some(basket) = Basket::top_up(bench.speaks(), 1) else { return };
    let goods = goods(&bench.supplier(With::Right), &basket).await;
    assert!(matches!(goods, Goods::Recharge { .. }), "{goods:?}");
    assert_sold_once(&bench, &basket, &goods).await;
}

/// Where the protocol has none, a purchase with an account buys nothing, and says that another may do it.
pub async fn without_top_ups_none_is_made(bench: impl SupplierBench) {
    if bench.speaks().top_up.is_some() {
        return;
    }
    let mut basket = Basket::keys(bench.speaks(), 1, 1);
    basket.recharge = Some(crate::order::Recharge { account: "13800000000".into() });
    match buy(&bench.supplier(With::Right), &basket).await {
        Bought::Refused(refusal) => {
            assert!(matches!(refusal.code, RefusalCode::Product | RefusalCode::Other), "{refusal:?}");
        }
        Bought::NotSent { .. } => {}
        other @ (Bought::Delivered { .. } | Bought::Accepted { .. } | Bought::Unknown { .. }) => panic!("{other:?}"),
    }
    assert_nothing_sold(&bench).await;
}

/// As by a process that was stopped before it sent: another worker may have gone on with the line.
pub async fn a_purchase_whose_time_is_over_is_not_sent(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let baskets = [Some(Basket::keys(bench.speaks(), 1, 1)), Basket::top_up(bench.speaks(), 2)];
    for basket in baskets.into_iter().flatten() {
        let late = Purchase { send_by: Instant::now() - Duration::from_millis(1), ..basket.purchase() };
        let bought = within("buy", supplier.buy(late)).await;
        assert!(matches!(bought, Bought::NotSent { by: Hindrance::Ours, .. }), "{bought:?}");
    }
    assert_nothing_sold(&bench).await;
}

pub async fn two_references_are_two_purchases(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let mut told = HashSet::new();
    for number in [1, 2] {
        let basket = Basket::keys(bench.speaks(), number, 1);
        let goods = goods(&supplier, &basket).await;
        let sold = bench.sold().await;
        assert_eq!(sold.len(), usize::from(number));
        assert_goods(&goods, &sold[usize::from(number) - 1]);
        told.insert(sold[usize::from(number) - 1].keys.clone());
    }
    assert_eq!(told.len(), 2, "two purchases, different keys");
}

pub async fn purchases_at_once_get_their_own_keys(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let baskets: Vec<_> = (1..=8).map(|number| Basket::keys(bench.speaks(), number, 2)).collect();
    let mut running = tokio::task::JoinSet::new();
    for basket in baskets {
        let supplier = supplier.clone();
        running.spawn(async move { (basket.reference.clone(), goods(&supplier, &basket).await) });
    }
    let told = running.join_all().await;
    let sold = bench.sold().await;
    assert_eq!(sold.len(), told.len());
    for (reference, goods) in told {
        let of_it: Vec<_> = sold.iter().filter(|sold| sold.reference == reference.as_str()).collect();
        assert_eq!(of_it.len(), 1, "{reference}");
        assert_goods(&goods, of_it[0]);
    }
}
