//! How many procurements and reviews there are.

use std::time::Duration;

use crate::{
    conformance::procurements::samples::*,
    procurement::{ProcurementCounts, Release, Resolution, ReviewCase, ReviewId, ReviewKind},
    reason::{Reason, ReasonCode},
};

/// Without the age of the oldest.
async fn counts(backend: &dyn SlowLaneBackend) -> (u64, u64, u64, u64) {
    let ProcurementCounts { open, due, in_review, reviews_open, oldest_seconds } =
        backend.procurements().counts().await.unwrap();
    assert_eq!(oldest_seconds.is_some(), open > 0);
    assert!(oldest_seconds.is_none_or(|seconds| seconds < 600));
    (open, due, in_review, reviews_open)
}

pub async fn each_is_counted_where_it_stands(backend: &dyn SlowLaneBackend) {
    assert_eq!(backend.procurements().counts().await.unwrap(), ProcurementCounts::default());
    let lines = |id: &str| order(id, vec![bought_line(1, "sku-a", 1), bought_line(2, "sku-b", 1)]);
    processing(backend, lines("o-1")).await;
    processing(backend, lines("o-2")).await;
    assert_eq!(counts(backend).await, (4, 4, 0, 0));
    let of = lease(backend, "w-1", 3).await;
    assert_eq!(counts(backend).await, (4, 1, 0, 0));
    let _waits = release(backend, &of[0], wait(HOUR)).await.unwrap();
    let _waits = release(backend, &of[1], wait(Duration::ZERO)).await.unwrap();
    assert_eq!(counts(backend).await, (4, 2, 0, 0));
    send(backend, &of[2], "a", 1).await;
    let case = ReviewCase { kind: ReviewKind::Unsettled, evidence: "no answer".into() };
    let _review = release(backend, &of[2], Release::Review(case)).await.unwrap();
    assert_eq!(counts(backend).await, (3, 2, 1, 1));
    let review = backend.reviews().reviews(false, ReviewId(0), 10).await.unwrap().remove(0);
    let no = Reason::new(ReasonCode::Reviewed, "the supplier was asked");
    backend.reviews().resolve(review.id, &Resolution::Reject(no.clone()), "asked by mail").await.unwrap();
    assert_eq!(counts(backend).await, (3, 2, 0, 0));
    for of in lease(backend, "w-1", 10).await {
        let _rejected = release(backend, &of, Release::Reject(no.clone())).await.unwrap();
    }
    assert_eq!(counts(backend).await, (1, 0, 0, 0));
}
