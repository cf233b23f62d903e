//! The acg-faka adapter against the double of such a shop, over real HTTP.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a call that fails is a test that fails")]

#[path = "conformance/configured.rs"]
mod configured;

use configured::{credentials, supplier};
use fulfil_contract::{
    attempt::Reference,
    conformance::supplier::{Behaviour, SupplierBench, With},
    ids::Quantity,
    money::MinorUnits,
    supplier::{Bought, Found, Goods, Hindrance, Purchase, RefusalCode, Sought},
};
use serde_json::json;
use supplier_doubles::{Millis, Mood, Protocol, bench::DoubleBench};

async fn fresh() -> (DoubleBench, ()) {
    let bench = DoubleBench::start(Protocol::AcgFaka, |double, with| {
        let credentials = credentials(double, with);
        supplier("acg_faka", double, with, json!({ "app_id": credentials.account, "app_key": credentials.key }))
    });
    (bench.await, ())
}

fulfil_contract::supplier_suite!(fresh);

fn reference() -> Reference {
    Reference::from_bits([1; 10])
}

fn purchase<'a>(bench: &'a DoubleBench, reference: &'a Reference, quantity: u32, unit_price: u64) -> Purchase<'a> {
    Purchase {
        reference,
        product: &bench.speaks().keys.product,
        quantity: Quantity::new(quantity).unwrap(),
        unit_price: MinorUnits(unit_price),
        currency: bench.speaks().keys.currency,
        recharge: None,
        sent_before: false,
        send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
    }
}

fn calls(bench: &DoubleBench, kind: &str) -> usize {
    bench.double.calls().iter().filter(|call| call.kind == kind).count()
}

#[tokio::test]
async fn what_costs_more_than_allowed_is_never_traded() {
    let (bench, ()) = fresh().await;
    let (adapter, reference) = (bench.supplier(With::Right), reference());
    match adapter.buy(purchase(&bench, &reference, 3, 999)).await {
        Bought::Refused(refusal) => assert_eq!(refusal.code, RefusalCode::Price),
        other => panic!("{other:?}"),
    }
    assert_eq!((calls(&bench, "offers"), calls(&bench, "buy")), (1, 0));
    let bought = adapter.buy(purchase(&bench, &reference, 3, 1_000)).await;
    assert!(matches!(bought, Bought::Delivered { goods: Goods::Keys(ref keys), .. } if keys.len() == 3), "{bought:?}");
    assert_eq!((calls(&bench, "offers"), calls(&bench, "buy")), (2, 1));
}

/// The shop answered what it was asked: that the purchase is kept back is our own doing.
#[tokio::test]
async fn what_became_too_dear_is_kept_back_when_it_was_sent_before() {
    let (bench, ()) = fresh().await;
    let reference = reference();
    let again = Purchase { sent_before: true, ..purchase(&bench, &reference, 3, 999) };
    let bought = bench.supplier(With::Right).buy(again).await;
    assert!(matches!(bought, Bought::NotSent { by: Hindrance::Ours, .. }), "{bought:?}");
    assert_eq!((calls(&bench, "offers"), calls(&bench, "buy")), (1, 0));
}

/// The question about the price took longer than the purchase had time.
#[tokio::test]
async fn what_was_asked_for_too_long_is_not_traded_any_more() {
    let (bench, ()) = fresh().await;
    let reference = reference();
    bench.double.set_mood(Mood { latency: Millis::fixed(400), ..Mood::default() }).unwrap();
    let send_by = std::time::Instant::now() + std::time::Duration::from_millis(200);
    let late = Purchase { send_by, ..purchase(&bench, &reference, 1, 1_000) };
    let bought = bench.supplier(With::Right).buy(late).await;
    assert!(matches!(bought, Bought::NotSent { by: Hindrance::Ours, .. }), "{bought:?}");
    assert_eq!((calls(&bench, "offers"), calls(&bench, "buy")), (1, 0));
    assert!(bench.sold().await.is_empty());
}

#[tokio::test]
async fn a_price_that_is_not_told_is_no_reason_to_trade() {
    let (bench, ()) = fresh().await;
    let (adapter, reference) = (bench.supplier(With::Right), reference());
    for behaviour in [Behaviour::QueriesHtml, Behaviour::QueriesFail, Behaviour::QueriesLost] {
        bench.behave(behaviour).await;
        let bought = adapter.buy(purchase(&bench, &reference, 1, 1_000)).await;
        assert!(matches!(bought, Bought::NotSent { by: Hindrance::Theirs, .. }), "{behaviour:?}: {bought:?}");
    }
    assert_eq!(calls(&bench, "buy"), 0);
}

#[tokio::test]
async fn goods_that_a_person_delivers_are_found_by_the_shops_number() {
    let (bench, ()) = fresh().await;
    let (adapter, reference) = (bench.supplier(With::Right), reference());
    bench.behave(Behaviour::PendingFor(2)).await;
    let purchase = purchase(&bench, &reference, 2, 1_000);
    let their_id = match adapter.buy(purchase).await {
        Bought::Accepted { their_id: Some(their_id) } => their_id,
        other => panic!("{other:?}"),
    };
    let sought = Sought {
        reference: &reference,
        their_id: Some(&their_id),
        product: purchase.product,
        quantity: purchase.quantity,
        recharge: false,
    };
    assert!(matches!(adapter.query(sought).await, Found::Pending { .. }));
    assert!(
        matches!(adapter.query(sought).await, Found::Delivered { goods: Goods::Keys(keys), .. } if keys.len() == 2)
    );
    let another = adapter.query(Sought { their_id: Some("260000000000099999"), ..sought }).await;
    assert!(matches!(another, Found::Unclear { .. }), "never not-found: {another:?}");
}

#[tokio::test]
async fn keys_are_told_as_they_came_though_they_are_too_few_or_too_many() {
    for (mood, expected) in
        [(Mood { too_few: 1.0, ..Mood::default() }, 2), (Mood { too_many: 1.0, ..Mood::default() }, 4)]
    {
        let (bench, ()) = fresh().await;
        bench.double.set_mood(mood).unwrap();
        let reference = reference();
        match bench.supplier(With::Right).buy(purchase(&bench, &reference, 3, 1_000)).await {
            Bought::Delivered { goods: Goods::Keys(keys), .. } => assert_eq!(keys.len(), expected),
            other => panic!("{other:?}"),
        }
    }
}
