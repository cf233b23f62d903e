//! What people are asked: each review with its evidence, once per kind and attempt.

use crate::{
    attempt::{Attempt, AttemptState},
    conformance::procurements::samples::*,
    procurement::{Placed, Procurement, Resolution, Review, ReviewCase, ReviewId, ReviewKind, SealedGoods},
};

fn case(kind: ReviewKind, evidence: &str) -> ReviewCase {
    ReviewCase { kind, evidence: evidence.into() }
}

async fn reviews(backend: &dyn SlowLaneBackend, all: bool) -> Vec<Review> {
    backend.reviews().reviews(all, ReviewId(0), 1_000).await.unwrap()
}

async fn kinds(backend: &dyn SlowLaneBackend) -> Vec<ReviewKind> {
    reviews(backend, true).await.into_iter().map(|review| review.case.kind).collect()
}

async fn sent(backend: &dyn SlowLaneBackend, id: &str, count: usize) -> (Procurement, Attempt) {
    let of = leased(backend, order(id, vec![bought_line(3, "sku-a", count)])).await;
    let attempt = send(backend, &of, &id.replace('-', ""), count).await;
    (of, attempt)
}

pub async fn a_review_holds_its_evidence(backend: &dyn SlowLaneBackend) {
    assert_eq!(reviews(backend, true).await, []);
    let (of, attempt) = sent(backend, "o-1", 2).await;
    let evidence = "first answer: 2 keys; second answer: 1 key ' \" 号";
    let id = backend.reviews().open_review(attempt.id, &case(ReviewKind::AnotherAnswer, evidence)).await.unwrap();
    let review = reviews(backend, false).await.remove(0);
    assert_eq!((review.id, &review.case), (id, &case(ReviewKind::AnotherAnswer, evidence)));
    assert_eq!((&review.order_id, review.line_no, &review.sku), (&of.order_id, of.line_no, &of.sku));
    assert_eq!((review.quantity, review.attempt.as_ref(), review.resolved), (of.quantity, Some(&attempt), None));
    assert!(review.opened_at >= attempt.intended_at);
    // It holds nothing: its holder goes on.
    assert_eq!(deliver(backend, &of, &attempt, &keys("sku-a", 0..2)).await.unwrap(), WHOLE);
    let review = reviews(backend, false).await.remove(0);
    assert_eq!(review.attempt.unwrap().state, AttemptState::Delivered, "the attempt as it is now");
}

pub async fn the_same_kind_on_the_same_attempt_opens_one(backend: &dyn SlowLaneBackend) {
    let (_, a) = sent(backend, "o-1", 1).await;
    let (_, b) = sent(backend, "o-2", 1).await;
    let port = backend.reviews();
    let another = case(ReviewKind::AnotherAnswer, "first");
    let first = port.open_review(a.id, &another).await.unwrap();
    let other = case(ReviewKind::AnotherAnswer, "second");
    assert_eq!(port.open_review(a.id, &other).await.unwrap(), first);
    let few = port.open_review(a.id, &case(ReviewKind::TooFew, "third")).await.unwrap();
    let theirs = port.open_review(b.id, &other).await.unwrap();
    let (some, more) = (case(ReviewKind::TooFew, "x"), case(ReviewKind::TooFew, "y"));
    let (x, y) = tokio::join!(port.open_review(b.id, &some), port.open_review(b.id, &more));
    let theirs_few = x.unwrap();
    assert_eq!(theirs_few, y.unwrap());
    let mut ids = [first, few, theirs, theirs_few];
    ids.sort_unstable();
    let open = reviews(backend, false).await;
    assert_eq!(open.iter().map(|review| review.id).collect::<Vec<_>>(), ids, "by rising id");
    assert_eq!(open.iter().find(|review| review.id == first).unwrap().case, another, "as it was opened");
}

pub async fn reviews_are_read_page_by_page(backend: &dyn SlowLaneBackend) {
    let (_, attempt) = sent(backend, "o-1", 1).await;
    let kinds = [ReviewKind::KnownKey, ReviewKind::TooFew, ReviewKind::TooMany, ReviewKind::AnotherAnswer];
    let mut ids = Vec::new();
    for kind in kinds {
        ids.push(backend.reviews().open_review(attempt.id, &case(kind, "seen")).await.unwrap());
    }
    assert!(ids.is_sorted() && ids[0] > ReviewId(0), "{ids:?}");
    backend.reviews().resolve(ids[1], &Resolution::Noted, "told the supplier").await.unwrap();
    let page = async |all, after, most| -> Vec<ReviewId> {
        let page = backend.reviews().reviews(all, after, most).await.unwrap();
        page.into_iter().map(|review| review.id).collect()
    };
    assert_eq!(page(false, ReviewId(0), 10).await, [ids[0], ids[2], ids[3]]);
    assert_eq!(page(true, ReviewId(0), 10).await, ids);
    assert_eq!(page(false, ReviewId(0), 2).await, [ids[0], ids[2]]);
    assert_eq!(page(false, ids[2], 2).await, [ids[3]]);
    assert_eq!(page(true, ids[0], 2).await, ids[1..3]);
    assert_eq!(page(true, ids[3], 2).await, []);
}

pub async fn what_is_told_wrong_gets_a_review_of_its_kind(backend: &dyn SlowLaneBackend) {
    stock(backend, "sku-a", 2).await;
    for (id, count, told, expected) in [
        ("o-1", 1, 10..11, vec![]),
        ("o-2", 2, 20..21, vec![ReviewKind::TooFew]),
        ("o-3", 1, 30..33, vec![ReviewKind::TooMany]),
        // Both are in stock: one review tells of both, and as many as were bought were told.
        ("o-4", 2, 1..3, vec![ReviewKind::KnownKey]),
        ("o-5", 2, 2..3, vec![ReviewKind::KnownKey, ReviewKind::TooFew]),
    ] {
        let (of, attempt) = sent(backend, id, count).await;
        let seen = reviews(backend, true).await.len();
        let goods = keys("sku-a", told);
        let _placed = deliver(backend, &of, &attempt, &goods).await.unwrap();
        let mut opened = kinds(backend).await.split_off(seen);
        opened.sort_by_key(|kind| kind.as_str());
        assert_eq!(opened, expected, "{id}");
        let all = reviews(backend, false).await;
        for review in &all[seen..] {
            assert_eq!((review.order_id.as_str(), review.line_no.0), (id, 3));
            assert_eq!(review.attempt.as_ref().unwrap().id, attempt.id);
            assert!(!review.case.evidence.is_empty());
        }
    }
}

/// The line wants them all, so nothing is over: more than was bought is a lie all the same, and told at once.
pub async fn too_many_for_a_part_of_a_line_are_told_at_once(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, order("o-1", vec![bought_line(3, "sku-a", 5)])).await;
    let part = send(backend, &of, "a", 2).await;
    let placed = deliver(backend, &of, &part, &keys("sku-a", 0..4)).await.unwrap();
    assert_eq!(placed, Placed { complete: false, known: 0, surplus: 0, missing: 0 });
    let opened = reviews(backend, false).await;
    assert_eq!(opened.iter().map(|review| review.case.kind).collect::<Vec<_>>(), [ReviewKind::TooMany]);
    assert_eq!(opened[0].attempt.as_ref().unwrap().id, part.id);
    let rest = send(backend, &of, "b", 1).await;
    assert_eq!(deliver(backend, &of, &rest, &keys("sku-a", 4..5)).await.unwrap(), WHOLE);
    assert_eq!(kinds(backend).await, [ReviewKind::TooMany], "the rest is as it was bought");
    assert_balance(backend, 5, 0, 5).await;
}

pub async fn a_review_says_nothing_of_keys(backend: &dyn SlowLaneBackend) {
    let (of, attempt) = sent(backend, "o-1", 1).await;
    assert_eq!(deliver(backend, &of, &attempt, &keys("sku-a", 0..2)).await.unwrap().surplus, 1);
    let evidence = reviews(backend, false).await.remove(0).case.evidence;
    let SealedGoods::Keys(told) = keys("sku-a", 0..2) else { unreachable!("keys are keys") };
    for key in told {
        let sealed = String::from_utf8(key.sealed.0).unwrap();
        assert!(!evidence.contains(&sealed[..12]), "{evidence}");
    }
}
