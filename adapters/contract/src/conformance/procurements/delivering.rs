//! Goods that suppliers delivered: a line gets exactly its quantity, no key twice, and nothing is lost (I3, I5).

use std::collections::BTreeSet;

use crate::{
    attempt::{AttemptState, Change},
    conformance::procurements::samples::*,
    ids::SealedKey,
    ports::books::{ProcurementState, SkuCounts},
    procurement::{Placed, SealedGoods},
    recorded::{LineOutcome, OrderStatus, RecordedLine},
};

fn sealed_of(line: &RecordedLine) -> BTreeSet<Vec<u8>> {
    match &line.outcome {
        LineOutcome::Delivered(keys) => keys.iter().map(|key| key.sealed.0.clone()).collect(),
        other => panic!("line {} was not delivered: {other:?}", line.line_no.0),
    }
}

fn told(sku_text: &str, numbers: impl IntoIterator<Item = usize>) -> BTreeSet<Vec<u8>> {
    let bytes = |SealedKey(bytes)| bytes;
    numbers.into_iter().map(|number| bytes(sealed(sku_text, number))).collect()
}

pub async fn a_whole_delivery_ends_the_procurement(backend: &dyn SlowLaneBackend) {
    let before = stock(backend, "sku-a", 1).await;
    let of = leased(backend, wanted("o-1", "sku-a", 3)).await;
    assert_eq!(buy(backend, &of, "a", &keys("sku-a", 10..13)).await, WHOLE);
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision.0), (OrderStatus::Fulfilled, 2));
    let ids = delivered(&order.lines[0]);
    assert_eq!(ids, rising(ids.clone()));
    assert!(ids.iter().all(|id| *id > before[0]), "ids of one SKU rise");
    assert_eq!(sealed_of(&order.lines[0]), told("sku-a", 10..13));
    let file = procurement_file(backend, "o-1").await;
    assert_eq!((file.state, file.waits), (ProcurementState::Delivered, None));
    assert_eq!(file.attempts[0].state, AttemptState::Delivered);
    assert_balance(backend, 4, 1, 3).await;
    assert_eq!(available(backend, "sku-a").await, before);
    assert_eq!(backend.reviews().reviews(true, crate::procurement::ReviewId(0), 10).await.unwrap(), []);
}

pub async fn too_few_are_held_until_the_rest_comes(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 5)).await;
    let placed = buy(backend, &of, "a", &keys("sku-a", 0..2)).await;
    assert_eq!(placed, Placed { complete: false, known: 0, surplus: 0, missing: 3 });
    assert!(is_processing(&stands(backend, "o-1").await.lines[0]));
    // What is held is nobody's yet: it is not counted, and no other line gets it.
    assert_balance(backend, 0, 0, 0).await;
    let _waits = release(backend, &of, wait(std::time::Duration::ZERO)).await.unwrap();
    let of = lease_one(backend, "w-2").await;
    assert_eq!((of.held, of.attempts.len()), (2, 1));
    let second = send(backend, &of, "b", 3).await;
    assert_eq!(deliver(backend, &of, &second, &keys("sku-a", 2..5)).await.unwrap(), WHOLE);
    let order = stands(backend, "o-1").await;
    assert_eq!((delivered(&order.lines[0]).len(), sealed_of(&order.lines[0])), (5, told("sku-a", 0..5)));
    assert_balance(backend, 5, 0, 5).await;
}

pub async fn a_thousand_keys_come_in_two_parts(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1_000)).await;
    assert_eq!(buy(backend, &of, "a", &keys("sku-a", 0..650)).await.missing, 350);
    let second = send(backend, &of, "b", 350).await;
    assert_eq!(deliver(backend, &of, &second, &keys("sku-a", 650..1_050)).await.unwrap().surplus, 50);
    let line = &stands(backend, "o-1").await.lines[0];
    assert_eq!((delivered(line).len(), sealed_of(line).len()), (1_000, 1_000));
    assert_balance(backend, 1_050, 50, 1_000).await;
}

pub async fn nothing_delivered_is_all_missing(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 2)).await;
    let placed = buy(backend, &of, "a", &keys("sku-a", 0..0)).await;
    assert_eq!(placed, Placed { complete: false, known: 0, surplus: 0, missing: 2 });
    assert_eq!(buy(backend, &of, "b", &keys("sku-a", 0..2)).await, WHOLE);
    assert_balance(backend, 2, 0, 2).await;
}

pub async fn too_many_go_into_stock(backend: &dyn SlowLaneBackend) {
    let before = stock(backend, "sku-a", 1).await;
    let loaded_to = state_of(backend, "sku-a").await.last_id;
    let of = leased(backend, wanted("o-1", "sku-a", 2)).await;
    let placed = buy(backend, &of, "a", &keys("sku-a", 10..15)).await;
    assert_eq!(placed, Placed { complete: true, known: 0, surplus: 3, missing: 0 });
    assert_balance(backend, 6, 4, 2).await;
    let offered = available(backend, "sku-a").await;
    assert_eq!((offered.len(), offered[0]), (4, before[0]));
    // The loader finds them above what it has loaded.
    assert!(offered[1..].iter().all(|id| *id > loaded_to), "{offered:?}");
    assert!(state_of(backend, "sku-a").await.last_id >= offered[3]);
    let first = stands(backend, "o-1").await;
    let second = new(judge_one(backend, claimed("o-2", "sku-a", &offered[1..])).await);
    let all: BTreeSet<_> = sealed_of(&first.lines[0]).union(&sealed_of(&second.lines[0])).cloned().collect();
    assert_eq!(all, told("sku-a", 10..15), "each key is sold once");
}

pub async fn surplus_of_a_sku_that_was_never_imported_is_loaded(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-new", 1)).await;
    assert_eq!(buy(backend, &of, "a", &keys("sku-new", 0..3)).await.surplus, 2);
    let state = state_of(backend, "sku-new").await;
    assert!(state.buckets >= 1);
    let offered = available(backend, "sku-new").await;
    assert_eq!(offered.len(), 2);
    let counts = SkuCounts { sku: sku("sku-new"), imported: 3, available: 2, sold: 1, quarantined: 0 };
    assert_eq!(backend.books().counts().await.unwrap(), [counts]);
    assert_eq!(backend.stock_ledger().still_available(&offered).await.unwrap(), offered);
    let leased = backend.stock_ledger().lease_loading(&worker("w-1"), HOUR).await.unwrap();
    assert_eq!(leased, [state]);
    assert_eq!(delivered(&new(judge_one(backend, from_ledger("o-2", "sku-new", 2)).await).lines[0]), offered);
    assert_balance(backend, 3, 0, 3).await;
}

pub async fn keys_of_the_ledger_are_refused(backend: &dyn SlowLaneBackend) {
    let ids = stock(backend, "sku-a", 2).await;
    new(judge_one(backend, claimed("o-0", "sku-a", &ids[..1])).await);
    let of = leased(backend, wanted("o-1", "sku-a", 5)).await;
    // 1 was sold, 2 is available; 3, 4 and 5 are new.
    let placed = buy(backend, &of, "a", &keys("sku-a", 1..6)).await;
    assert_eq!(placed, Placed { complete: false, known: 2, surplus: 0, missing: 2 }, "known keys are none");
    assert_balance(backend, 2, 1, 1).await;
    let second = send(backend, &of, "b", 2).await;
    assert_eq!(deliver(backend, &of, &second, &keys("sku-a", 6..8)).await.unwrap(), WHOLE);
    assert_eq!(sealed_of(&stands(backend, "o-1").await.lines[0]), told("sku-a", 3..8));
    assert_balance(backend, 7, 1, 6).await;
}

pub async fn held_keys_are_refused_and_never_imported(backend: &dyn SlowLaneBackend) {
    let holds = leased(backend, wanted("o-1", "sku-a", 2)).await;
    assert_eq!(buy(backend, &holds, "a", &keys("sku-a", 1..2)).await.missing, 1);
    let other = leased(backend, wanted("o-2", "sku-a", 1)).await;
    let placed = buy(backend, &other, "b", &keys("sku-a", 1..2)).await;
    assert_eq!(placed, Placed { complete: false, known: 1, surplus: 0, missing: 1 });
    // By another attempt of its own procurement too.
    let second = send(backend, &holds, "c", 1).await;
    let placed = deliver(backend, &holds, &second, &keys("sku-a", 1..2)).await.unwrap();
    assert_eq!(placed, Placed { complete: false, known: 1, surplus: 0, missing: 1 });
    let imported = backend.stock_ledger().import(&[new_key("sku-a", 1)], BUCKETS).await.unwrap();
    assert_eq!(imported, [crate::ports::stock_ledger::Imported::Repeat], "a held key is in the ledger");
    assert_eq!(buy(backend, &other, "d", &keys("sku-a", 2..3)).await, WHOLE);
    let third = send(backend, &holds, "e", 1).await;
    assert_eq!(deliver(backend, &holds, &third, &keys("sku-a", 3..4)).await.unwrap(), WHOLE);
    assert_eq!(sealed_of(&stands(backend, "o-1").await.lines[0]), told("sku-a", [1, 3]));
    assert_balance(backend, 3, 0, 3).await;
}

pub async fn a_key_told_twice_counts_once(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 3)).await;
    let twice = SealedGoods::Keys([1, 2, 1].map(|number| bought_key("sku-a", number)).to_vec());
    let placed = buy(backend, &of, "a", &twice).await;
    assert_eq!(placed, Placed { complete: false, known: 1, surplus: 0, missing: 1 });
    let second = send(backend, &of, "b", 1).await;
    assert_eq!(deliver(backend, &of, &second, &keys("sku-a", 3..4)).await.unwrap(), WHOLE);
    assert_balance(backend, 3, 0, 3).await;
}

pub async fn known_keys_do_not_hinder_a_whole_line(backend: &dyn SlowLaneBackend) {
    let ids = stock(backend, "sku-a", 1).await;
    let of = leased(backend, order("o-1", vec![bought_line(1, "sku-a", 2)])).await;
    let placed = buy(backend, &of, "a", &keys("sku-a", 1..5)).await;
    assert_eq!(placed, Placed { complete: true, known: 1, surplus: 1, missing: 0 });
    assert_eq!(available(backend, "sku-a").await[0], ids[0], "the key in stock stays what it was");
    assert_balance(backend, 4, 2, 2).await;
}

pub async fn a_delivery_made_again_is_the_same_and_no_lie(backend: &dyn SlowLaneBackend) {
    stock(backend, "sku-a", 1).await;
    // Told are: 1, which is in stock; too few; all; too many.
    for (at, (wants, numbers)) in [(3, 1..4), (3, 10..12), (3, 20..23), (3, 30..35)].into_iter().enumerate() {
        let (id, text) = (format!("o-{at}"), format!("a{at}"));
        let of = leased(backend, order(&id, vec![bought_line(1, "sku-a", wants)])).await;
        let attempt = send(backend, &of, &text, wants).await;
        let goods = keys("sku-a", numbers);
        let first = deliver(backend, &of, &attempt, &goods).await.unwrap();
        let look = async || {
            let reviews = backend.reviews().reviews(true, crate::procurement::ReviewId(0), 100).await.unwrap();
            (file(backend, &id).await, backend.books().balance().await.unwrap(), reviews, owed(backend).await)
        };
        let before = look().await;
        assert_eq!(deliver(backend, &of, &attempt, &goods).await.unwrap(), first);
        assert_eq!(deliver(backend, &of, &attempt, &goods).await.unwrap(), first);
        assert_eq!(look().await, before);
    }
}

pub async fn a_top_up_has_a_receipt_and_no_keys(backend: &dyn SlowLaneBackend) {
    for (id, receipt) in [("o-1", Some("R-7 'ä'".to_owned())), ("o-2", None)] {
        let of = leased(backend, top_up(id, "sku-topup")).await;
        let text = id.replace('-', "");
        let goods = SealedGoods::Recharge { receipt: receipt.clone() };
        assert_eq!(buy(backend, &of, &text, &goods).await, WHOLE);
        let order = stands(backend, id).await;
        assert_eq!((order.status, order.revision.0), (OrderStatus::Fulfilled, 2));
        assert_eq!(order.lines[0].outcome, LineOutcome::Recharged { receipt });
        assert_eq!(order.key_ids().count(), 0);
    }
    assert_balance(backend, 0, 0, 0).await;
}

pub async fn goods_of_the_other_kind_are_refused(backend: &dyn SlowLaneBackend) {
    let top_up = leased(backend, top_up("o-1", "sku-topup")).await;
    let line = leased(backend, wanted("o-2", "sku-a", 1)).await;
    let recharge = SealedGoods::Recharge { receipt: None };
    for (of, text, wrong, right, id) in [
        (&top_up, "a", keys("sku-topup", 0..1), recharge.clone(), "o-1"),
        (&line, "b", recharge, keys("sku-a", 0..1), "o-2"),
    ] {
        let attempt = send(backend, of, text, 1).await;
        assert_refused(deliver(backend, of, &attempt, &wrong).await);
        assert_eq!(procurement_file(backend, id).await.attempts, std::slice::from_ref(&attempt));
        assert_eq!(deliver(backend, of, &attempt, &right).await.unwrap(), WHOLE);
    }
    assert_balance(backend, 1, 0, 1).await;
}

pub async fn goods_come_from_an_attempt_that_was_sent(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let goods = keys("sku-a", 0..1);
    let intended = intend(backend, &of, "a", 1).await;
    assert_refused(deliver(backend, &of, &intended, &goods).await);
    let not_sent = change(backend, &of, &intended, AttemptState::NotSent).await.unwrap();
    assert_refused(deliver(backend, &of, &not_sent, &goods).await);
    let sent = send(backend, &of, "b", 1).await;
    let elsewhere = Change::of(&sent, AttemptState::Accepted);
    assert_refused(backend.procurements().deliver(&of.lease, &elsewhere, &goods).await);
    let refused = change(backend, &of, &sent, AttemptState::Refused).await.unwrap();
    assert_refused(deliver(backend, &of, &refused, &goods).await);
    assert_balance(backend, 0, 0, 0).await;
    let sent = send(backend, &of, "c", 1).await;
    let accepted = change(backend, &of, &sent, AttemptState::Accepted).await.unwrap();
    let unknown = change(backend, &of, &accepted, AttemptState::Unknown).await.unwrap();
    assert_eq!(deliver(backend, &of, &unknown, &goods).await.unwrap(), WHOLE);
    assert_balance(backend, 1, 0, 1).await;
}

pub async fn what_an_attempt_told_is_known_afterwards(backend: &dyn SlowLaneBackend) {
    stock(backend, "sku-a", 1).await;
    let of = leased(backend, wanted("o-1", "sku-a", 4)).await;
    let attempt = send(backend, &of, "a", 2).await;
    let told = async |id| {
        let mut told = backend.reviews().told_keys(id).await.unwrap();
        told.sort_unstable();
        told
    };
    let expected = |numbers: std::ops::Range<usize>| {
        let mut all: Vec<_> = numbers.map(|number| bought_key("sku-a", number).fingerprint).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(told(attempt.id).await, []);
    // Known is 1; held is 2.
    let _placed = deliver(backend, &of, &attempt, &keys("sku-a", 1..3)).await.unwrap();
    assert_eq!(told(attempt.id).await, expected(1..3));
    let second = send(backend, &of, "b", 3).await;
    assert_eq!(deliver(backend, &of, &second, &keys("sku-a", 3..7)).await.unwrap().surplus, 1);
    assert_eq!(told(second.id).await, expected(3..7), "of the line or of stock");
    assert_eq!(told(attempt.id).await, expected(1..3), "held no more, and known still");
}
