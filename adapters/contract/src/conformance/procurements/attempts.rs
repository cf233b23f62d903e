//! Attempts: committed before anything is sent (I6), moved along the machine and no other way.

use crate::{
    attempt::{Attempt, AttemptState, Change},
    conformance::procurements::samples::*,
    procurement::Procurement,
    supplier::RefusalMeans,
};

async fn attempt_of(backend: &dyn SlowLaneBackend, id: &str) -> Attempt {
    procurement_file(backend, id).await.attempts.pop().unwrap()
}

pub async fn an_attempt_is_kept_as_it_was_intended(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 3)).await;
    let attempt = intend(backend, &of, "a", 2).await;
    let intent = intent("a", 2);
    assert_eq!((&attempt.supplier, &attempt.product), (&intent.supplier, &intent.product));
    assert_eq!((&attempt.reference, attempt.quantity), (&intent.reference, intent.quantity));
    assert_eq!((attempt.unit_price, attempt.currency), (intent.unit_price, intent.currency));
    assert_eq!(attempt.state, AttemptState::Intended);
    assert_eq!((attempt.sends, attempt.queries, attempt.not_founds), (0, 0, 0));
    assert_eq!((&attempt.their_id, &attempt.said), (&None, &None));
    assert_eq!((attempt.sent_at, attempt.countable_from), (None, None));
    assert!(attempt.intended_at >= of.now);
    assert_eq!(attempt_of(backend, "o-1").await, attempt);
}

pub async fn the_same_reference_gives_the_same_attempt(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let attempt = intend(backend, &of, "a", 1).await;
    assert_eq!(intend(backend, &of, "a", 1).await, attempt);
    let sent = change(backend, &of, &attempt, AttemptState::Sent).await.unwrap();
    assert_eq!(intend(backend, &of, "a", 1).await, sent, "as it is now");
    assert_eq!(procurement_file(backend, "o-1").await.attempts, [sent]);
}

pub async fn one_intent_made_twice_at_once(backend: &dyn SlowLaneBackend) {
    for round in 0..10 {
        let of = leased(backend, wanted(&format!("o-{round}"), "sku-a", 1)).await;
        let text = format!("a{round}");
        let (x, y) = tokio::join!(intend(backend, &of, &text, 1), intend(backend, &of, &text, 1));
        assert_eq!(x, y);
        let (x, y) =
            tokio::join!(change(backend, &of, &x, AttemptState::Sent), change(backend, &of, &y, AttemptState::Sent));
        assert_eq!((x.unwrap().sends, y.unwrap().sends), (1, 1));
    }
}

pub async fn another_is_refused_while_one_is_open(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let mut attempt = intend(backend, &of, "a", 1).await;
    for to in [AttemptState::Sent, AttemptState::Unknown, AttemptState::Accepted, AttemptState::InReview] {
        assert_refused(backend.procurements().intend(&of.lease, &intent("b", 1)).await);
        attempt = change(backend, &of, &attempt, to).await.unwrap();
    }
    assert_refused(backend.procurements().intend(&of.lease, &intent("b", 1)).await);
    let first = change(backend, &of, &attempt, AttemptState::Refused).await.unwrap();
    let second = intend(backend, &of, "b", 1).await;
    assert!(second.id > first.id);
    let second = change(backend, &of, &second, AttemptState::NotSent).await.unwrap();
    let third = intend(backend, &of, "c", 1).await;
    assert_eq!(procurement_file(backend, "o-1").await.attempts, [first, second, third], "by rising id");
}

pub async fn a_reference_is_used_once_in_the_whole_ledger(backend: &dyn SlowLaneBackend) {
    let lines = vec![wanted_line(1, "sku-a", 1), wanted_line(2, "sku-a", 1)];
    let of = leased_lines(backend, order("o-1", lines)).await;
    let other = leased(backend, wanted("o-2", "sku-a", 1)).await;
    send_in_vain(backend, &of[0], "a").await;
    for taken in [&of[1], &other] {
        assert_refused(backend.procurements().intend(&taken.lease, &intent("a", 1)).await);
    }
    assert_eq!(procurement_file(backend, "o-2").await.attempts, []);
    intend(backend, &other, "b", 1).await;
}

/// A procurement of 2 with one attempt in this state.
async fn in_state(backend: &dyn SlowLaneBackend, id: &str, state: AttemptState) -> (Procurement, Attempt) {
    let of = leased(backend, wanted(id, "sku-a", 2)).await;
    let text = id.replace('-', "");
    match state {
        AttemptState::Intended => drop(intend(backend, &of, &text, 2).await),
        AttemptState::NotSent => {
            let attempt = intend(backend, &of, &text, 2).await;
            change(backend, &of, &attempt, state).await.unwrap();
        }
        AttemptState::Sent => drop(send(backend, &of, &text, 2).await),
        AttemptState::Accepted | AttemptState::Unknown | AttemptState::Refused | AttemptState::InReview => {
            let attempt = send(backend, &of, &text, 2).await;
            change(backend, &of, &attempt, state).await.unwrap();
        }
        AttemptState::Delivered => {
            let attempt = send(backend, &of, &text, 2).await;
            let one = new_key(id, 1);
            let one = crate::procurement::BoughtKey { fingerprint: one.fingerprint, sealed: one.sealed };
            let placed = deliver(backend, &of, &attempt, &crate::procurement::SealedGoods::Keys(vec![one])).await;
            assert!(!placed.unwrap().complete);
        }
    }
    let attempt = attempt_of(backend, id).await;
    assert_eq!(attempt.state, state);
    (of, attempt)
}

pub async fn the_machine_has_no_other_transitions(backend: &dyn SlowLaneBackend) {
    for (row, from) in AttemptState::ALL.into_iter().enumerate() {
        for (column, to) in AttemptState::ALL.into_iter().enumerate() {
            let id = format!("o-{row}{column}");
            let (of, before) = in_state(backend, &id, from).await;
            let answer = change(backend, &of, &before, to).await;
            let now = attempt_of(backend, &id).await;
            // What was delivered is told by its goods, not by a change.
            if to != AttemptState::Delivered && from.may_become(to) {
                let after = answer.unwrap();
                assert_eq!((after.state, after.version), (to, before.version + 1), "{from:?} to {to:?}");
                assert_eq!(now, after);
            } else {
                assert_refused(answer);
                assert_eq!(now, before, "{from:?} to {to:?}");
            }
        }
    }
}

pub async fn a_change_names_the_version_that_it_saw(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let intended = intend(backend, &of, "a", 1).await;
    let sent = change(backend, &of, &intended, AttemptState::Sent).await.unwrap();
    let unknown = change(backend, &of, &sent, AttemptState::Unknown).await.unwrap();
    assert_refused(change(backend, &of, &sent, AttemptState::Accepted).await);
    assert_refused(change(backend, &of, &intended, AttemptState::NotSent).await);
    let ahead = Attempt { version: unknown.version + 1, ..unknown.clone() };
    assert_refused(change(backend, &of, &ahead, AttemptState::Accepted).await);
    assert_refused(deliver(backend, &of, &sent, &keys("sku-a", 0..1)).await);
    assert_eq!(attempt_of(backend, "o-1").await, unknown);
}

pub async fn a_change_made_again_is_made_once(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let mut attempt = intend(backend, &of, "a", 1).await;
    for to in [
        AttemptState::Sent,
        AttemptState::Unknown,
        AttemptState::Unknown,
        AttemptState::Sent,
        AttemptState::Accepted,
        AttemptState::Accepted,
        AttemptState::Refused,
    ] {
        let asked = Change { queries: 1, ..Change::of(&attempt, to) };
        let first = backend.procurements().change(&of.lease, &asked, LIMITS).await.unwrap();
        let again = backend.procurements().change(&of.lease, &asked, LIMITS).await.unwrap();
        assert_eq!((again.state, again.version), (first.state, first.version));
        assert_eq!((again.sends, again.queries), (first.sends, first.queries), "nothing is counted twice");
        assert_eq!(again.version, attempt.version + 1);
        attempt = again;
    }
    assert_eq!((attempt.sends, attempt.queries), (2, 7));
}

pub async fn a_send_is_counted_and_sets_when_a_not_found_counts(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let first = send(backend, &of, "a", 1).await;
    assert_eq!(first.sends, 1);
    let (sent_at, countable_from) = (first.sent_at.unwrap(), first.countable_from.unwrap());
    assert!(sent_at >= first.intended_at);
    let span = LIMITS.lease + LIMITS.settles;
    let off = countable_from.0 - sent_at.0 - i64::try_from(span.as_micros()).unwrap();
    assert!(off.abs() < 1_000_000, "{span:?} after {sent_at}, not at {countable_from}");

    let not_found =
        Change { queries: 2, not_founds: 2, ..Change::of(&first, AttemptState::Unknown).said("no such order") };
    let unknown = backend.procurements().change(&of.lease, &not_found, LIMITS).await.unwrap();
    assert_eq!((unknown.sends, unknown.queries, unknown.not_founds), (1, 2, 2));
    assert_eq!(unknown.countable_from, first.countable_from, "a query does not put it off");
    let again = Change { not_founds: 0, ..Change::of(&unknown, AttemptState::Sent) };
    let again = backend.procurements().change(&of.lease, &again, LIMITS).await.unwrap();
    assert_eq!((again.sends, again.queries, again.not_founds), (2, 2, 0));
    assert!(again.countable_from > first.countable_from, "a re-send does");
    assert_eq!(again.reference, first.reference);
}

pub async fn a_change_keeps_what_it_does_not_name(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let sent = send(backend, &of, "a", 1).await;
    let accepted = Change {
        their_id: Some("T-77 'ä'".into()),
        queries: 1,
        ..Change::of(&sent, AttemptState::Accepted).said("in work: 正在发货")
    };
    let accepted = backend.procurements().change(&of.lease, &accepted, LIMITS).await.unwrap();
    assert_eq!(accepted.their_id.as_deref(), Some("T-77 'ä'"));
    assert_eq!(accepted.said.as_deref(), Some("in work: 正在发货"));
    let kept = change(backend, &of, &accepted, AttemptState::Unknown).await.unwrap();
    assert_eq!((&kept.their_id, &kept.said, kept.queries), (&accepted.their_id, &accepted.said, 1));
    let long = Change::of(&kept, AttemptState::Unknown).said(&"ä".repeat(400));
    let long = backend.procurements().change(&of.lease, &long, LIMITS).await.unwrap();
    assert!(long.said.unwrap().len() <= Change::MOST_SAID);
    let last = attempt_of(backend, "o-1").await;
    let delivery = Change { their_id: Some("T-78".into()), queries: 1, ..Change::of(&last, AttemptState::Delivered) };
    let placed = backend.procurements().deliver(&of.lease, &delivery, &keys("sku-a", 0..1)).await.unwrap();
    assert_eq!(placed, WHOLE);
    let delivered = attempt_of(backend, "o-1").await;
    assert_eq!((delivered.state, delivered.their_id.as_deref()), (AttemptState::Delivered, Some("T-78")));
    assert_eq!((delivered.queries, delivered.version), (2, last.version + 1));
}

pub async fn a_refused_attempt_keeps_what_the_no_means(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    for (at, means) in RefusalMeans::ALL.into_iter().map(Some).chain([None]).enumerate() {
        let sent = send(backend, &of, &format!("a{at}"), 1).await;
        assert_eq!(sent.refusal, None);
        let no = Change { refusal: means, ..Change::of(&sent, AttemptState::Refused) };
        assert_eq!(backend.procurements().change(&of.lease, &no, LIMITS).await.unwrap().refusal, means);
        assert_eq!(attempt_of(backend, "o-1").await.refusal, means);
    }
}

pub async fn an_attempt_is_changed_under_its_own_lease(backend: &dyn SlowLaneBackend) {
    let mine = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let theirs = leased(backend, wanted("o-2", "sku-a", 1)).await;
    let sent = send(backend, &theirs, "a", 1).await;
    assert!(change(backend, &mine, &sent, AttemptState::Refused).await.is_err());
    assert!(deliver(backend, &mine, &sent, &keys("sku-a", 0..1)).await.is_err());
    assert_eq!(attempt_of(backend, "o-2").await, sent);
    assert_balance(backend, 0, 0, 0).await;
}
