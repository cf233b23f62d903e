use fulfil_contract::{
    money::MinorUnits,
    supplier::{Bought, Found, Hindrance},
};

use super::*;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn accepted() -> Bought {
    Bought::Accepted { their_id: None }
}

fn unknown() -> Bought {
    Bought::Unknown { why: "502".into(), their_id: None }
}

fn product() -> SupplierProduct {
    SupplierProduct::parse("4711").unwrap()
}

fn offer(stock: Option<u64>) -> Offer {
    Offer { product: product(), unit_price: Some(MinorUnits(900)), stock, on_sale: true }
}

#[test]
fn nothing_is_said_before_anything_was_seen() {
    let (memory, now) = (Memory::default(), Instant::now());
    assert_eq!((memory.success(now), memory.latency()), (None, None));
    assert!(memory.last_offer(&product(), now).is_none());
}

#[test]
fn success_falls_with_failures_and_comes_back_with_time_alone() {
    let (mut memory, now) = (Memory::default(), Instant::now());
    memory.call(&Meaning::of_bought(&unknown()), seconds(1), now);
    assert_eq!(memory.success(now), Some(0.8), "one failure says little");
    for _ in 0..19 {
        memory.call(&Meaning::of_bought(&unknown()), seconds(1), now);
    }
    let shares: Vec<f64> = (0..8).filter_map(|halves| memory.success(now + HALF_LIFE * halves)).collect();
    assert!(shares[0] < 0.2, "{shares:?}");
    assert!(shares.is_sorted() && shares.last() > Some(&0.8), "{shares:?}");
    assert_eq!(memory.success(now + HALF_LIFE * 8), None, "too long ago");
    assert_eq!((memory.calls, memory.failures), (20, 20));
}

#[test]
fn what_is_recent_weighs_most() {
    let (mut memory, now) = (Memory::default(), Instant::now());
    for _ in 0..100 {
        memory.call(&Meaning::of_bought(&accepted()), seconds(1), now);
    }
    let later = now + HALF_LIFE * 4;
    for _ in 0..10 {
        memory.call(&Meaning::of_bought(&unknown()), seconds(9), later);
    }
    assert!(memory.success(later).unwrap() < 0.6);
    assert!(memory.latency().unwrap() > seconds(5));
}

#[test]
fn latency_is_of_calls_that_reached_the_supplier() {
    let (mut memory, now) = (Memory::default(), Instant::now());
    for took in [1, 3] {
        memory.call(&Meaning::of_found(&Found::NotFound), seconds(took), now);
    }
    memory.call(
        &Meaning::of_bought(&Bought::NotSent { why: "refused".into(), by: Hindrance::Theirs }),
        Duration::ZERO,
        now,
    );
    assert_eq!(memory.latency(), Some(seconds(2)));
}

#[test]
fn a_purchase_finds_a_product_sold_out_for_a_time() {
    let (mut memory, now) = (Memory::default(), Instant::now());
    memory.bought(&product(), true, now);
    let stock = |memory: &Memory, at| memory.last_offer(&product(), at).map(|offer| offer.stock);
    assert_eq!(stock(&memory, now), Some(Some(0)), "whether it was told before or not");
    memory.offered(&[offer(Some(7))], now);
    assert_eq!(stock(&memory, now), Some(Some(7)), "measured again");
    memory.bought(&product(), true, now);
    assert_eq!(stock(&memory, now), Some(Some(0)));
    assert_eq!(stock(&memory, now + SOLD_OUT_FOR), Some(Some(7)));
    memory.bought(&product(), false, now);
    assert_eq!(stock(&memory, now), Some(Some(7)), "one was bought");
    assert_eq!(memory.last_offer(&product(), now).unwrap().unit_price, Some(MinorUnits(900)));
}
