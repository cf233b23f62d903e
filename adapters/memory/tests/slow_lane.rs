//! Procurements under a paused clock and under faults: what a model of the slow lane rests on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use fulfil_contract::{
    attempt::{Attempt, AttemptState, Change},
    conformance::procurements::samples::{LIMITS, bought_key, bought_line, intent, keys, order, wait, worker},
    ports::{
        books::Books,
        ledger::{Ledger, LedgerError},
        procurements::{ProcurementError, Procurements, ResolveError, Reviews},
    },
    procurement::{Placed, Procurement, Release, Released, Resolution, ReviewCase, ReviewId, ReviewKind, SealedGoods},
    proposal::Entry,
    reason::{Reason, ReasonCode},
    recorded::OrderStatus,
};
use fulfil_memory::{Fault, Memory};

const MINUTE: Duration = Duration::from_secs(60);

async fn recorded(memory: &Memory, id: &str) {
    memory.record(&[Entry::Order(order(id, vec![bought_line(1, "sku-a", 1)]))]).await.unwrap();
}

async fn leased(memory: &Memory) -> Procurement {
    memory.lease(&worker("w-1"), 1, MINUTE).await.unwrap().remove(0)
}

async fn sent(memory: &Memory, of: &Procurement, reference: &str) -> Attempt {
    let attempt = memory.intend(&of.lease, &intent(reference, 1)).await.unwrap();
    memory.change(&of.lease, &Change::of(&attempt, AttemptState::Sent), LIMITS).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_lease_lapses_when_the_paused_clock_goes_on() {
    let memory = Memory::new(1);
    recorded(&memory, "o-1").await;
    let first = leased(&memory).await;
    tokio::time::advance(MINUTE - Duration::from_millis(1)).await;
    assert_eq!(memory.lease(&worker("w-2"), 1, MINUTE).await.unwrap(), []);
    tokio::time::advance(Duration::from_millis(1)).await;
    let second = memory.lease(&worker("w-2"), 1, MINUTE).await.unwrap().remove(0);
    assert_eq!(second.now.0 - first.now.0, 60_000_000, "the ledger's time goes on with it");
    let lost = memory.release(&first.lease, &wait(MINUTE)).await;
    assert!(matches!(lost, Err(ProcurementError::LeaseLost)), "{lost:?}");
    assert_eq!(memory.release(&second.lease, &wait(MINUTE)).await.unwrap(), Released::Waiting);
    assert_eq!(memory.lease(&worker("w-2"), 1, MINUTE).await.unwrap(), []);
    tokio::time::advance(MINUTE).await;
    let third = leased(&memory).await;
    let sent = sent(&memory, &third, "a").await;
    let countable = sent.countable_from.unwrap().0 - third.now.0;
    assert_eq!(u128::try_from(countable).unwrap(), (LIMITS.lease + LIMITS.settles).as_micros());
    assert_eq!(Procurements::counts(&memory).await.unwrap().oldest_seconds, Some(120));
}

/// From now on this call is done and fails.
fn lose_the_answer_of(memory: &Memory, call: &'static str) {
    memory.disturb(move |name| if name == call { Fault::After } else { Fault::None });
}

fn assert_unknown<T: std::fmt::Debug>(answer: Result<T, ProcurementError>) {
    let unknown = matches!(answer, Err(ProcurementError::Ledger(LedgerError::OutcomeUnknown(_))));
    assert!(unknown, "{answer:?}");
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_is_made_again() {
    let memory = Memory::new(1);
    recorded(&memory, "o-1").await;
    lose_the_answer_of(&memory, "procurements.lease");
    assert!(matches!(memory.lease(&worker("w-0"), 1, Duration::ZERO).await, Err(LedgerError::OutcomeUnknown(_))));
    memory.disturb(|_| Fault::None);
    let of = leased(&memory).await;

    let intent = intent("a", 1);
    lose_the_answer_of(&memory, "procurements.intend");
    assert_unknown(memory.intend(&of.lease, &intent).await);
    memory.disturb(|_| Fault::None);
    let attempt = memory.intend(&of.lease, &intent).await.unwrap();

    let change = Change::of(&attempt, AttemptState::Sent);
    lose_the_answer_of(&memory, "procurements.change");
    assert_unknown(memory.change(&of.lease, &change, LIMITS).await);
    memory.disturb(|_| Fault::None);
    let attempt = memory.change(&of.lease, &change, LIMITS).await.unwrap();
    assert_eq!((attempt.sends, attempt.version), (1, 1));

    let (change, goods) = (Change::of(&attempt, AttemptState::Delivered), keys("sku-a", 0..1));
    lose_the_answer_of(&memory, "procurements.deliver");
    assert_unknown(memory.deliver(&of.lease, &change, &goods).await);
    memory.disturb(|_| Fault::None);
    let whole = Placed { complete: true, known: 0, surplus: 0, missing: 0 };
    assert_eq!(memory.deliver(&of.lease, &change, &goods).await.unwrap(), whole);
    let file = memory.order(&of.order_id).await.unwrap().unwrap();
    assert_eq!((file.order.status, file.order.revision.0), (OrderStatus::Fulfilled, 2));
    assert_eq!(memory.refused_keys(), [], "its own delivery is no lie");

    recorded(&memory, "o-2").await;
    let of = leased(&memory).await;
    let reject = Release::Reject(Reason::new(ReasonCode::PriceGuard, "every offer is above 12.00 USD"));
    lose_the_answer_of(&memory, "procurements.release");
    assert_unknown(memory.release(&of.lease, &reject).await);
    memory.disturb(|_| Fault::None);
    assert_eq!(memory.release(&of.lease, &reject).await.unwrap(), Released::Rejected);
    assert_eq!(memory.owed(10, &[]).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_call_that_failed_before_its_effect_did_nothing() {
    let memory = Memory::new(1);
    recorded(&memory, "o-1").await;
    let of = leased(&memory).await;
    let attempt = sent(&memory, &of, "a").await;
    let case = ReviewCase { kind: ReviewKind::Unsettled, evidence: "no answer".into() };
    let before = memory.order(&of.order_id).await.unwrap();
    for (fault, unavailable) in [(Fault::Before, true), (Fault::Refused, false)] {
        memory.disturb(move |name| if name.starts_with("procurements.") { fault } else { Fault::None });
        let told = Change::of(&attempt, AttemptState::Delivered);
        let answers = [
            memory.intend(&of.lease, &intent("b", 1)).await.map(drop),
            memory.change(&of.lease, &Change::of(&attempt, AttemptState::Unknown), LIMITS).await.map(drop),
            memory.deliver(&of.lease, &told, &keys("sku-a", 0..1)).await.map(drop),
            memory.release(&of.lease, &Release::Review(case.clone())).await.map(drop),
        ];
        for answer in answers {
            let Err(ProcurementError::Ledger(error)) = answer else { panic!("{answer:?}") };
            assert_eq!(matches!(error, LedgerError::Unavailable(_)), unavailable, "{error:?}");
            assert_eq!(matches!(error, LedgerError::Data(_)), !unavailable, "{error:?}");
        }
        assert_eq!(memory.order(&of.order_id).await.unwrap(), before);
    }
}

#[tokio::test]
async fn a_lost_resolution_is_found_resolved() {
    let memory = Memory::new(1);
    recorded(&memory, "o-1").await;
    let of = leased(&memory).await;
    sent(&memory, &of, "a").await;
    let case = ReviewCase { kind: ReviewKind::Unsettled, evidence: "no answer".into() };
    let _review = memory.release(&of.lease, &Release::Review(case)).await.unwrap();
    let review = memory.reviews(false, ReviewId(0), 1).await.unwrap().remove(0).id;
    let goods = Resolution::Delivered(keys("sku-a", 0..1));
    lose_the_answer_of(&memory, "reviews.resolve");
    let unknown = memory.resolve(review, &goods, "asked by mail").await;
    assert!(matches!(unknown, Err(ResolveError::Ledger(LedgerError::OutcomeUnknown(_)))), "{unknown:?}");
    memory.disturb(|_| Fault::None);
    let again = memory.resolve(review, &goods, "asked by mail").await;
    assert!(matches!(again, Err(ResolveError::Resolved(id)) if id == review), "{again:?}");
    assert_eq!(memory.order(&of.order_id).await.unwrap().unwrap().order.status, OrderStatus::Fulfilled);
}

#[tokio::test]
async fn refused_keys_are_kept_apart() {
    let memory = Memory::new(1);
    recorded(&memory, "o-1").await;
    let of = leased(&memory).await;
    let attempt = sent(&memory, &of, "a").await;
    let key = bought_key("sku-a", 1);
    let twice = SealedGoods::Keys(vec![key.clone(), key.clone()]);
    let placed = memory.deliver(&of.lease, &Change::of(&attempt, AttemptState::Delivered), &twice).await.unwrap();
    assert_eq!(placed, Placed { complete: true, known: 1, surplus: 0, missing: 0 });
    assert_eq!(memory.refused_keys(), [key]);
    assert_eq!(memory.balance().await.unwrap().imported, 1);
}
