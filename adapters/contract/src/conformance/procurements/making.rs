//! Lines that stock can't fill become procurements in the transaction that records their order.

use crate::{
    conformance::procurements::samples::*,
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder},
    reason::{Reason, ReasonCode},
    recorded::{Judgement, OrderStatus},
    time::Timestamp,
};

pub async fn a_line_that_stock_fills_makes_no_procurement(backend: &dyn SlowLaneBackend) {
    let ids = stock(backend, "sku-a", 3).await;
    let order = new(judge_one(backend, wanted("o-1", "sku-a", 2)).await);
    assert_eq!((order.status, delivered(&order.lines[0])), (OrderStatus::Fulfilled, ids[1..].to_vec()));
    assert_eq!(file(backend, "o-1").await.procurements, []);
    assert_eq!(lease(backend, "w-1", 10).await, []);
    assert_balance(backend, 3, 1, 2).await;
}

pub async fn a_line_that_stock_cannot_fill_whole_takes_nothing_from_it(backend: &dyn SlowLaneBackend) {
    let ids = stock(backend, "sku-a", 2).await;
    let order = processing(backend, wanted("o-1", "sku-a", 3)).await;
    assert!(is_processing(&order.lines[0]));
    assert_eq!(order.reason, None);
    assert_eq!(available(backend, "sku-a").await, ids);
    assert_eq!(open(backend).await, 1);
    // Nor does it keep others from it.
    assert_eq!(delivered(&new(judge_one(backend, wanted("o-2", "sku-a", 2)).await).lines[0]), ids);
    assert_balance(backend, 2, 0, 2).await;
}

pub async fn what_a_neighbour_leaves_decides(backend: &dyn SlowLaneBackend) {
    stock(backend, "sku-a", 4).await;
    let batch = vec![wanted("o-1", "sku-a", 3), wanted("o-2", "sku-a", 3), wanted("o-3", "sku-a", 1)];
    let orders: Vec<_> = judge(backend, batch).await.into_iter().map(new).collect();
    let filled = orders.iter().filter(|order| order.status == OrderStatus::Fulfilled).count();
    assert_eq!((filled, open(backend).await), (2, 1));
    assert_balance(backend, 4, 0, 4).await;
}

pub async fn an_unknown_sku_with_a_need_is_bought(backend: &dyn SlowLaneBackend) {
    processing(backend, wanted("o-1", "sku-never-imported", 1)).await;
    assert_eq!(lease_one(backend, "w-1").await.sku, sku("sku-never-imported"));
    let without = new(judge_one(backend, from_ledger("o-2", "sku-never-imported", 1)).await);
    assert_eq!(rejected(&without.lines[0]), ReasonCode::UnknownSku, "without a need it is refused as before");
}

pub async fn a_line_that_is_bought_leaves_stock_alone(backend: &dyn SlowLaneBackend) {
    let ids = stock(backend, "sku-a", 3).await;
    processing(backend, order("o-1", vec![bought_line(1, "sku-a", 2)])).await;
    processing(backend, top_up("o-2", "sku-a")).await;
    assert_eq!(available(backend, "sku-a").await, ids);
    assert_eq!(open(backend).await, 2);
}

pub async fn a_need_changes_nothing_for_claimed_and_refused_lines(backend: &dyn SlowLaneBackend) {
    let ids = stock(backend, "sku-a", 2).await;
    let with_need = |line: ProposedLine| ProposedLine { need: Some(need()), ..line };
    let no = Fill::Refused(Reason::new(ReasonCode::NoSupplier, "no supplier is configured"));
    let lines = vec![with_need(claimed_line(1, "sku-a", &ids)), with_need(line(2, "sku-b", 1, no))];
    let order = new(judge_one(backend, order("o-1", lines)).await);
    assert_eq!(order.status, OrderStatus::PartlyFulfilled);
    assert_eq!((delivered(&order.lines[0]), rejected(&order.lines[1])), (ids, ReasonCode::NoSupplier));
    assert_eq!(open(backend).await, 0);
}

pub async fn delivered_bought_and_rejected_lines_stand_beside_each_other(backend: &dyn SlowLaneBackend) {
    let ids = stock(backend, "sku-a", 3).await;
    let lines = vec![
        claimed_line(1, "sku-a", &ids[..1]),
        wanted_line(2, "sku-a", 5),
        ledger_line(3, "sku-a", 5),
        top_up_line(5, "sku-c", "+8613800000000"),
        wanted_line(7, "sku-a", 2),
    ];
    let order = processing(backend, order("o-1", lines)).await;
    assert_eq!(delivered(&order.lines[0]), ids[..1]);
    assert!(is_processing(&order.lines[1]) && is_processing(&order.lines[3]));
    assert_eq!(rejected(&order.lines[2]), ReasonCode::OutOfStock);
    assert_eq!(delivered(&order.lines[4]), ids[1..]);
    assert_eq!(order.reason, None);
    assert_eq!(stands(backend, "o-1").await, order);
    let mut lines: Vec<u32> = lease(backend, "w-1", 10).await.iter().map(|leased| leased.line_no.0).collect();
    lines.sort_unstable();
    assert_eq!(lines, [2, 5]);
    assert_balance(backend, 3, 0, 3).await;
}

pub async fn a_procurement_says_what_its_line_needs(backend: &dyn SlowLaneBackend) {
    let until = Timestamp::parse("2199-12-31T23:59:59.123456Z").unwrap();
    let lines = vec![wanted_line(1, "sku-a", 7), top_up_line(4, "sku-b", "account 4")];
    processing(backend, ProposedOrder { expires_at: Some(until), ..order("o-1", lines) }).await;
    processing(backend, wanted("o-2", "sku-a", 1)).await;
    let mut leased = lease(backend, "w-1", 10).await;
    leased.sort_by_key(|procurement| (procurement.order_id.clone(), procurement.line_no));
    let [keys, top_up, other] = &leased[..] else { panic!("three are due: {leased:?}") };
    assert_eq!((keys.line_no.0, &keys.sku, keys.quantity), (1, &sku("sku-a"), quantity(7)));
    assert_eq!((&keys.need, keys.expires_at), (&need(), Some(until)));
    assert_eq!((top_up.line_no.0, &top_up.sku, top_up.quantity), (4, &sku("sku-b"), quantity(1)));
    assert_eq!(top_up.need.recharge.as_ref().unwrap().account, "account 4");
    assert_eq!(top_up.expires_at, Some(until));
    assert_eq!((other.order_id.as_str(), other.expires_at), ("o-2", None));
    for procurement in &leased {
        assert_eq!((procurement.held, &procurement.attempts), (0, &vec![]));
        assert_eq!(procurement.lease.worker, worker("w-1"));
        assert!(procurement.made_at <= procurement.now, "{procurement:?}");
    }
    assert_ne!(keys.lease.procurement, top_up.lease.procurement);
}

pub async fn a_repeat_gets_the_stored_order(backend: &dyn SlowLaneBackend) {
    let first = processing(backend, wanted("o-1", "sku-a", 2)).await;
    // Stock that came meanwhile is no reason to judge anew.
    stock(backend, "sku-a", 9).await;
    let again = repeat(judge_one(backend, wanted("o-1", "sku-a", 2)).await);
    assert_eq!(bytes(&again), bytes(&first));
    assert_eq!(open(backend).await, 1);
    let other = ProposedOrder { body_hash: body("other"), ..wanted("o-1", "sku-x", 2) };
    assert!(matches!(judge_one(backend, other).await, Judgement::Conflict(_)));
    assert_eq!((open(backend).await, available(backend, "sku-a").await.len()), (1, 9));
}

pub async fn a_batch_recorded_twice_makes_one_procurement_each(backend: &dyn SlowLaneBackend) {
    let batch: Vec<Entry> = (0..40)
        .map(|at| order(&format!("o-{at}"), vec![wanted_line(1, "sku-a", 2), top_up_line(2, "sku-b", "account")]))
        .map(Entry::Order)
        .collect();
    let first = backend.ledger().record(&batch).await.unwrap();
    let again = backend.ledger().record(&batch).await.unwrap();
    for (first, again) in first.into_iter().zip(again) {
        assert_eq!(new(first), repeat(again));
    }
    let leased = lease(backend, "w-1", 1_000).await;
    assert_eq!(leased.len(), 80);
    for order in 0..40 {
        let of_it = leased.iter().filter(|procurement| procurement.order_id == order_id(&format!("o-{order}")));
        assert_eq!(of_it.count(), 2);
    }
}

pub async fn one_order_in_two_workers_makes_one_procurement(backend: &dyn SlowLaneBackend) {
    for round in 0..10 {
        let name = format!("o-{round}");
        let proposed = || wanted(&name, "sku-a", 2);
        let (a, b) = tokio::join!(judge_one(backend, proposed()), judge_one(backend, proposed()));
        match (a, b) {
            (Judgement::New(a), Judgement::Repeat(b)) | (Judgement::Repeat(a), Judgement::New(b)) => assert_eq!(a, b),
            (a, b) => panic!("one is new and one a repeat, not {a:?} and {b:?}"),
        }
        assert_eq!(lease(backend, "w-1", 10).await.len(), 1);
    }
}

pub async fn an_order_that_is_refused_or_lost_makes_none(backend: &dyn SlowLaneBackend) {
    let ids = stock(backend, "sku-a", 1).await;
    let now = new(judge_one(backend, claimed("o-0", "sku-a", &ids)).await).decided_at;
    let expired = ProposedOrder { expires_at: Some(later(now, -1)), ..wanted("o-1", "sku-b", 1) };
    assert_eq!(new(judge_one(backend, expired).await).reason.unwrap().code, ReasonCode::Expired);
    let no = Proposal::Refuse(Reason::new(ReasonCode::InvalidOrder, "\"lines\" is missing"));
    new(judge_one(backend, ProposedOrder { proposal: no, ..wanted("o-2", "sku-b", 1) }).await);
    let lines = vec![claimed_line(1, "sku-a", &ids), bought_line(2, "sku-b", 1)];
    assert!(matches!(judge_one(backend, order("o-3", lines)).await, Judgement::Lost(_)));
    assert_eq!(lease(backend, "w-1", 10).await, []);
    // Claimed anew, it is there once.
    let lines = vec![wanted_line(1, "sku-a", 1), bought_line(2, "sku-b", 1)];
    processing(backend, order("o-3", lines)).await;
    assert_eq!(lease(backend, "w-1", 10).await.len(), 2);
}

pub async fn who_records_announces_so_nothing_is_owed(backend: &dyn SlowLaneBackend) {
    processing(backend, wanted("o-1", "sku-a", 2)).await;
    assert_eq!(owed(backend).await, []);
    assert!(!file(backend, "o-1").await.owed);
}
