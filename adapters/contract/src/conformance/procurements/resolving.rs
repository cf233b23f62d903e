//! What people decide, and what becomes of the line.

use crate::{
    attempt::{AttemptState, Change},
    conformance::procurements::samples::*,
    ids::Revision,
    ports::{books::ProcurementState, procurements::ResolveError},
    procurement::{Procurement, Release, Released, Resolution, Review, ReviewCase, ReviewId, ReviewKind, SealedGoods},
    reason::{Reason, ReasonCode},
    recorded::{LineOutcome, OrderStatus},
};

fn case(kind: ReviewKind) -> ReviewCase {
    ReviewCase { kind, evidence: "no answer to three queries".into() }
}

fn no() -> Reason {
    Reason::new(ReasonCode::Reviewed, "the supplier says that it never had the order")
}

async fn open_reviews(backend: &dyn SlowLaneBackend) -> Vec<Review> {
    backend.reviews().reviews(false, ReviewId(0), 1_000).await.unwrap()
}

async fn resolve(backend: &dyn SlowLaneBackend, review: ReviewId, resolution: &Resolution) -> Result<(), ResolveError> {
    backend.reviews().resolve(review, resolution, "asked by mail: case 7").await
}

/// Sends an attempt for the procurement and gives it to people; the newest review is its.
async fn review(backend: &dyn SlowLaneBackend, of: &Procurement, text: &str, kind: ReviewKind) -> ReviewId {
    let left = of.quantity.as_usize() - of.held as usize;
    send(backend, of, text, left).await;
    assert_eq!(release(backend, of, Release::Review(case(kind))).await.unwrap(), Released::InReview);
    open_reviews(backend).await.last().unwrap().id
}

/// An order of one line of sku-a that waits for a person: revision 2.
async fn in_review(backend: &dyn SlowLaneBackend, id: &str, count: usize, kind: ReviewKind) -> ReviewId {
    let of = leased(backend, order(id, vec![bought_line(1, "sku-a", count)])).await;
    let id_of_review = review(backend, &of, &id.replace('-', ""), kind).await;
    assert_eq!(stands(backend, id).await.status, OrderStatus::Review);
    id_of_review
}

async fn attempt_state(backend: &dyn SlowLaneBackend, id: &str) -> AttemptState {
    procurement_file(backend, id).await.attempts.last().unwrap().state
}

pub async fn each_resolution_fits_its_reviews_or_changes_nothing(backend: &dyn SlowLaneBackend) {
    for (row, kind) in ReviewKind::ALL.into_iter().enumerate() {
        let goods = keys("sku-a", 10 * row..10 * row + 1);
        let resolutions = [
            Resolution::Delivered(goods),
            Resolution::Refused,
            Resolution::AskAgain,
            Resolution::Reject(no()),
            Resolution::Noted,
        ];
        for (column, resolution) in resolutions.into_iter().enumerate() {
            let id = format!("o-{row}{column}");
            let review = if kind.holds_its_line() {
                in_review(backend, &id, 1, kind).await
            } else {
                let of = leased(backend, order(&id, vec![bought_line(1, "sku-a", 1)])).await;
                let attempt = send(backend, &of, &id.replace('-', ""), 1).await;
                backend.reviews().open_review(attempt.id, &case(kind)).await.unwrap()
            };
            let before = (file(backend, &id).await, backend.books().balance().await.unwrap());
            let fits = kind.holds_its_line() != matches!(resolution, Resolution::Noted);
            let answer = resolve(backend, review, &resolution).await;
            let open = open_reviews(backend).await.iter().any(|open| open.id == review);
            if fits {
                assert!(answer.is_ok() && !open, "{kind:?} {resolution:?}: {answer:?}");
            } else {
                assert!(matches!(answer, Err(ResolveError::DoesNotFit(_))), "{kind:?} {resolution:?}: {answer:?}");
                assert!(open);
            }
            if !fits || matches!(resolution, Resolution::Noted) {
                assert_eq!((file(backend, &id).await, backend.books().balance().await.unwrap()), before);
            }
            // Whatever is due again is no business of the next round.
            lease(backend, "w-9", 10).await;
        }
    }
}

pub async fn delivered_goods_complete_the_line(backend: &dyn SlowLaneBackend) {
    let review = in_review(backend, "o-1", 2, ReviewKind::Unsettled).await;
    let reviewed = stands(backend, "o-1").await;
    resolve(backend, review, &Resolution::Delivered(keys("sku-a", 0..2))).await.unwrap();
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision), (OrderStatus::Fulfilled, Revision(3)));
    assert_eq!(delivered(&order.lines[0]).len(), 2);
    assert!(order.decided_at > reviewed.decided_at);
    assert_eq!(owed(backend).await, [reviewed, order], "each as it was");
    assert_eq!(procurement_file(backend, "o-1").await.state, ProcurementState::Delivered);
    assert_eq!(attempt_state(backend, "o-1").await, AttemptState::Delivered);
    assert_balance(backend, 2, 0, 2).await;
    let resolved = backend.reviews().reviews(true, ReviewId(0), 10).await.unwrap().remove(0).resolved.unwrap();
    assert_eq!((resolved.how.as_str(), resolved.reason.as_str()), ("delivered", "asked by mail: case 7"));
}

pub async fn a_top_up_was_made_after_all(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, top_up("o-1", "sku-topup")).await;
    let id = review(backend, &of, "a", ReviewKind::Unsettled).await;
    let wrong = Resolution::Delivered(keys("sku-topup", 0..1));
    assert!(matches!(resolve(backend, id, &wrong).await, Err(ResolveError::DoesNotFit(_))));
    let receipt = Some("R-9".to_owned());
    let goods = SealedGoods::Recharge { receipt: receipt.clone() };
    resolve(backend, id, &Resolution::Delivered(goods)).await.unwrap();
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, &order.lines[0].outcome), (OrderStatus::Fulfilled, &LineOutcome::Recharged { receipt }));
    let line = in_review(backend, "o-2", 1, ReviewKind::Overdue).await;
    let wrong = Resolution::Delivered(SealedGoods::Recharge { receipt: None });
    assert!(matches!(resolve(backend, line, &wrong).await, Err(ResolveError::DoesNotFit(_))));
    assert_eq!(attempt_state(backend, "o-2").await, AttemptState::InReview);
}

pub async fn goods_of_a_person_are_looked_at_like_any(backend: &dyn SlowLaneBackend) {
    stock(backend, "sku-a", 1).await;
    // 1 is in stock, 10 is new: one is missing, so the line goes on.
    let review = in_review(backend, "o-1", 2, ReviewKind::Unsettled).await;
    let goods = SealedGoods::Keys([1, 10].map(|number| bought_key("sku-a", number)).to_vec());
    resolve(backend, review, &Resolution::Delivered(goods)).await.unwrap();
    let kinds: Vec<_> = open_reviews(backend).await.iter().map(|review| review.case.kind).collect();
    assert_eq!(kinds, [ReviewKind::KnownKey]);
    let of = lease_one(backend, "w-2").await;
    assert_eq!((of.held, of.attempts[0].state), (1, AttemptState::Delivered));
    let rest = send(backend, &of, "rest", 1).await;
    assert_eq!(deliver(backend, &of, &rest, &keys("sku-a", 11..13)).await.unwrap().surplus, 1);
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, delivered(&order.lines[0]).len()), (OrderStatus::Fulfilled, 2));
    assert_balance(backend, 4, 2, 2).await;
}

pub async fn nothing_bought_goes_on_to_another_supplier(backend: &dyn SlowLaneBackend) {
    let review = in_review(backend, "o-1", 1, ReviewKind::Unsettled).await;
    let asked = stands(backend, "o-1").await.decided_at;
    resolve(backend, review, &Resolution::Refused).await.unwrap();
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision), (OrderStatus::Processing, Revision(3)), "it is worked on again");
    assert!(is_processing(&order.lines[0]));
    assert_eq!(owed(backend).await.last(), Some(&order));
    let of = lease_one(backend, "w-2").await;
    assert!(of.made_at >= asked, "its time begins anew: {of:?}");
    assert_eq!(of.attempts[0].state, AttemptState::Refused);
    assert_eq!(procurement_file(backend, "o-1").await.state, ProcurementState::Open);
    assert_eq!(buy(backend, &of, "b", &keys("sku-a", 0..1)).await, WHOLE);
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision), (OrderStatus::Fulfilled, Revision(4)));
    assert_eq!(owed(backend).await.len(), 3, "review, processing, fulfilled");
    assert_balance(backend, 1, 0, 1).await;
}

pub async fn an_attempt_is_asked_about_again(backend: &dyn SlowLaneBackend) {
    let first = leased(backend, order("o-1", vec![bought_line(1, "sku-a", 1)])).await;
    let sent = send(backend, &first, "a", 1).await;
    let unknown = Change { not_founds: 2, ..Change::of(&sent, AttemptState::Unknown) };
    backend.procurements().change(&first.lease, &unknown, LIMITS).await.unwrap();
    let _review = release(backend, &first, Release::Review(case(ReviewKind::Overdue))).await.unwrap();
    let review = open_reviews(backend).await.remove(0).id;
    resolve(backend, review, &Resolution::AskAgain).await.unwrap();
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision), (OrderStatus::Processing, Revision(3)));
    let of = lease_one(backend, "w-2").await;
    let attempt = of.attempts[0].clone();
    assert_eq!((of.attempts.len(), attempt.state, attempt.sends), (1, AttemptState::Unknown, 1));
    // Anew: its time begins again, and what was not found before says nothing.
    assert!(of.made_at > first.made_at, "{first:?} {of:?}");
    assert_eq!(attempt.not_founds, 0);
    assert_refused(backend.procurements().intend(&of.lease, &intent("b", 1)).await);
    // Once more nobody knows: that is a review of its own.
    assert_eq!(release(backend, &of, Release::Review(case(ReviewKind::Overdue))).await.unwrap(), Released::InReview);
    let again = open_reviews(backend).await;
    assert_eq!(again.len(), 1);
    assert_ne!(again[0].id, review);
    resolve(backend, again[0].id, &Resolution::Delivered(keys("sku-a", 0..1))).await.unwrap();
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision), (OrderStatus::Fulfilled, Revision(5)));
}

pub async fn a_person_rejects_the_line(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, order("o-1", vec![bought_line(1, "sku-a", 3)])).await;
    assert_eq!(buy(backend, &of, "a", &keys("sku-a", 0..1)).await.missing, 2);
    let _waits = release(backend, &of, wait(std::time::Duration::ZERO)).await.unwrap();
    let of = lease_one(backend, "w-1").await;
    let id = review(backend, &of, "b", ReviewKind::Unsettled).await;
    resolve(backend, id, &Resolution::Reject(no())).await.unwrap();
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision, order.reason), (OrderStatus::Rejected, Revision(3), Some(no())));
    assert_eq!(order.lines[0].outcome, LineOutcome::Rejected(no()));
    assert_eq!(attempt_state(backend, "o-1").await, AttemptState::Refused);
    assert_eq!(procurement_file(backend, "o-1").await.state, ProcurementState::Rejected);
    assert_eq!(lease(backend, "w-2", 10).await, []);
    assert_eq!(available(backend, "sku-a").await.len(), 1, "what was held is in stock");
    assert_balance(backend, 1, 1, 0).await;
}

pub async fn a_line_without_an_open_attempt_is_rejected_too(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    send_in_vain(backend, &of, "a").await;
    let _review = release(backend, &of, Release::Review(case(ReviewKind::Overdue))).await.unwrap();
    let review = open_reviews(backend).await.remove(0).id;
    let goods = Resolution::Delivered(keys("sku-a", 0..1));
    assert!(matches!(resolve(backend, review, &goods).await, Err(ResolveError::DoesNotFit(_))), "nobody owes any");
    assert!(matches!(resolve(backend, review, &Resolution::Noted).await, Err(ResolveError::DoesNotFit(_))));
    resolve(backend, review, &Resolution::Reject(no())).await.unwrap();
    assert_eq!(stands(backend, "o-1").await.status, OrderStatus::Rejected);
}

pub async fn a_review_is_resolved_once(backend: &dyn SlowLaneBackend) {
    let review = in_review(backend, "o-1", 1, ReviewKind::Unsettled).await;
    let nowhere = ReviewId(review.0 + 1_000);
    let unknown = resolve(backend, nowhere, &Resolution::Noted).await;
    assert!(matches!(unknown, Err(ResolveError::NoSuchReview(id)) if id == nowhere), "{unknown:?}");
    resolve(backend, review, &Resolution::Reject(no())).await.unwrap();
    let before = file(backend, "o-1").await;
    for resolution in [Resolution::Reject(no()), Resolution::Delivered(keys("sku-a", 0..1)), Resolution::Noted] {
        let again = resolve(backend, review, &resolution).await;
        assert!(matches!(again, Err(ResolveError::Resolved(id)) if id == review), "{again:?}");
    }
    assert_eq!(file(backend, "o-1").await, before);
    let (at, resolved) = {
        let review = backend.reviews().reviews(true, ReviewId(0), 10).await.unwrap().remove(0);
        (review.opened_at, review.resolved.unwrap())
    };
    assert!(resolved.at >= at);
    assert_eq!(resolved.how, "rejected");
}

pub async fn two_people_resolve_one_review_at_once(backend: &dyn SlowLaneBackend) {
    for round in 0..10 {
        let id = format!("o-{round}");
        let review = in_review(backend, &id, 1, ReviewKind::Unsettled).await;
        let goods = Resolution::Delivered(keys("sku-a", round..round + 1));
        let reject = Resolution::Reject(no());
        let (a, b) = tokio::join!(resolve(backend, review, &goods), resolve(backend, review, &reject));
        let order = stands(backend, &id).await;
        match (&a, &b) {
            (Ok(()), Err(ResolveError::Resolved(_))) => assert_eq!(order.status, OrderStatus::Fulfilled),
            (Err(ResolveError::Resolved(_)), Ok(())) => assert_eq!(order.status, OrderStatus::Rejected),
            (a, b) => panic!("one decides: {a:?} {b:?}"),
        }
        assert_eq!(order.revision, Revision(3));
    }
}

pub async fn lines_in_review_are_decided_one_by_one(backend: &dyn SlowLaneBackend) {
    let lines = vec![bought_line(1, "sku-a", 1), bought_line(2, "sku-b", 1), bought_line(3, "sku-c", 1)];
    let of = leased_lines(backend, order("o-1", lines)).await;
    let first = review(backend, &of[0], "a", ReviewKind::Unsettled).await;
    let second = review(backend, &of[1], "b", ReviewKind::Overdue).await;
    // Line 3 is open: what is decided meanwhile is told with the rest.
    resolve(backend, first, &Resolution::Delivered(keys("sku-a", 0..1))).await.unwrap();
    assert_eq!(stands(backend, "o-1").await.revision, Revision::FIRST);
    assert_eq!(owed(backend).await, []);
    assert_eq!(buy(backend, &of[2], "c", &keys("sku-c", 0..1)).await, WHOLE);
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision), (OrderStatus::Review, Revision(2)));
    assert_eq!((delivered(&order.lines[0]).len(), &order.lines[1].outcome), (1, &LineOutcome::Review));
    resolve(backend, second, &Resolution::Reject(no())).await.unwrap();
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision), (OrderStatus::PartlyFulfilled, Revision(3)));
    assert_eq!(rejected(&order.lines[1]), ReasonCode::Reviewed);
    assert_balance(backend, 2, 0, 2).await;
}

pub async fn a_line_goes_on_beside_one_in_review(backend: &dyn SlowLaneBackend) {
    let lines = vec![bought_line(1, "sku-a", 1), bought_line(2, "sku-b", 1)];
    let of = leased_lines(backend, order("o-1", lines)).await;
    let first = review(backend, &of[0], "a", ReviewKind::Unsettled).await;
    resolve(backend, first, &Resolution::Refused).await.unwrap();
    // Nothing of the order was told that is not so any more.
    assert_eq!(stands(backend, "o-1").await.revision, Revision::FIRST);
    let again = lease_one(backend, "w-2").await;
    assert_eq!(again.line_no.0, 1);
    assert_eq!(buy(backend, &of[1], "b", &keys("sku-b", 0..1)).await, WHOLE);
    assert_eq!(buy(backend, &again, "c", &keys("sku-a", 0..1)).await, WHOLE);
    let order = stands(backend, "o-1").await;
    assert_eq!((order.status, order.revision), (OrderStatus::Fulfilled, Revision(2)));
}
