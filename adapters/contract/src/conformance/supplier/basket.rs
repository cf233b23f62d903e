//! What a case buys, and what it holds against the supplier's own log.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Sold, Speaks, SupplierBench, Wanted};
use crate::{
    attempt::Reference,
    conformance::limit::within,
    ids::Quantity,
    order::Recharge,
    ports::supplier::Supplier,
    supplier::{Bought, Found, Goods, Promises, Purchase, Resend, Sought},
};

/// The reference of a case's first, second, … purchase.
pub(super) fn reference(number: u8) -> Reference {
    Reference::from_bits([7, 7, 7, 7, 7, 7, 7, 7, 7, number])
}

pub(super) fn quantity(count: u32) -> Quantity {
    Quantity::new(count).unwrap()
}

/// What a case buys: everything that a [`Purchase`] borrows.
#[derive(Debug, Clone)]
pub(super) struct Basket {
    pub(super) reference: Reference,
    pub(super) wanted: Wanted,
    pub(super) quantity: Quantity,
    pub(super) recharge: Option<Recharge>,
}

impl Basket {
    pub(super) fn keys(speaks: &Speaks, number: u8, count: u32) -> Self {
        let wanted = speaks.keys.clone();
        Self { reference: reference(number), wanted, quantity: quantity(count), recharge: None }
    }

    /// `None` where the protocol has no top-ups.
    pub(super) fn top_up(speaks: &Speaks, number: u8) -> Option<Self> {
        let (wanted, recharge) = speaks.top_up.clone()?;
        Some(Self { reference: reference(number), wanted, quantity: quantity(1), recharge: Some(recharge) })
    }

    pub(super) fn purchase(&self) -> Purchase<'_> {
        Purchase {
            reference: &self.reference,
            product: &self.wanted.product,
            quantity: self.quantity,
            unit_price: self.wanted.unit_price,
            currency: self.wanted.currency,
            recharge: self.recharge.as_ref(),
            sent_before: false,
            send_by: Instant::now() + Duration::from_secs(60),
        }
    }

    pub(super) fn sought<'a>(&'a self, their_id: Option<&'a str>) -> Sought<'a> {
        Sought {
            reference: &self.reference,
            their_id,
            product: &self.wanted.product,
            quantity: self.quantity,
            recharge: self.recharge.is_some(),
        }
    }
}

pub(super) async fn buy(supplier: &Arc<dyn Supplier>, basket: &Basket) -> Bought {
    within("buy", supplier.buy(basket.purchase())).await
}

pub(super) async fn query(supplier: &Arc<dyn Supplier>, basket: &Basket, their_id: Option<&str>) -> Found {
    within("query", supplier.query(basket.sought(their_id))).await
}

/// The goods, after as many queries as it takes, where the purchase goes well.
pub(super) async fn goods(supplier: &Arc<dyn Supplier>, basket: &Basket) -> Goods {
    match buy(supplier, basket).await {
        Bought::Delivered { goods, .. } => goods,
        Bought::Accepted { their_id } => goods_by_query(supplier, basket, their_id.as_deref()).await,
        other @ (Bought::Refused(_) | Bought::Unknown { .. } | Bought::NotSent { .. }) => {
            panic!("a purchase from an honest supplier: {other:?}")
        }
    }
}

/// Queries until the goods are there.
pub(super) async fn goods_by_query(supplier: &Arc<dyn Supplier>, basket: &Basket, their_id: Option<&str>) -> Goods {
    within("a query that finds the goods", async {
        loop {
            match supplier.query(basket.sought(their_id)).await {
                Found::Delivered { goods, .. } => return goods,
                Found::Pending { .. } => tokio::time::sleep(Duration::from_millis(5)).await,
                other @ (Found::Refused(_) | Found::NotFound | Found::Unclear { .. }) => {
                    panic!("a query after a purchase: {other:?}")
                }
            }
        }
    })
    .await
}

/// The goods of a purchase with an unknown outcome that did buy: by query where our reference can be looked
/// up, by the same reference again where that is safe; `None` where only a person can tell.
pub(super) async fn recovered(supplier: &Arc<dyn Supplier>, basket: &Basket, their_id: Option<&str>) -> Option<Goods> {
    let Promises { query: by_reference, resend, .. } = supplier.promises();
    if by_reference || their_id.is_some() {
        return Some(goods_by_query(supplier, basket, their_id).await);
    }
    match resend {
        Resend::Idempotent => Some(goods(supplier, basket).await),
        Resend::Refused | Resend::Unsafe => None,
    }
}

/// Holds that `goods` are those of the one purchase in the supplier's log, and the log those of `basket`.
pub(super) async fn assert_sold_once(bench: &impl SupplierBench, basket: &Basket, goods: &Goods) {
    let sold = sold_once(bench, basket).await;
    assert_goods(goods, &sold);
}

pub(super) fn assert_goods(goods: &Goods, sold: &Sold) {
    match goods {
        Goods::Keys(keys) => {
            let told: Vec<_> = keys.iter().map(|key| key.expose().to_owned()).collect();
            assert_eq!(told, sold.keys, "keys, in the supplier's order");
        }
        Goods::Recharge { .. } => {
            assert!(sold.account.is_some() && sold.keys.is_empty(), "a top-up that the log has: {sold:?}");
        }
    }
}

/// The one purchase in the supplier's log.
pub(super) async fn sold_once(bench: &impl SupplierBench, basket: &Basket) -> Sold {
    let mut sold = bench.sold().await;
    assert_eq!(sold.len(), 1, "purchases in the supplier's log");
    let sold = sold.remove(0);
    assert_eq!(sold.reference, basket.reference.as_str());
    assert_eq!(sold.quantity, basket.quantity.get());
    assert_eq!(sold.account, basket.recharge.as_ref().map(|recharge| recharge.account.clone()));
    sold
}

pub(super) async fn assert_nothing_sold(bench: &impl SupplierBench) {
    assert_eq!(bench.sold().await, [], "purchases in the supplier's log");
}

/// The supplier's id that came with an unknown outcome.
pub(super) fn unknown(bought: Bought) -> Option<String> {
    match bought {
        Bought::Unknown { their_id, .. } => their_id,
        other @ (Bought::Delivered { .. } | Bought::Accepted { .. } | Bought::Refused(_) | Bought::NotSent { .. }) => {
            panic!("not unknown: {other:?}")
        }
    }
}
