//! What an adapter tells about its supplier: promises, offers, balance.

use std::{slice, time::Duration};

use super::{Basket, Behaviour, SupplierBench, With, assert_nothing_sold, goods};
use crate::{
    ports::supplier::SupplierError,
    supplier::{Promises, Resend},
};

pub async fn promises_are_sound(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let Promises { query: _, resend, settle, most, keeps_price: _ } = supplier.promises();
    assert_eq!(supplier.promises(), bench.supplier(With::Right).promises(), "the same each time");
    assert!(most >= 1, "nothing can be bought from it");
    // What is re-sent is what may still be under way at the supplier: it has to be given time.
    assert!(settle > Duration::ZERO || resend == Resend::Idempotent, "no settle time");
}

pub async fn offers_of_what_is_sold(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let speaks = bench.speaks();
    let asked = [speaks.keys.product.clone(), speaks.unknown.clone()];
    let told = supplier.offers(&asked).await;
    if !speaks.offers {
        assert!(matches!(told, Err(SupplierError::NotTold)), "{told:?}");
        return;
    }
    let offers = told.unwrap_or_else(|error| panic!("offers: {error}"));
    let of_keys: Vec<_> = offers.iter().filter(|offer| offer.product == speaks.keys.product).collect();
    assert_eq!(of_keys.len(), 1, "{offers:?}");
    assert!(of_keys[0].on_sale);
    assert_eq!(of_keys[0].unit_price, Some(speaks.keys.unit_price));
    assert_eq!(of_keys[0].stock.is_some(), speaks.stock, "{offers:?}");
    assert!(of_keys[0].stock.is_none_or(|stock| stock >= 300), "{offers:?}");
    assert!(offers.iter().all(|offer| offer.product != speaks.unknown || !offer.on_sale), "{offers:?}");
    assert_nothing_sold(&bench).await;
}

pub async fn the_balance_falls_with_a_purchase(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let before = supplier.balance().await;
    let Some(expected) = bench.speaks().balance else {
        assert!(matches!(before, Err(SupplierError::NotTold)), "{before:?}");
        return;
    };
    let before = before.unwrap_or_else(|error| panic!("balance: {error}"));
    assert_eq!(before.amount, expected);
    let currency = bench.speaks().keys.currency;
    assert!(before.currency.is_none_or(|told| told == currency), "{before:?}");
    goods(&supplier, &Basket::keys(bench.speaks(), 1, 3)).await;
    let after = supplier.balance().await.unwrap_or_else(|error| panic!("balance: {error}"));
    let paid = i64::try_from(3 * bench.speaks().keys.unit_price.0).unwrap_or(i64::MAX);
    assert_eq!(after.amount, expected - paid);
}

pub async fn not_reachable_is_told(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    bench.behave(Behaviour::Unreachable).await;
    let offers = supplier.offers(slice::from_ref(&bench.speaks().keys.product)).await;
    let balance = supplier.balance().await;
    match bench.speaks().offers {
        true => assert!(matches!(offers, Err(SupplierError::Unreachable(_))), "{offers:?}"),
        false => assert!(matches!(offers, Err(SupplierError::NotTold)), "{offers:?}"),
    }
    match bench.speaks().balance {
        Some(_) => assert!(matches!(balance, Err(SupplierError::Unreachable(_))), "{balance:?}"),
        None => assert!(matches!(balance, Err(SupplierError::NotTold)), "{balance:?}"),
    }
}
