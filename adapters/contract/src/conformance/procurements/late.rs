//! Goods that came when their worker had lost its lease: they were paid for, so the attempt's state decides what
//! becomes of them, and nothing is dropped (I3, I5).

use crate::{
    attempt::{Attempt, AttemptId, AttemptState, Change},
    conformance::procurements::samples::*,
    ports::procurements::{Limits, ProcurementError, ResolveError},
    procurement::{
        Late, Placed, Procurement, Release, Released, Resolution, Review, ReviewCase, ReviewId, ReviewKind, SealedGoods,
    },
    proposal::ProposedOrder,
    recorded::OrderStatus,
};

async fn deliver_late(
    backend: &dyn SlowLaneBackend,
    attempt: &Attempt,
    goods: &SealedGoods,
) -> Result<Late, ProcurementError> {
    backend.procurements().deliver_late(attempt.id, None, goods).await
}

/// `w-1` has sent a purchase, its lease has lapsed, and `w-2` has the procurement now, in doubt about the attempt.
async fn overtaken(
    backend: &dyn SlowLaneBackend,
    proposed: ProposedOrder,
    reference_text: &str,
) -> (Procurement, Procurement, Attempt) {
    let former = leased(backend, proposed).await;
    let attempt = intend(backend, &former, reference_text, former.quantity.as_usize()).await;
    let limits = Limits { lease: BRIEF, ..LIMITS };
    let sent = Change::of(&attempt, AttemptState::Sent);
    let sent = backend.procurements().change(&former.lease, &sent, limits).await.unwrap();
    let holder = lease_when_due(backend, "w-2").await.remove(0);
    assert_eq!(holder.lease.procurement, former.lease.procurement);
    let doubt = change(backend, &holder, &sent, AttemptState::Unknown).await.unwrap();
    (former, holder, doubt)
}

async fn reviews(backend: &dyn SlowLaneBackend) -> Vec<Review> {
    backend.reviews().reviews(true, ReviewId(0), 100).await.unwrap()
}

async fn in_review(backend: &dyn SlowLaneBackend, holder: &Procurement) {
    let case = ReviewCase { kind: ReviewKind::Unsettled, evidence: "no answer".into() };
    assert_eq!(release(backend, holder, Release::Review(case)).await.unwrap(), Released::InReview);
}

pub async fn goods_of_a_lost_lease_are_placed(backend: &dyn SlowLaneBackend) {
    let (former, holder, attempt) = overtaken(backend, wanted("o-1", "sku-a", 2), "a").await;
    let goods = keys("sku-a", 0..2);
    assert_lost(deliver(backend, &former, &attempt, &goods).await);
    let late = backend.procurements().deliver_late(attempt.id, Some("T-7"), &goods).await.unwrap();
    assert_eq!(late, Late::Placed(WHOLE));
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision.0), (OrderStatus::Fulfilled, 2));
    let file = procurement_file(backend, "o-1").await;
    assert_eq!((file.attempts[0].state, file.attempts[0].their_id.as_deref()), (AttemptState::Delivered, Some("T-7")));
    // Whoever had it meanwhile has it no more.
    assert_lost(change(backend, &holder, &attempt, AttemptState::Accepted).await);
    assert_lost(release(backend, &holder, wait(HOUR)).await);
    assert_eq!(owed(backend).await.len(), 1);
    assert_eq!((open(backend).await, reviews(backend).await), (0, vec![]));
    assert_balance(backend, 2, 0, 2).await;
}

pub async fn a_late_top_up_is_one(backend: &dyn SlowLaneBackend) {
    let (_, _, attempt) = overtaken(backend, top_up("o-1", "sku-topup"), "a").await;
    let goods = SealedGoods::Recharge { receipt: Some("R-7".into()) };
    assert_eq!(deliver_late(backend, &attempt, &goods).await.unwrap(), Late::Placed(WHOLE));
    assert_eq!(stands(backend, "o-1").await.status, OrderStatus::Fulfilled);
    assert_eq!(deliver_late(backend, &attempt, &goods).await.unwrap(), Late::Known);
    assert_eq!(reviews(backend).await, []);
}

/// A person was asked meanwhile whether it bought anything: it did, and here are the goods.
pub async fn late_goods_settle_the_review_that_was_opened(backend: &dyn SlowLaneBackend) {
    let (_, holder, attempt) = overtaken(backend, wanted("o-1", "sku-a", 1), "a").await;
    in_review(backend, &holder).await;
    assert_eq!(stands(backend, "o-1").await.status, OrderStatus::Review);
    assert_eq!(deliver_late(backend, &attempt, &keys("sku-a", 0..1)).await.unwrap(), Late::Placed(WHOLE));
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision.0), (OrderStatus::Fulfilled, 3));
    let review = reviews(backend).await.remove(0);
    let resolved = review.resolved.expect("the review is settled");
    assert_eq!(resolved.how, Resolution::Delivered(keys("sku-a", 0..0)).as_str());
    assert!(!resolved.reason.is_empty());
    let again = backend.reviews().resolve(review.id, &Resolution::Refused, "they say no").await;
    assert!(matches!(again, Err(ResolveError::Resolved(_))), "{again:?}");
    assert_balance(backend, 1, 0, 1).await;
}

pub async fn too_few_late_goods_leave_the_rest_to_be_bought(backend: &dyn SlowLaneBackend) {
    let (former, holder, attempt) = overtaken(backend, wanted("o-1", "sku-a", 3), "a").await;
    let short = Late::Placed(Placed { complete: false, known: 0, surplus: 0, missing: 1 });
    assert_eq!(deliver_late(backend, &attempt, &keys("sku-a", 0..2)).await.unwrap(), short);
    // The holder knows nothing of what is held: it goes on from the rows, or another does.
    for had in [&former, &holder] {
        assert_lost(backend.procurements().intend(&had.lease, &intent("x", 3)).await);
        assert_lost(release(backend, had, wait(HOUR)).await);
    }
    let of = lease_one(backend, "w-3").await;
    assert_eq!((of.held, of.attempts[0].state), (2, AttemptState::Delivered));
    let rest = send(backend, &of, "b", 1).await;
    assert_eq!(deliver(backend, &of, &rest, &keys("sku-a", 2..3)).await.unwrap(), WHOLE);

    let (_, holder, attempt) = overtaken(backend, wanted("o-2", "sku-a", 3), "c").await;
    in_review(backend, &holder).await;
    assert_eq!(deliver_late(backend, &attempt, &keys("sku-a", 10..12)).await.unwrap(), short);
    assert_eq!(stands(backend, "o-2").await.status, OrderStatus::Processing, "it is worked on again");
    let of = lease_one(backend, "w-3").await;
    assert_eq!(of.held, 2);
    let rest = send(backend, &of, "d", 1).await;
    assert_eq!(deliver(backend, &of, &rest, &keys("sku-a", 12..13)).await.unwrap(), WHOLE);
    assert_balance(backend, 6, 0, 6).await;
}

pub async fn late_goods_told_again_are_known(backend: &dyn SlowLaneBackend) {
    let (_, holder, attempt) = overtaken(backend, wanted("o-1", "sku-a", 2), "a").await;
    // The holder asked, and was told the same.
    let goods = keys("sku-a", 0..2);
    assert_eq!(deliver(backend, &holder, &attempt, &goods).await.unwrap(), WHOLE);
    let before = (file(backend, "o-1").await, owed(backend).await);
    for _ in 0..2 {
        assert_eq!(deliver_late(backend, &attempt, &goods).await.unwrap(), Late::Known);
    }
    assert_eq!((file(backend, "o-1").await, owed(backend).await), before);
    assert_eq!(reviews(backend).await, []);
    assert_balance(backend, 2, 0, 2).await;
}

/// Two answers about one purchase: the line has the first, the other's keys are kept apart, and a person is told.
pub async fn another_answer_comes_late(backend: &dyn SlowLaneBackend) {
    let (_, holder, attempt) = overtaken(backend, wanted("o-1", "sku-a", 2), "a").await;
    assert_eq!(deliver(backend, &holder, &attempt, &keys("sku-a", 0..2)).await.unwrap(), WHOLE);
    let before = (file(backend, "o-1").await, owed(backend).await);
    for _ in 0..2 {
        let late = deliver_late(backend, &attempt, &keys("sku-a", 1..4)).await.unwrap();
        assert_eq!(late, Late::Kept { stocked: 0, apart: 2 });
    }
    assert_eq!((file(backend, "o-1").await, owed(backend).await), before);
    assert_balance(backend, 2, 0, 2).await;
    let told = reviews(backend).await;
    assert_eq!(told.iter().map(|review| review.case.kind).collect::<Vec<_>>(), [ReviewKind::AnotherAnswer]);
    assert_eq!(told[0].attempt.as_ref().unwrap().id, attempt.id);
}

/// The attempt was called a no meanwhile, and the line was bought elsewhere: what was paid for goes into stock.
pub async fn goods_after_a_no_go_into_stock(backend: &dyn SlowLaneBackend) {
    stock(backend, "sku-a", 1).await;
    let (_, holder, attempt) = overtaken(backend, wanted("o-1", "sku-a", 2), "a").await;
    let refused = change(backend, &holder, &attempt, AttemptState::Refused).await.unwrap();
    assert_eq!(buy(backend, &holder, "b", &keys("sku-a", 10..12)).await, WHOLE);
    let before = (stands(backend, "o-1").await, owed(backend).await);
    // One of them is in stock already, and one is told twice.
    let SealedGoods::Keys(mut told) = keys("sku-a", 1..4) else { unreachable!("keys are keys") };
    told.push(bought_key("sku-a", 3));
    let goods = SealedGoods::Keys(told);
    let late = deliver_late(backend, &refused, &goods).await.unwrap();
    assert_eq!(late, Late::Kept { stocked: 2, apart: 2 });
    assert_balance(backend, 5, 3, 2).await;
    assert_eq!(available(backend, "sku-a").await.len(), 3);
    assert_eq!(deliver_late(backend, &refused, &goods).await.unwrap(), Late::Known);
    assert_balance(backend, 5, 3, 2).await;
    assert_eq!((stands(backend, "o-1").await, owed(backend).await), before);
    assert_eq!(procurement_file(backend, "o-1").await.attempts[0], refused, "final is final");
    let told = reviews(backend).await;
    assert_eq!(told.iter().map(|review| review.case.kind).collect::<Vec<_>>(), [ReviewKind::AnotherAnswer]);
}

pub async fn late_goods_are_of_an_attempt_that_was_sent(backend: &dyn SlowLaneBackend) {
    let goods = keys("sku-a", 0..1);
    let nobody = backend.procurements().deliver_late(AttemptId(4_711), None, &goods).await;
    assert_refused(nobody);
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let intended = intend(backend, &of, "a", 1).await;
    assert_refused(deliver_late(backend, &intended, &goods).await);
    let sent = change(backend, &of, &intended, AttemptState::Sent).await.unwrap();
    assert_refused(deliver_late(backend, &sent, &SealedGoods::Recharge { receipt: None }).await);
    assert_eq!(procurement_file(backend, "o-1").await.attempts, [sent]);
    assert_balance(backend, 0, 0, 0).await;
}

/// Whoever has the lease finds the goods by a query just when the former holder brings them.
pub async fn the_same_goods_come_late_and_in_time_at_once(backend: &dyn SlowLaneBackend) {
    for at in 0..8 {
        let id = format!("o-{at}");
        let (_, holder, attempt) = overtaken(backend, wanted(&id, "sku-a", 2), &format!("a{at}")).await;
        let goods = keys("sku-a", at * 2..at * 2 + 2);
        let (late, again, in_time) = tokio::join!(
            deliver_late(backend, &attempt, &goods),
            deliver_late(backend, &attempt, &goods),
            deliver(backend, &holder, &attempt, &goods)
        );
        let placed = [late.unwrap(), again.unwrap()].iter().filter(|late| **late == Late::Placed(WHOLE)).count();
        match in_time {
            Ok(in_time) => assert_eq!((in_time, placed <= 1), (WHOLE, true)),
            Err(error) => assert_eq!((matches!(error, ProcurementError::LeaseLost), placed), (true, 1), "{error}"),
        }
        assert_eq!(stands(backend, &id).await.status, OrderStatus::Fulfilled);
    }
    assert_balance(backend, 16, 0, 16).await;
    assert_eq!(reviews(backend).await, []);
}
