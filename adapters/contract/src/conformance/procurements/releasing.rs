//! How a visit to a procurement ends: it waits, stock fills it, it fails, or a person decides.

use std::time::Duration;

use crate::{
    attempt::AttemptState,
    conformance::procurements::samples::*,
    ids::Revision,
    ports::books::ProcurementState,
    procurement::{Procurement, Release, Released, ReviewCase, ReviewId, ReviewKind, SealedGoods},
    reason::{Reason, ReasonCode},
    recorded::{LineOutcome, OrderStatus},
};

fn rejection() -> Release {
    Release::Reject(Reason::new(ReasonCode::SuppliersUnavailable, "no supplier could be bought from until 12:00"))
}

fn review(kind: ReviewKind) -> Release {
    Release::Review(ReviewCase { kind, evidence: "three queries, three not-founds: ä".into() })
}

/// `count` of sku-a are wanted, and two of them are held.
async fn with_two_held(backend: &dyn SlowLaneBackend, id: &str, count: usize) -> Procurement {
    let of = leased(backend, order(id, vec![bought_line(1, "sku-a", count)])).await;
    assert!(!buy(backend, &of, &id.replace('-', ""), &keys("sku-a", 100..102)).await.complete);
    of
}

pub async fn what_waits_is_due_after_its_time(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let other = leased(backend, wanted("o-2", "sku-a", 1)).await;
    assert_eq!(release(backend, &of, wait(BRIEF)).await.unwrap(), Released::Waiting);
    assert_eq!(release(backend, &other, wait(HOUR)).await.unwrap(), Released::Waiting);
    let due = lease_when_due(backend, "w-2").await;
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].lease.procurement, of.lease.procurement);
    assert!(due[0].now.0 - of.now.0 >= 50_000, "{of:?} {due:?}");
}

pub async fn stock_fills_a_whole_line_or_nothing_of_it(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 2)).await;
    assert_eq!(release(backend, &of, from_stock(Duration::ZERO)).await.unwrap(), Released::Waiting);
    let of = lease_one(backend, "w-1").await;
    let first = stock_from(backend, "sku-a", 1, 1).await;
    assert_eq!(release(backend, &of, from_stock(Duration::ZERO)).await.unwrap(), Released::Waiting);
    assert_eq!(available(backend, "sku-a").await, first, "one is not enough, and stays");
    assert!(is_processing(&stands(backend, "o-1").await.lines[0]));
    let of = lease_one(backend, "w-1").await;
    let more = stock_from(backend, "sku-a", 2, 2).await;
    send_in_vain(backend, &of, "a").await;
    assert_eq!(release(backend, &of, from_stock(HOUR)).await.unwrap(), Released::Filled);
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision), (OrderStatus::Fulfilled, Revision(2)));
    let ids = delivered(&order.lines[0]);
    assert!(ids.iter().all(|id| first.contains(id) || more.contains(id)));
    assert_eq!(owed(backend).await, [order]);
    assert_eq!(procurement_file(backend, "o-1").await.state, ProcurementState::Delivered);
    assert_balance(backend, 3, 1, 2).await;
}

pub async fn stock_never_fills_a_top_up(backend: &dyn SlowLaneBackend) {
    stock(backend, "sku-a", 5).await;
    let of = leased(backend, top_up("o-1", "sku-a")).await;
    assert_refused(release(backend, &of, from_stock(HOUR)).await);
    assert_balance(backend, 5, 5, 0).await;
    let goods = SealedGoods::Recharge { receipt: None };
    assert_eq!(buy(backend, &of, "a", &goods).await, WHOLE, "it is leased still");
}

pub async fn an_open_attempt_is_in_the_way(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    stock(backend, "sku-a", 5).await;
    let mut attempt = intend(backend, &of, "a", 1).await;
    for to in [AttemptState::Sent, AttemptState::Unknown, AttemptState::Accepted] {
        assert_refused(release(backend, &of, from_stock(HOUR)).await);
        assert_refused(release(backend, &of, rejection()).await);
        attempt = change(backend, &of, &attempt, to).await.unwrap();
    }
    assert_refused(release(backend, &of, from_stock(HOUR)).await);
    assert_refused(release(backend, &of, rejection()).await);
    let kept = procurement_file(backend, "o-1").await;
    assert_eq!((kept.state, kept.attempts), (ProcurementState::Open, vec![attempt.clone()]));
    assert_balance(backend, 5, 5, 0).await;
    change(backend, &of, &attempt, AttemptState::Refused).await.unwrap();
    assert_eq!(release(backend, &of, from_stock(HOUR)).await.unwrap(), Released::Filled);
}

pub async fn a_line_fails_with_its_reason(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, top_up("o-1", "sku-topup")).await;
    let reason = Reason::new(ReasonCode::RechargeAccount, "the supplier knows no such account: ' \" 号");
    send_in_vain(backend, &of, "a").await;
    let rejected = release(backend, &of, Release::Reject(reason.clone())).await.unwrap();
    assert_eq!(rejected, Released::Rejected);
    let order = stands(backend, "o-1").await;
    assert_eq!(order.lines[0].outcome, LineOutcome::Rejected(reason.clone()));
    assert_eq!((order.status, order.revision, &order.reason), (OrderStatus::Rejected, Revision(2), &Some(reason)));
    assert_eq!(owed(backend).await, [order]);
    let file = procurement_file(backend, "o-1").await;
    assert_eq!((file.state, file.waits), (ProcurementState::Rejected, None));
}

pub async fn held_keys_of_a_failed_line_go_into_stock(backend: &dyn SlowLaneBackend) {
    let before = stock(backend, "sku-a", 1).await;
    let of = with_two_held(backend, "o-1", 3).await;
    assert_eq!(release(backend, &of, rejection()).await.unwrap(), Released::Rejected);
    assert_balance(backend, 3, 3, 0).await;
    let offered = available(backend, "sku-a").await;
    assert_eq!((offered.len(), offered[0]), (3, before[0]));
    assert!(state_of(backend, "sku-a").await.last_id >= offered[2]);
    assert_eq!(delivered(&new(judge_one(backend, claimed("o-2", "sku-a", &offered)).await).lines[0]), offered);
    assert_balance(backend, 3, 0, 3).await;
}

pub async fn stock_fills_a_line_that_holds_keys_exactly(backend: &dyn SlowLaneBackend) {
    let of = with_two_held(backend, "o-1", 3).await;
    stock(backend, "sku-a", 3).await;
    assert_eq!(release(backend, &of, from_stock(HOUR)).await.unwrap(), Released::Filled);
    assert_eq!(delivered(&stands(backend, "o-1").await.lines[0]).len(), 3);
    assert_balance(backend, 5, 2, 3).await;
    assert_eq!(available(backend, "sku-a").await.len(), 2);
}

pub async fn a_release_made_again_is_the_same(backend: &dyn SlowLaneBackend) {
    let filled = leased(backend, wanted("o-0", "sku-a", 2)).await;
    stock(backend, "sku-a", 5).await;
    let rejected = with_two_held(backend, "o-1", 3).await;
    let reviewed = leased(backend, wanted("o-2", "sku-b", 1)).await;
    send(backend, &reviewed, "a", 1).await;
    let waits = leased(backend, wanted("o-3", "sku-b", 1)).await;
    for (of, how, id) in [
        (&filled, from_stock(HOUR), "o-0"),
        (&rejected, rejection(), "o-1"),
        (&reviewed, review(ReviewKind::Unsettled), "o-2"),
        (&waits, wait(HOUR), "o-3"),
    ] {
        let first = release(backend, of, how.clone()).await.unwrap();
        let look = async || {
            let file = file(backend, id).await;
            let reviews = backend.reviews().reviews(true, ReviewId(0), 100).await.unwrap();
            (file.order, reviews, backend.books().balance().await.unwrap(), owed(backend).await)
        };
        let before = look().await;
        assert_eq!(release(backend, of, how).await.unwrap(), first);
        assert_eq!(look().await, before);
    }
    assert_balance(backend, 7, 5, 2).await;
}

pub async fn a_review_stops_the_line(backend: &dyn SlowLaneBackend) {
    for (at, kind) in [ReviewKind::Unsettled, ReviewKind::Overdue].into_iter().enumerate() {
        let id = format!("o-{at}");
        let of = leased(backend, order(&id, vec![bought_line(1, "sku-a", 1)])).await;
        let sent = send(backend, &of, &format!("a{at}"), 1).await;
        change(backend, &of, &sent, AttemptState::Unknown).await.unwrap();
        assert_eq!(release(backend, &of, review(kind)).await.unwrap(), Released::InReview);
        let order = stands(backend, &id).await;
        assert_eq!((order.status, order.revision), (OrderStatus::Review, Revision(2)));
        assert_eq!(order.lines[0].outcome, LineOutcome::Review);
        assert_eq!(owed(backend).await.last(), Some(&order));
        let file = procurement_file(backend, &id).await;
        assert_eq!((file.state, file.waits), (ProcurementState::InReview, None));
        assert_eq!(file.attempts[0].state, AttemptState::InReview);
        // Nobody works on it meanwhile.
        stock_from(backend, "sku-a", 10 * at, 5).await;
        assert_eq!(lease(backend, "w-2", 10).await, []);
        assert_lost(release(backend, &of, wait(Duration::ZERO)).await);
    }
    let reviews = backend.reviews().reviews(false, ReviewId(0), 10).await.unwrap();
    assert_eq!(reviews.len(), 2);
    for review in reviews {
        assert_eq!(review.attempt.unwrap().state, AttemptState::InReview);
        assert_eq!(review.case.evidence, "three queries, three not-founds: ä");
        assert_eq!((review.line_no.0, review.sku, review.quantity), (1, sku("sku-a"), quantity(1)));
    }
}

pub async fn a_line_is_reviewed_without_an_open_attempt(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let refused = send_in_vain(backend, &of, "a").await;
    assert_eq!(release(backend, &of, review(ReviewKind::Overdue)).await.unwrap(), Released::InReview);
    assert_eq!(stands(backend, "o-1").await.status, OrderStatus::Review);
    assert_eq!(procurement_file(backend, "o-1").await.attempts, [refused], "what is final stays final");
}

pub async fn a_review_beside_an_open_line_waits_for_it(backend: &dyn SlowLaneBackend) {
    let lines = vec![bought_line(1, "sku-a", 1), bought_line(2, "sku-b", 1)];
    let of = leased_lines(backend, order("o-1", lines)).await;
    send(backend, &of[0], "a", 1).await;
    assert_eq!(release(backend, &of[0], review(ReviewKind::Unsettled)).await.unwrap(), Released::InReview);
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision), (OrderStatus::Processing, Revision::FIRST));
    assert_eq!(owed(backend).await, []);
    assert_eq!(buy(backend, &of[1], "b", &keys("sku-b", 0..1)).await, WHOLE);
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision), (OrderStatus::Review, Revision(2)));
    assert_eq!((&order.lines[0].outcome, delivered(&order.lines[1]).len()), (&LineOutcome::Review, 1));
    assert_eq!(owed(backend).await, [order]);
}
