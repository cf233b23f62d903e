//! Orders that are accepted and not done yet, and orders that end without goods.

use super::{
    Basket, Behaviour, SupplierBench, With, assert_goods, assert_sold_once, buy, goods_by_query, query, sold_once,
};
use crate::supplier::{Bought, Found, Goods};

pub async fn pending_then_delivered(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let basket = Basket::keys(bench.speaks(), 1, 3);
    bench.behave(Behaviour::PendingFor(3)).await;
    let their_id = accepted(buy(&supplier, &basket).await);
    if !can_be_asked(&bench, their_id.as_deref()) {
        return;
    }
    let mut pending = 0;
    let goods = loop {
        match query(&supplier, &basket, their_id.as_deref()).await {
            Found::Delivered { goods, .. } => break goods,
            Found::Pending { so_far, .. } => {
                assert!(so_far.len() < 3, "all keys are there, and it is called pending");
                pending += 1;
                assert!(pending <= 3, "pending after so many queries");
            }
            other @ (Found::Refused(_) | Found::NotFound | Found::Unclear { .. }) => panic!("{other:?}"),
        }
    };
    assert_sold_once(&bench, &basket, &goods).await;
}

pub async fn pending_for_ever_stays_pending(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let basket = Basket::keys(bench.speaks(), 1, 1);
    bench.behave(Behaviour::PendingForEver).await;
    let their_id = accepted(buy(&supplier, &basket).await);
    bench.behave(Behaviour::Honest).await;
    if can_be_asked(&bench, their_id.as_deref()) {
        for _ in 0..5 {
            let found = query(&supplier, &basket, their_id.as_deref()).await;
            assert!(matches!(found, Found::Pending { .. }), "{found:?}");
        }
    }
    sold_once(&bench, &basket).await;
}

/// A text in a key's place is no key, and done without keys is not the whole of what was bought.
pub async fn done_without_keys_is_never_delivered(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let basket = Basket::keys(bench.speaks(), 1, 2);
    bench.behave(Behaviour::DoneWithoutKeys).await;
    let their_id = match buy(&supplier, &basket).await {
        Bought::Accepted { their_id } | Bought::Unknown { their_id, .. } => their_id,
        Bought::Delivered { goods, their_id } => {
            assert_eq!(goods, Goods::Keys(Vec::new()));
            their_id
        }
        other @ (Bought::Refused(_) | Bought::NotSent { .. }) => panic!("it was paid for: {other:?}"),
    };
    bench.behave(Behaviour::Honest).await;
    if can_be_asked(&bench, their_id.as_deref()) {
        match query(&supplier, &basket, their_id.as_deref()).await {
            Found::Delivered { goods, .. } => assert_eq!(goods, Goods::Keys(Vec::new())),
            Found::Pending { so_far, .. } => assert_eq!(so_far, []),
            Found::Unclear { .. } => {}
            other @ (Found::Refused(_) | Found::NotFound) => panic!("it was paid for: {other:?}"),
        }
    }
    sold_once(&bench, &basket).await;
}

pub async fn cancelled_is_refused(bench: impl SupplierBench) {
    if bench.speaks().refunds {
        paid_back(bench, Behaviour::Cancelled).await;
    }
}

pub async fn refunded_in_full_is_refused(bench: impl SupplierBench) {
    if bench.speaks().refunds {
        paid_back(bench, Behaviour::Refunded).await;
    }
}

async fn paid_back(bench: impl SupplierBench, behaviour: Behaviour) {
    let supplier = bench.supplier(With::Right);
    let basket = Basket::keys(bench.speaks(), 1, 1);
    bench.behave(behaviour).await;
    let their_id = match buy(&supplier, &basket).await {
        Bought::Accepted { their_id } => their_id,
        Bought::Refused(_) => None,
        other @ (Bought::Delivered { .. } | Bought::Unknown { .. } | Bought::NotSent { .. }) => panic!("{other:?}"),
    };
    bench.behave(Behaviour::Honest).await;
    if can_be_asked(&bench, their_id.as_deref()) {
        let found = query(&supplier, &basket, their_id.as_deref()).await;
        assert!(matches!(found, Found::Refused(_)), "{found:?}");
    }
}

/// Part of the money is back, so part of the goods may be gone out: only a person can tell.
pub async fn refunded_in_part_is_not_refused(bench: impl SupplierBench) {
    if !bench.speaks().part_refunds {
        return;
    }
    let supplier = bench.supplier(With::Right);
    let basket = Basket::keys(bench.speaks(), 1, 2);
    bench.behave(Behaviour::RefundedInPart).await;
    let their_id = match buy(&supplier, &basket).await {
        Bought::Accepted { their_id } | Bought::Delivered { their_id, .. } | Bought::Unknown { their_id, .. } => {
            their_id
        }
        other @ (Bought::Refused(_) | Bought::NotSent { .. }) => panic!("{other:?}"),
    };
    bench.behave(Behaviour::Honest).await;
    if can_be_asked(&bench, their_id.as_deref()) {
        let found = query(&supplier, &basket, their_id.as_deref()).await;
        assert!(!matches!(found, Found::Refused(_) | Found::NotFound), "{found:?}");
    }
}

/// A top-up that is pending ends as one that was made.
pub async fn a_pending_top_up_is_made(bench: impl SupplierBench) {
    let Some(basket) = Basket::top_up(bench.speaks(), 1) else { return };
    let supplier = bench.supplier(With::Right);
    bench.behave(Behaviour::PendingFor(2)).await;
    let their_id = accepted(buy(&supplier, &basket).await);
    if can_be_asked(&bench, their_id.as_deref()) {
        let goods = goods_by_query(&supplier, &basket, their_id.as_deref()).await;
        assert_goods(&goods, &sold_once(&bench, &basket).await);
    }
}

/// Whether a query can find the purchase: by our reference, or by the id that the supplier told.
fn can_be_asked(bench: &impl SupplierBench, their_id: Option<&str>) -> bool {
    their_id.is_some() || bench.supplier(With::Right).promises().query
}

fn accepted(bought: Bought) -> Option<String> {
    match bought {
        Bought::Accepted { their_id } => their_id,
        other @ (Bought::Delivered { .. } | Bought::Refused(_) | Bought::Unknown { .. } | Bought::NotSent { .. }) => {
            panic!("not accepted: {other:?}")
        }
    }
}
