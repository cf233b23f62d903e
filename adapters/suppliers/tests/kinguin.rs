//! The Kinguin adapter against the double of that API, over real HTTP.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a call that fails is a test that fails")]

#[path = "conformance/configured.rs"]
mod configured;

use configured::{credentials, supplier};
use fulfil_contract::{
    attempt::Reference,
    conformance::supplier::{SupplierBench, With},
    ids::Quantity,
    supplier::{Bought, Found, Goods, Purchase, Sought, SupplierProduct},
};
use serde_json::json;
use supplier_doubles::{Mood, Protocol, bench::DoubleBench};

async fn bench(most: u32) -> DoubleBench {
    DoubleBench::start(Protocol::Kinguin, move |double, with| {
        let credentials = credentials(double, with);
        let secrets = json!({ "api_key": credentials.key, "event_secret": credentials.callback_secret, "most": most });
        supplier("kinguin", double, with, secrets)
    })
    .await
}

async fn fresh() -> (DoubleBench, ()) {
    (bench(9).await, ())
}

fulfil_contract::supplier_suite!(fresh);

#[tokio::test]
async fn a_wholesale_order_of_several_pages() {
    let bench = bench(1000).await;
    let adapter = bench.supplier(With::Right);
    let reference = Reference::from_bits([2; 10]);
    let offer = "@ef2ea71f8e4a93562668b9c5";
    let product = SupplierProduct::parse(&format!("{}{offer}", bench.speaks().keys.product.as_str())).unwrap();
    for (count, pages) in [(100, 2), (250, 3)] {
        let reference = Reference::from_bits([count as u8; 10]);
        let (their_id, quantity) = (bought(&*adapter, &bench, &reference, &product, count).await, count);
        let sought = Sought {
            reference: &reference,
            their_id: Some(&their_id),
            product: &product,
            quantity: Quantity::new(quantity).unwrap(),
            recharge: false,
        };
        let before = calls(&bench);
        match adapter.query(sought).await {
            Found::Delivered { goods: Goods::Keys(keys), .. } => {
                let told: Vec<_> = keys.iter().map(|key| key.expose().to_owned()).collect();
                let sold = bench.sold().await.pop().unwrap();
                assert_eq!(told, sold.keys);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(calls(&bench) - before, pages, "pages of {count} keys");
    }
    let missing = Sought {
        reference: &reference,
        their_id: None,
        product: &product,
        quantity: Quantity::new(1).unwrap(),
        recharge: false,
    };
    assert_eq!(adapter.query(missing).await, Found::NotFound);
}

fn calls(bench: &DoubleBench) -> usize {
    bench.double.calls().iter().filter(|call| call.kind == "keys").count()
}

async fn bought(
    adapter: &dyn fulfil_contract::ports::supplier::Supplier,
    bench: &DoubleBench,
    reference: &Reference,
    product: &SupplierProduct,
    quantity: u32,
) -> String {
    let wanted = &bench.speaks().keys;
    let purchase = Purchase {
        reference,
        product,
        quantity: Quantity::new(quantity).unwrap(),
        unit_price: wanted.unit_price,
        currency: wanted.currency,
        recharge: None,
        sent_before: false,
        send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
    };
    match adapter.buy(purchase).await {
        Bought::Accepted { their_id: Some(their_id) } => their_id,
        other => panic!("{other:?}"),
    }
}

/// What the protocol does with a reference that it knows is not documented; this double buys again.
#[tokio::test]
async fn two_orders_under_one_reference_are_unclear() {
    let bench = bench(9).await;
    let adapter = bench.supplier(With::Right);
    let reference = Reference::from_bits([3; 10]);
    let product = bench.speaks().keys.product.clone();
    let first = bought(&*adapter, &bench, &reference, &product, 1).await;
    bought(&*adapter, &bench, &reference, &product, 1).await;
    let sought = Sought {
        reference: &reference,
        their_id: Some(&first),
        product: &product,
        quantity: Quantity::new(1).unwrap(),
        recharge: false,
    };
    let found = adapter.query(sought).await;
    assert!(matches!(found, Found::Unclear { .. }), "{found:?}");
}

/// Of three keys. Too few of an order that says that a key is still being processed are not all of them.
#[tokio::test]
async fn keys_are_told_as_they_came_though_they_are_too_few_or_too_many() {
    for (mood, delivered, pending) in [
        (Mood { too_few: 1.0, ..Mood::default() }, None, Some(2)),
        (Mood { too_many: 1.0, ..Mood::default() }, Some(4), None),
        (Mood { refunded_in_part: 1.0, ..Mood::default() }, Some(1), None),
    ] {
        let bench = bench(9).await;
        bench.double.set_mood(mood).unwrap();
        let adapter = bench.supplier(With::Right);
        let reference = Reference::from_bits([4; 10]);
        let product = bench.speaks().keys.product.clone();
        bought(&*adapter, &bench, &reference, &product, 3).await;
        let sought = Sought {
            reference: &reference,
            their_id: None,
            product: &product,
            quantity: Quantity::new(3).unwrap(),
            recharge: false,
        };
        match adapter.query(sought).await {
            Found::Delivered { goods: Goods::Keys(keys), .. } => assert_eq!(Some(keys.len()), delivered),
            Found::Pending { so_far, .. } => assert_eq!(Some(so_far.len()), pending),
            other => panic!("{other:?}"),
        }
    }
}
