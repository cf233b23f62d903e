//! Orders refused whole, orders that expired, messages without an order id: each a recorded answer (I8).

use crate::{
    answer::Answer,
    conformance::samples::*,
    proposal::{Entry, Proposal, ProposedOrder, UnreadableMessage},
    reason::{Reason, ReasonCode},
    recorded::{Judgement, OrderStatus, RecordedUnreadable},
    time::Timestamp,
};

pub async fn a_refused_order_is_recorded_without_lines(backend: &dyn LedgerBackend) {
    let reason = Reason::new(ReasonCode::InvalidOrder, "\"quantity\" is −1; 1–1000 is allowed: ' \" \\ \u{1F600}");
    let proposed =
        ProposedOrder { merchant_id: None, proposal: Proposal::Refuse(reason.clone()), ..order("o-1", vec![]) };
    let first = new(judge_one(backend, proposed.clone()).await);
    assert_eq!((first.status, &first.reason, first.lines.len()), (OrderStatus::Rejected, &Some(reason), 0));
    assert_eq!(Answer::Order(&first).routing_key(), "unknown.rejected");
    assert_eq!(bytes(&repeat(judge_one(backend, proposed).await)), bytes(&first));
    assert_eq!(backend.books().order(&order_id("o-1")).await.unwrap().unwrap().order, first);
}

pub async fn every_reason_comes_back_as_it_went_in(backend: &dyn LedgerBackend) {
    for code in ReasonCode::ALL {
        let name = format!("o-{code:?}");
        let proposed = || ProposedOrder {
            proposal: Proposal::Refuse(Reason::new(code, "ä".repeat(400))),
            ..order(&name, vec![])
        };
        let first = new(judge_one(backend, proposed()).await);
        assert_eq!(first.reason.as_ref().map(|reason| reason.code), Some(code));
        assert_eq!(repeat(judge_one(backend, proposed()).await), first);
    }
}

pub async fn expiry_is_judged_by_the_ledger_s_clock(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 6).await;
    let now = ledger_time(backend).await;
    let until = |seconds, order| ProposedOrder { expires_at: Some(later(now, seconds)), ..order };
    let batch = vec![
        until(-1, claimed("late", "sku-a", &ids[..2])),
        until(3_600, claimed("in-time", "sku-a", &ids[2..3])),
        until(-1, from_ledger("late-take", "sku-a", 1)),
        ProposedOrder { expires_at: Some(Timestamp(i64::MIN)), ..claimed("ancient", "sku-a", &ids[3..4]) },
        ProposedOrder { expires_at: Some(Timestamp(i64::MAX)), ..claimed("eternal", "sku-a", &ids[4..5]) },
    ];
    let orders: Vec<_> = judge(backend, batch.clone()).await.into_iter().map(new).collect();
    for (order, fulfilled) in orders.iter().zip([false, true, false, false, true]) {
        if fulfilled {
            assert_eq!((order.status, order.reason.as_ref()), (OrderStatus::Fulfilled, None), "{}", order.order_id);
            continue;
        }
        assert_eq!(
            (order.status, order.lines.len()),
            (OrderStatus::Rejected, 0),
            "{} is refused whole",
            order.order_id
        );
        let reason = order.reason.as_ref().unwrap();
        assert_eq!((reason.code, reason.retryable), (ReasonCode::Expired, false));
    }
    assert_eq!(
        available(backend, "sku-a").await,
        [ids[0], ids[1], ids[3], ids[5]],
        "keys claimed for expired orders are not sold"
    );
    let again: Vec<_> = judge(backend, batch).await.into_iter().map(repeat).collect();
    assert_eq!(again, orders);
}

pub async fn an_expired_order_is_not_lost_for_its_keys(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 1).await;
    let winner = new(judge_one(backend, claimed("o-1", "sku-a", &ids)).await);
    let expired = ProposedOrder { expires_at: Some(later(winner.decided_at, -1)), ..claimed("o-2", "sku-a", &ids) };
    assert_eq!(new(judge_one(backend, expired).await).reason.map(|reason| reason.code), Some(ReasonCode::Expired));
}

pub async fn a_refused_order_stays_refused_though_it_expired(backend: &dyn LedgerBackend) {
    let past = later(ledger_time(backend).await, -1);
    let order =
        new(judge_one(backend, ProposedOrder { expires_at: Some(past), ..refused("o-1", ReasonCode::InvalidOrder) })
            .await);
    // Which of the two is said does not matter to the platform; that the same is said again does.
    assert_eq!(order.status, OrderStatus::Rejected);
    assert_eq!(repeat(judge_one(backend, refused("o-1", ReasonCode::InvalidOrder)).await), order);
}

pub async fn an_unreadable_message_is_recorded_once(backend: &dyn LedgerBackend) {
    let message = |text: &str, detail: &str| UnreadableMessage {
        body_hash: body(text),
        merchant_id: Some(merchant("m-05")),
        reason: Reason::new(ReasonCode::InvalidOrder, detail),
    };
    let first = judge_unreadable(backend, message("a", "order_id is missing")).await;
    assert_eq!(first.merchant_id, Some(merchant("m-05")));
    assert_eq!(first.body_hash, body("a"));
    let answer = Answer::Unreadable(&first);
    assert_eq!(answer.routing_key(), "m-05.rejected");

    let again = judge_unreadable(backend, message("a", "another version words it otherwise")).await;
    assert_eq!(Answer::Unreadable(&again).body(), answer.body(), "decided once, and said once");
    let other = judge_unreadable(backend, message("b", "order_id is missing")).await;
    assert_ne!(Answer::Unreadable(&other).message_id(), answer.message_id());
}

pub async fn an_unreadable_message_in_two_workers_is_recorded_once(backend: &dyn LedgerBackend) {
    for round in 0..10 {
        let message = || UnreadableMessage {
            body_hash: body(&format!("{round}")),
            merchant_id: None,
            reason: Reason::new(ReasonCode::InvalidJson, "cut off"),
        };
        let (a, b) = tokio::join!(judge_unreadable(backend, message()), judge_unreadable(backend, message()));
        assert_eq!(a, b);
    }
}

async fn judge_unreadable(backend: &dyn LedgerBackend, message: UnreadableMessage) -> RecordedUnreadable {
    match backend.ledger().record(&[Entry::Unreadable(message)]).await.unwrap().remove(0) {
        Judgement::Unreadable(unreadable) => unreadable,
        other => panic!("expected an unreadable message, the ledger says {other:?}"),
    }
}
