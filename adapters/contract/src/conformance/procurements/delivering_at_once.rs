//! Deliveries of several workers at once, beside imports: one place for each key (I3, I5).

use std::time::Duration;

use crate::{
    attempt::Attempt,
    conformance::procurements::samples::*,
    ports::stock_ledger::Imported,
    procurement::{Placed, Procurement, Released, ReviewId},
    recorded::OrderStatus,
};

async fn sent(backend: &dyn SlowLaneBackend, id: &str, count: usize) -> (Procurement, Attempt) {
    let of = leased(backend, order(id, vec![bought_line(1, "sku-a", count)])).await;
    let attempt = send(backend, &of, &id.replace('-', ""), count).await;
    (of, attempt)
}

pub async fn one_key_for_two_lines_at_once(backend: &dyn SlowLaneBackend) {
    for round in 0..10 {
        let (a, b) = (sent(backend, &format!("a-{round}"), 1).await, sent(backend, &format!("b-{round}"), 1).await);
        let goods = keys("sku-a", round..round + 1);
        let (x, y) = tokio::join!(deliver(backend, &a.0, &a.1, &goods), deliver(backend, &b.0, &b.1, &goods));
        let known = Placed { complete: false, known: 1, surplus: 0, missing: 1 };
        let placed = [x.unwrap(), y.unwrap()];
        assert!(placed == [WHOLE, known] || placed == [known, WHOLE], "one gets the key: {placed:?}");
        assert_balance(backend, round as u64 + 1, 0, round as u64 + 1).await;
    }
}

pub async fn one_key_held_for_two_lines_at_once(backend: &dyn SlowLaneBackend) {
    for round in 0..10 {
        let (a, b) = (sent(backend, &format!("a-{round}"), 2).await, sent(backend, &format!("b-{round}"), 2).await);
        let goods = keys("sku-a", round..round + 1);
        let (x, y) = tokio::join!(deliver(backend, &a.0, &a.1, &goods), deliver(backend, &b.0, &b.1, &goods));
        let known = x.unwrap().known + y.unwrap().known;
        assert_eq!(known, 1, "one holds the key");
        for held in [a, b] {
            let _waits = release(backend, &held.0, wait(Duration::ZERO)).await.unwrap();
        }
        let held: u32 = lease(backend, "w-2", 10).await.iter().map(|procurement| procurement.held).sum();
        assert_eq!(held, 1);
    }
}

pub async fn one_key_delivered_and_imported_at_once(backend: &dyn SlowLaneBackend) {
    let mut sold = 0;
    for round in 0..10 {
        let (of, attempt) = sent(backend, &format!("o-{round}"), 1).await;
        let (goods, file) = (keys("sku-a", round..round + 1), [new_key("sku-a", round)]);
        let (placed, imported) =
            tokio::join!(deliver(backend, &of, &attempt, &goods), backend.stock_ledger().import(&file, BUCKETS));
        match (placed.unwrap(), imported.unwrap()[0]) {
            (WHOLE, Imported::Repeat) => sold += 1,
            (Placed { complete: false, known: 1, .. }, Imported::New(_)) => {}
            (placed, imported) => panic!("one of them has the key, not {placed:?} and {imported:?}"),
        }
        let imported = round as u64 + 1;
        assert_balance(backend, imported, imported - sold, sold).await;
    }
}

pub async fn surplus_and_imports_at_once_keep_ids_in_order(backend: &dyn SlowLaneBackend) {
    for round in 0..10 {
        let (a, b) = (sent(backend, &format!("a-{round}"), 1).await, sent(backend, &format!("b-{round}"), 2).await);
        let first = 100 * round;
        let (some, more) = (keys("sku-a", first..first + 5), keys("sku-a", first + 10..first + 15));
        let file: Vec<_> = (first + 20..first + 40).map(|number| new_key("sku-a", number)).collect();
        let (x, y, z) = tokio::join!(
            deliver(backend, &a.0, &a.1, &some),
            deliver(backend, &b.0, &b.1, &more),
            backend.stock_ledger().import(&file, BUCKETS),
        );
        assert_eq!((x.unwrap().surplus, y.unwrap().surplus, z.unwrap().len()), (4, 3, 20));
        let rounds = round as u64 + 1;
        assert_balance(backend, 30 * rounds, 27 * rounds, 3 * rounds).await;
        let offered = available(backend, "sku-a").await;
        assert_eq!(offered.len() as u64, 27 * rounds, "the loader finds every one of them");
    }
}

pub async fn one_delivery_made_twice_at_once(backend: &dyn SlowLaneBackend) {
    for round in 0..10 {
        let (of, attempt) = sent(backend, &format!("o-{round}"), 2).await;
        // Every other one is too few, the others are too many.
        let told = if round % 2 == 0 { 1 } else { 4 };
        let goods = keys("sku-a", 10 * round..10 * round + told);
        let (x, y) = tokio::join!(deliver(backend, &of, &attempt, &goods), deliver(backend, &of, &attempt, &goods));
        assert_eq!(x.unwrap(), y.unwrap());
        let surpluses = (round as u64).div_ceil(2);
        if round % 2 == 1 {
            assert_balance(backend, 4 * surpluses, 2 * surpluses, 2 * surpluses).await;
        }
    }
    let reviews = backend.reviews().reviews(true, ReviewId(0), 100).await.unwrap();
    assert_eq!(reviews.len(), 10, "one review for each");
    assert_eq!(owed(backend).await.len(), 5);
}

pub async fn one_key_is_taken_from_stock_once(backend: &dyn SlowLaneBackend) {
    for round in 0..10 {
        let lines = vec![bought_line(1, "sku-a", 1), bought_line(2, "sku-a", 1)];
        let of = leased_lines(backend, order(&format!("a-{round}"), lines)).await;
        let other = leased(backend, order(&format!("b-{round}"), vec![bought_line(1, "sku-a", 1)])).await;
        let ids = stock_from(backend, "sku-a", round, 1).await;
        let (x, y, z, judgement) = tokio::join!(
            release(backend, &of[0], from_stock(HOUR)),
            release(backend, &of[1], from_stock(HOUR)),
            release(backend, &other, from_stock(HOUR)),
            judge_one(backend, from_ledger(&format!("c-{round}"), "sku-a", 1)),
        );
        let released = [x.unwrap(), y.unwrap(), z.unwrap()];
        let filled = released.iter().filter(|released| **released == Released::Filled).count();
        let sold = new(judgement).status == OrderStatus::Fulfilled;
        assert_eq!(filled + usize::from(sold), 1, "{released:?} {sold}");
        assert_balance(backend, round as u64 + 1, 0, round as u64 + 1).await;
        assert_eq!(backend.stock_ledger().still_available(&ids).await.unwrap(), []);
        // Whoever looked too early is due again; it is no business of the next round.
        lease(backend, "w-9", 10).await;
    }
}
