//! One order, one final result: written when no line of it is open any more, whoever ends the last one.

use crate::{
    conformance::procurements::samples::*,
    ids::Revision,
    ports::ledger::Asked,
    procurement::{Procurement, Release, Released, SealedGoods},
    proposal::ProposedOrder,
    reason::{Reason, ReasonCode},
    recorded::{Gone, GoneKey, Judgement, LineOutcome, OrderStatus},
};

fn no() -> Release {
    Release::Reject(Reason::new(ReasonCode::SuppliersRefused, "every supplier gave a final no"))
}

/// Line 1 is in stock, 2 and 4 are bought.
async fn mixed(backend: &dyn SlowLaneBackend, id: &str, in_stock: usize) -> Vec<Procurement> {
    let ids = stock_from(backend, "sku-a", in_stock, 1).await;
    let lines = vec![claimed_line(1, "sku-a", &ids), bought_line(2, "sku-b", 2), bought_line(4, "sku-c", 1)];
    leased_lines(backend, order(id, lines)).await
}

pub async fn the_order_is_decided_with_its_last_line(backend: &dyn SlowLaneBackend) {
    for (at, ends) in [[0, 1], [1, 0]].into_iter().enumerate() {
        let id = format!("o-{at}");
        let of = mixed(backend, &id, at).await;
        let first = stands(backend, &id).await;
        let goods = [keys("sku-b", 10 * at..10 * at + 2), keys("sku-c", 10 * at..10 * at + 1)];
        assert_eq!(buy(backend, &of[ends[0]], &format!("a{at}"), &goods[ends[0]]).await, WHOLE);
        assert_eq!(stands(backend, &id).await, first, "one line is open");
        assert!(!file(backend, &id).await.owed);
        assert_eq!(buy(backend, &of[ends[1]], &format!("b{at}"), &goods[ends[1]]).await, WHOLE);
        let last = stands(backend, &id).await;
        assert_eq!((last.status, last.revision, last.reason.clone()), (OrderStatus::Fulfilled, Revision(2), None));
        assert_eq!(last.lines[0], first.lines[0], "what stock filled stays as it was");
        let counts: Vec<usize> = last.lines.iter().map(|line| delivered(line).len()).collect();
        assert_eq!(counts, [1, 2, 1]);
        assert_eq!(last.lines.iter().map(|line| line.line_no.0).collect::<Vec<_>>(), [1, 2, 4]);
        assert!(last.decided_at > first.decided_at);
        assert_eq!((&last.merchant_id, last.body_hash), (&first.merchant_id, first.body_hash));
    }
    assert_balance(backend, 8, 0, 8).await;
}

pub async fn keys_of_a_line_that_ended_are_sold_while_its_order_goes_on(backend: &dyn SlowLaneBackend) {
    let lines = vec![bought_line(1, "sku-a", 2), bought_line(2, "sku-b", 1)];
    let of = leased_lines(backend, order("o-1", lines)).await;
    let ids = stock(backend, "sku-a", 2).await;
    assert_eq!(release(backend, &of[0], from_stock(HOUR)).await.unwrap(), Released::Filled);
    assert_eq!(stands(backend, "o-1").await.status, OrderStatus::Processing);
    assert_balance(backend, 2, 0, 2).await;
    let Judgement::Lost(gone) = judge_one(backend, claimed("o-2", "sku-a", &ids[..1])).await else {
        panic!("a sold key is sold again")
    };
    assert!(matches!(gone[..], [GoneKey { id, why: Gone::SoldAt(_) }] if id == ids[0]), "{gone:?}");
    assert_eq!(buy(backend, &of[1], "a", &keys("sku-b", 0..1)).await, WHOLE);
    assert_eq!(delivered(&stands(backend, "o-1").await.lines[0]), ids);
}

pub async fn a_final_result_is_owed(backend: &dyn SlowLaneBackend) {
    let of = mixed(backend, "o-1", 0).await;
    assert_eq!(buy(backend, &of[0], "a", &keys("sku-b", 0..2)).await, WHOLE);
    assert_eq!(owed(backend).await, []);
    assert_eq!(buy(backend, &of[1], "b", &keys("sku-c", 0..1)).await, WHOLE);
    let last = stands(backend, "o-1").await;
    let owed = owed(backend).await;
    assert_eq!(owed, std::slice::from_ref(&last));
    assert_eq!(bytes(&owed[0]), bytes(&last));
    assert!(file(backend, "o-1").await.owed);
}

pub async fn a_repeat_gets_the_result_as_it_stands(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-b", 1)).await;
    assert_eq!(buy(backend, &of, "a", &keys("sku-b", 0..1)).await, WHOLE);
    let again = repeat(judge_one(backend, wanted("o-1", "sku-b", 1)).await);
    assert_eq!((again.revision, again.status), (Revision(2), OrderStatus::Fulfilled));
    assert_eq!(bytes(&again), bytes(&stands(backend, "o-1").await));
    let asked = Asked { order_id: order_id("o-1"), body_hash: body("o-1"), merchant_id: Some(merchant("m-01")) };
    let known = backend.ledger().answer_known(&[asked]).await.unwrap().remove(0).unwrap();
    assert_eq!(repeat(known), again);
    assert_balance(backend, 1, 0, 1).await;
}

pub async fn a_line_that_failed_stands_beside_the_delivered(backend: &dyn SlowLaneBackend) {
    let of = mixed(backend, "o-1", 0).await;
    let _rejected = release(backend, &of[0], no()).await.unwrap();
    assert_eq!(stands(backend, "o-1").await.revision, Revision::FIRST);
    assert_eq!(buy(backend, &of[1], "a", &keys("sku-c", 0..1)).await, WHOLE);
    let last = stands(backend, "o-1").await;
    assert_eq!((last.status, last.revision, last.reason.as_ref()), (OrderStatus::PartlyFulfilled, Revision(2), None));
    assert_eq!(rejected(&last.lines[1]), ReasonCode::SuppliersRefused);
    assert_eq!((delivered(&last.lines[0]).len(), delivered(&last.lines[2]).len()), (1, 1));
}

pub async fn an_order_whose_lines_all_failed_is_rejected(backend: &dyn SlowLaneBackend) {
    let lines = vec![bought_line(1, "sku-a", 1), bought_line(2, "sku-b", 1)];
    let of = leased_lines(backend, order("o-1", lines)).await;
    let guard = Reason::new(ReasonCode::PriceGuard, "every offer is above 12.00 USD");
    let _rejected = release(backend, &of[1], no()).await.unwrap();
    let _rejected = release(backend, &of[0], Release::Reject(guard.clone())).await.unwrap();
    let last = stands(backend, "o-1").await;
    assert_eq!((last.status, last.revision), (OrderStatus::Rejected, Revision(2)));
    assert_eq!((rejected(&last.lines[0]), rejected(&last.lines[1])), (guard.code, ReasonCode::SuppliersRefused));
    assert_eq!(last.reason, Some(guard), "the first line's reason is the order's");
    assert_eq!(owed(backend).await, [last]);
}

pub async fn lines_that_end_at_once_give_one_result(backend: &dyn SlowLaneBackend) {
    for round in 0..10 {
        let id = format!("o-{round}");
        let lines = vec![
            bought_line(1, "sku-a", 2),
            bought_line(2, "sku-b", 1),
            bought_line(3, "sku-c", 1),
            top_up_line(4, "sku-d", "account"),
        ];
        let of = leased_lines(backend, order(&id, lines)).await;
        let text = |line: usize| format!("{}x{line}", id.replace('-', ""));
        let (a, b, d) = (
            send(backend, &of[0], &text(0), 2).await,
            send(backend, &of[1], &text(1), 1).await,
            send(backend, &of[3], &text(3), 1).await,
        );
        let (goods_a, goods_b) = (keys("sku-a", 2 * round..2 * round + 2), keys("sku-b", round..round + 1));
        let recharge = SealedGoods::Recharge { receipt: None };
        let (a, b, c, d) = tokio::join!(
            deliver(backend, &of[0], &a, &goods_a),
            deliver(backend, &of[1], &b, &goods_b),
            release(backend, &of[2], no()),
            deliver(backend, &of[3], &d, &recharge),
        );
        assert_eq!((a.unwrap(), b.unwrap(), d.unwrap()), (WHOLE, WHOLE, WHOLE));
        let _rejected = c.unwrap();
        let last = stands(backend, &id).await;
        assert_eq!((last.status, last.revision), (OrderStatus::PartlyFulfilled, Revision(2)));
        assert_eq!((delivered(&last.lines[0]).len(), delivered(&last.lines[1]).len()), (2, 1));
        assert_eq!(rejected(&last.lines[2]), ReasonCode::SuppliersRefused);
        assert_eq!(last.lines[3].outcome, LineOutcome::Recharged { receipt: None });
        assert_eq!(owed(backend).await.iter().filter(|result| result.order_id == last.order_id).count(), 1);
    }
    assert_balance(backend, 30, 0, 30).await;
}

pub async fn an_order_records_and_ends_beside_its_own_repeat(backend: &dyn SlowLaneBackend) {
    for round in 0..10 {
        let id = format!("o-{round}");
        let proposed = || -> ProposedOrder { wanted(&id, "sku-a", 1) };
        let of = leased(backend, proposed()).await;
        let attempt = send(backend, &of, &id.replace('-', ""), 1).await;
        let goods = keys("sku-a", round..round + 1);
        let (placed, again) = tokio::join!(deliver(backend, &of, &attempt, &goods), judge_one(backend, proposed()));
        assert_eq!(placed.unwrap(), WHOLE);
        let again = repeat(again);
        // As it stood before, or as it stands now: whole, either way.
        match again.revision {
            Revision::FIRST => assert!(is_processing(&again.lines[0])),
            _ => assert_eq!(bytes(&again), bytes(&stands(backend, &id).await)),
        }
    }
}
