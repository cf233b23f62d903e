//! The same reference sent again does what the adapter promises.

use super::{Basket, Behaviour, SupplierBench, With, assert_goods, buy, goods, goods_by_query, sold_once, unknown};
use crate::{
    ports::supplier::Supplier,
    supplier::{Bought, Resend},
};

pub async fn a_delivered_purchase_sent_again(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let basket = Basket::keys(bench.speaks(), 1, 2);
    goods(&supplier, &basket).await;
    sent_again(&bench, &supplier, &basket).await;
}

pub async fn a_lost_purchase_sent_again(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let basket = Basket::keys(bench.speaks(), 1, 2);
    bench.behave(Behaviour::LostAfterBuying).await;
    unknown(buy(&supplier, &basket).await);
    bench.behave(Behaviour::Honest).await;
    sent_again(&bench, &supplier, &basket).await;
}

/// The first one bought. So a no would be untrue, and goods must be those of the first.
async fn sent_again(bench: &impl SupplierBench, supplier: &std::sync::Arc<dyn Supplier>, basket: &Basket) {
    let first = sold_once(bench, basket).await;
    let again = buy(supplier, basket).await;
    match supplier.promises().resend {
        Resend::Idempotent => {
            let goods = match again {
                Bought::Delivered { goods, .. } => goods,
                Bought::Accepted { their_id } => goods_by_query(supplier, basket, their_id.as_deref()).await,
                other @ (Bought::Refused(_) | Bought::Unknown { .. } | Bought::NotSent { .. }) => panic!("{other:?}"),
            };
            assert_goods(&goods, &first);
            sold_once(bench, basket).await;
        }
        Resend::Refused => {
            unknown(again);
            sold_once(bench, basket).await;
        }
        // It may have bought twice; all that can be asked for is that it is not called a no.
        Resend::Unsafe => assert!(!matches!(again, Bought::Refused(_) | Bought::NotSent { .. }), "{again:?}"),
    }
}

pub async fn a_purchase_that_never_arrived_sent_again(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let basket = Basket::keys(bench.speaks(), 1, 2);
    bench.behave(Behaviour::LostBeforeBuying).await;
    unknown(buy(&supplier, &basket).await);
    bench.behave(Behaviour::Honest).await;
    let goods = goods(&supplier, &basket).await;
    assert_goods(&goods, &sold_once(&bench, &basket).await);
}
