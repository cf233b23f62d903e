//! An order id has at most one effect (I2), and its answer the same bytes each time (I9).

use crate::{
    answer::Answer,
    conformance::samples::*,
    ids::KeyId,
    ports::ledger::Asked,
    proposal::{Proposal, ProposedOrder},
    reason::{Reason, ReasonCode},
    recorded::{Judgement, OrderStatus, RecordedConflict},
};

pub async fn a_repeat_gets_the_same_bytes(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 60).await;
    let lines = || vec![claimed_line(1, "sku-a", &ids[..3]), ledger_line(2, "sku-a", 2), ledger_line(3, "sku-none", 1)];
    let first = new(judge_one(backend, order("o-1", lines())).await);
    assert_eq!(first.status, OrderStatus::PartlyFulfilled);
    assert_eq!(bytes(&repeat(judge_one(backend, order("o-1", lines())).await)), bytes(&first));

    for (at, id) in ids[3..43].iter().enumerate() {
        new(judge_one(backend, claimed(&format!("later-{at}"), "sku-a", &[*id])).await);
    }
    stock(backend, "sku-none", 3).await;
    let again = repeat(judge_one(backend, order("o-1", lines())).await);
    assert_eq!(bytes(&again), bytes(&first));
    assert_eq!(again, first);
}

pub async fn a_repeat_sells_nothing(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 6).await;
    new(judge_one(backend, claimed("o-1", "sku-a", &ids[..1])).await);
    repeat(judge_one(backend, claimed("o-1", "sku-a", &ids[1..3])).await);
    repeat(judge_one(backend, from_ledger("o-1", "sku-a", 3)).await);
    assert_eq!(available(backend, "sku-a").await, ids[1..]);
    // Its claimed keys may be gone: that is no loss, for nothing is sold.
    let again = repeat(judge_one(backend, claimed("o-1", "sku-a", &ids[..1])).await);
    assert_eq!(delivered(&again.lines[0]), ids[..1]);
}

pub async fn a_repeat_beside_new_orders(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 4).await;
    let first = new(judge_one(backend, claimed("o-2", "sku-a", &ids[..1])).await);
    let batch = vec![
        claimed("o-1", "sku-a", &ids[1..2]),
        claimed("o-2", "sku-a", &ids[2..3]),
        claimed("o-3", "sku-a", &ids[3..]),
    ];
    let mut judgements = judge(backend, batch).await;
    new(judgements.remove(0));
    assert_eq!(bytes(&repeat(judgements.remove(0))), bytes(&first));
    new(judgements.remove(0));
    assert_eq!(available(backend, "sku-a").await, ids[2..3]);
}

pub async fn a_stored_answer_wins_over_any_proposal(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 2).await;
    let sold = new(judge_one(backend, claimed("sold", "sku-a", &ids[..1])).await);
    let no = new(judge_one(backend, refused("no", ReasonCode::InvalidOrder)).await);
    let short = new(judge_one(backend, from_ledger("short", "sku-b", 1)).await);
    stock(backend, "sku-b", 5).await;

    let past = later(sold.decided_at, -3_600);
    let expired = ProposedOrder { expires_at: Some(past), ..claimed("sold", "sku-a", &ids[1..]) };
    assert_eq!(repeat(judge_one(backend, refused("sold", ReasonCode::Poison)).await), sold);
    assert_eq!(repeat(judge_one(backend, expired).await), sold);
    assert_eq!(repeat(judge_one(backend, claimed("no", "sku-a", &ids[1..])).await), no);
    assert_eq!(repeat(judge_one(backend, from_ledger("short", "sku-b", 1)).await), short);
    assert_eq!(available(backend, "sku-a").await, ids[1..]);
    assert_eq!(available(backend, "sku-b").await.len(), 5);
}

pub async fn another_body_is_a_conflict(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 3).await;
    let first = new(judge_one(backend, claimed("o-1", "sku-a", &ids[..1])).await);
    let other = ProposedOrder {
        merchant_id: Some(merchant("m-77")),
        body_hash: body("other"),
        ..claimed("o-1", "sku-a", &ids[1..2])
    };
    let refused = conflict(judge_one(backend, other.clone()).await);

    assert_eq!((&refused.order_id, refused.body_hash), (&order_id("o-1"), body("other")));
    let answer = Answer::Conflict(&refused);
    assert_eq!(answer.routing_key(), "m-77.conflict", "it goes to the refused body's merchant");
    assert_eq!(answer.message_id(), format!("o-1:conflict-{}", body("other").hex(8)));

    let again = conflict(judge_one(backend, other).await);
    assert_eq!(Answer::Conflict(&again).body(), answer.body(), "decided once");
    let file = backend.books().order(&order_id("o-1")).await.unwrap().unwrap();
    assert_eq!(file.conflicts, [refused]);
    assert_eq!(file.order, first, "the first body stands");
    assert_eq!(available(backend, "sku-a").await, ids[1..], "a conflict sells nothing");
    assert_eq!(repeat(judge_one(backend, claimed("o-1", "sku-a", &ids[..1])).await), first);
}

pub async fn each_other_body_is_a_conflict_of_its_own(backend: &dyn LedgerBackend) {
    new(judge_one(backend, refused("o-1", ReasonCode::InvalidOrder)).await);
    let nameless =
        ProposedOrder { merchant_id: None, body_hash: body("b"), ..refused("o-1", ReasonCode::InvalidOrder) };
    let named = ProposedOrder {
        body_hash: body("c"),
        proposal: Proposal::Refuse(Reason::new(ReasonCode::TooLarge, "")),
        ..nameless.clone()
    };
    let first = conflict(judge_one(backend, nameless).await);
    let second = conflict(judge_one(backend, named).await);
    assert_eq!(Answer::Conflict(&first).routing_key(), "unknown.conflict");
    assert_ne!(Answer::Conflict(&first).message_id(), Answer::Conflict(&second).message_id());
    let mut stored = backend.books().order(&order_id("o-1")).await.unwrap().unwrap().conflicts;
    stored.sort_by_key(|conflict| conflict.decided_at);
    assert_eq!(stored, [first, second]);
}

pub async fn known_deliveries_are_answered_without_a_claim(backend: &dyn LedgerBackend) {
    let ids = stock(backend, "sku-a", 2).await;
    let first = new(judge_one(backend, claimed("o-1", "sku-a", &ids[..1])).await);
    let asked = [asked("o-0", "o-0"), asked("o-1", "o-1"), asked("o-1", "other"), asked("o-2", "o-2")];
    let mut answers = backend.ledger().answer_known(&asked).await.unwrap();
    assert_eq!(answers.len(), 4);
    assert_eq!(answers.pop(), Some(None));
    let refused = conflict(answers.pop().unwrap().unwrap());
    assert_eq!(repeat(answers.pop().unwrap().unwrap()), first);
    assert_eq!(answers.pop(), Some(None));

    let file = backend.books().order(&order_id("o-1")).await.unwrap().unwrap();
    assert_eq!(file.conflicts, std::slice::from_ref(&refused), "the conflict was written");
    let again = backend.ledger().answer_known(&asked[2..3]).await.unwrap().remove(0).unwrap();
    assert_eq!(conflict(again), refused);
    let proposed = ProposedOrder { body_hash: body("other"), ..claimed("o-1", "sku-a", &ids[1..]) };
    assert_eq!(conflict(judge_one(backend, proposed).await), refused, "the same row, whichever way");
    assert_eq!(backend.books().order(&order_id("o-0")).await.unwrap(), None, "asking writes no order");
    assert_eq!(backend.ledger().answer_known(&[]).await.unwrap(), []);
}

fn asked(id: &str, body_text: &str) -> Asked {
    Asked { order_id: order_id(id), body_hash: body(body_text), merchant_id: Some(merchant("m-01")) }
}

fn conflict(judgement: Judgement) -> RecordedConflict {
    match judgement {
        Judgement::Conflict(conflict) => conflict,
        other => panic!("expected a conflict, the ledger says {other:?}"),
    }
}

pub async fn a_thousand_known_deliveries(backend: &dyn LedgerBackend) {
    let ids: Vec<KeyId> = stock(backend, "sku-a", 1_000).await;
    let batch = ids.iter().enumerate().map(|(at, id)| claimed(&format!("o-{at}"), "sku-a", &[*id])).collect();
    let first: Vec<_> = judge(backend, batch).await.into_iter().map(new).collect();
    let asked: Vec<Asked> = (0..1_000).map(|at| asked(&format!("o-{at}"), &format!("o-{at}"))).collect();
    let answers: Vec<_> = backend
        .ledger()
        .answer_known(&asked)
        .await
        .unwrap()
        .into_iter()
        .map(|answer| repeat(answer.unwrap()))
        .collect();
    assert_eq!(answers, first);
}
