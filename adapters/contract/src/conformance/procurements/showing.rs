//! What support staff are shown of an order whose lines are bought.

use crate::{
    attempt::AttemptState,
    conformance::procurements::samples::*,
    ports::books::ProcurementState,
    procurement::{Release, Released, ReviewCase, ReviewKind},
    reason::{Reason, ReasonCode},
};

pub async fn an_order_s_file_shows_its_procurements(backend: &dyn SlowLaneBackend) {
    let ids = stock(backend, "sku-a", 1).await;
    let lines = vec![
        claimed_line(1, "sku-a", &ids),
        bought_line(2, "sku-b", 1),
        bought_line(3, "sku-c", 1),
        bought_line(4, "sku-d", 1),
        top_up_line(5, "sku-e", "account"),
    ];
    let of = leased_lines(backend, order("o-1", lines)).await;
    let other = leased(backend, wanted("o-2", "sku-b", 1)).await;
    send(backend, &other, "z", 1).await;
    let accepted = send(backend, &of[0], "a", 1).await;
    let accepted = change(backend, &of[0], &accepted, AttemptState::Accepted).await.unwrap();
    let text = "breaker of supplier first: open";
    let how = Release::Wait { time: HOUR, waits_for: text.into() };
    assert_eq!(release(backend, &of[0], how).await.unwrap(), Released::Waiting);
    let refused = send_in_vain(backend, &of[1], "b").await;
    assert_eq!(buy(backend, &of[1], "c", &keys("sku-c", 0..1)).await, WHOLE);
    let no = Reason::new(ReasonCode::PriceGuard, "every offer is above 12.00 USD");
    assert_eq!(release(backend, &of[2], Release::Reject(no)).await.unwrap(), Released::Rejected);
    send(backend, &of[3], "d", 1).await;
    let case = ReviewCase { kind: ReviewKind::Overdue, evidence: "pending since yesterday".into() };
    assert_eq!(release(backend, &of[3], Release::Review(case)).await.unwrap(), Released::InReview);

    let files = file(backend, "o-1").await.procurements;
    let shown: Vec<_> = files.iter().map(|file| (file.line_no.0, file.state, file.attempts.len())).collect();
    let states = [
        (2, ProcurementState::Open, 1),
        (3, ProcurementState::Delivered, 2),
        (4, ProcurementState::Rejected, 0),
        (5, ProcurementState::InReview, 1),
    ];
    assert_eq!(shown, states, "by rising line");
    assert_eq!(files[0].attempts, [accepted]);
    assert_eq!(files[1].attempts[0], refused, "by rising id");
    let (waits_for, until) = files[0].waits.as_ref().unwrap();
    assert_eq!(waits_for, text);
    let hour = until.0 - of[0].now.0;
    assert!((3_600_000_000..3_700_000_000).contains(&hour), "an hour after {}, not {until}", of[0].now);
    assert!(files[1..].iter().all(|file| file.waits.is_none()), "{files:?}");
}
