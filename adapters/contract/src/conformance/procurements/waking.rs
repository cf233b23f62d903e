//! What makes a waiting procurement due before its time: new stock, and a supplier's callback.

use crate::{
    attempt::{AttemptState, Change},
    conformance::procurements::samples::*,
    ports::procurements::Woken,
    procurement::{Procurement, Release, Released, SealedGoods},
    reason::{Reason, ReasonCode},
    supplier::About,
};

/// A procurement that waits for an hour.
async fn waiting(backend: &dyn SlowLaneBackend, id: &str, sku_text: &str, count: usize) -> Procurement {
    let of = leased(backend, order(id, vec![bought_line(1, sku_text, count)])).await;
    assert_eq!(release(backend, &of, wait(HOUR)).await.unwrap(), Released::Waiting);
    of
}

async fn due(backend: &dyn SlowLaneBackend) -> Vec<String> {
    let leased = lease(backend, "w-2", 100).await;
    let mut orders: Vec<String> = leased.iter().map(|procurement| procurement.order_id.to_string()).collect();
    orders.sort();
    orders
}

pub async fn new_stock_wakes_who_has_no_open_attempt(backend: &dyn SlowLaneBackend) {
    let attempted = leased(backend, wanted("attempted", "sku-a", 1)).await;
    send(backend, &attempted, "a", 1).await;
    assert_eq!(release(backend, &attempted, wait(HOUR)).await.unwrap(), Released::Waiting);
    let refused = leased(backend, wanted("refused", "sku-a", 1)).await;
    send_in_vain(backend, &refused, "b").await;
    assert_eq!(release(backend, &refused, wait(HOUR)).await.unwrap(), Released::Waiting);
    waiting(backend, "fresh", "sku-a", 1).await;
    waiting(backend, "other", "sku-b", 1).await;
    assert_eq!(due(backend).await, Vec::<String>::new());
    stock(backend, "sku-a", 1).await;
    assert_eq!(due(backend).await, ["fresh", "refused"]);
    stock(backend, "sku-c", 1).await;
    assert_eq!(due(backend).await, Vec::<String>::new());
}

pub async fn stock_that_is_left_over_wakes_too(backend: &dyn SlowLaneBackend) {
    waiting(backend, "o-1", "sku-a", 1).await;
    let surplus = leased(backend, order("o-2", vec![bought_line(1, "sku-a", 1)])).await;
    assert_eq!(buy(backend, &surplus, "a", &keys("sku-a", 0..2)).await.surplus, 1);
    let of = lease_one(backend, "w-2").await;
    assert_eq!(of.order_id, order_id("o-1"));
    assert_eq!(release(backend, &of, from_stock(HOUR)).await.unwrap(), Released::Filled);

    waiting(backend, "o-3", "sku-b", 1).await;
    let holds = leased(backend, order("o-4", vec![bought_line(1, "sku-b", 2)])).await;
    assert_eq!(buy(backend, &holds, "b", &keys("sku-b", 0..1)).await.missing, 1);
    let no = Reason::new(ReasonCode::SuppliersUnavailable, "the line's time is over");
    assert_eq!(release(backend, &holds, Release::Reject(no)).await.unwrap(), Released::Rejected);
    assert_eq!(due(backend).await, ["o-3"]);
    assert_balance(backend, 3, 1, 2).await;
}

pub async fn who_works_on_it_is_not_disturbed(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, order("o-1", vec![bought_line(1, "sku-a", 1)])).await;
    stock(backend, "sku-a", 3).await;
    assert_eq!(lease(backend, "w-2", 10).await, []);
    assert_eq!(buy(backend, &of, "a", &keys("sku-a", 10..11)).await, WHOLE);
}

pub async fn an_import_beside_a_look_into_stock_is_not_missed(backend: &dyn SlowLaneBackend) {
    for round in 0..20 {
        let sku_text = format!("sku-{round}");
        let of = leased(backend, wanted(&format!("o-{round}"), &sku_text, 1)).await;
        let file = [new_key(&sku_text, 1)];
        let (released, imported) =
            tokio::join!(release(backend, &of, from_stock(HOUR)), backend.stock_ledger().import(&file, BUCKETS));
        assert_eq!(imported.unwrap().len(), 1);
        if released.unwrap() == Released::Waiting {
            let again = lease_one(backend, "w-2").await;
            assert_eq!(again.lease.procurement, of.lease.procurement, "it looked before the key was there: it is due");
            assert_eq!(release(backend, &again, from_stock(HOUR)).await.unwrap(), Released::Filled);
        }
    }
}

pub async fn a_callback_wakes_by_our_reference_or_their_id(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let sent = send(backend, &of, "a", 1).await;
    let accepted = Change { their_id: Some("T-1".into()), ..Change::of(&sent, AttemptState::Accepted) };
    let accepted = backend.procurements().change(&of.lease, &accepted, LIMITS).await.unwrap();
    assert_eq!(release(backend, &of, wait(HOUR)).await.unwrap(), Released::Waiting);
    waiting(backend, "o-2", "sku-a", 1).await;

    let wake = async |name: &str, about: About| backend.procurements().wake(&supplier(name), &about).await.unwrap();
    let ours = || About::Reference(reference("a"));
    let theirs = || About::TheirId("T-1".into());
    // What is another supplier's, or nobody's, wakes nothing.
    assert_eq!(wake("second", ours()).await, None);
    assert_eq!(wake("second", theirs()).await, None);
    assert_eq!(wake("first", About::Reference(reference("b"))).await, None);
    assert_eq!(wake("first", About::TheirId("T-2".into())).await, None);
    assert_eq!(due(backend).await, Vec::<String>::new());
    for about in [ours(), theirs()] {
        let woken = wake("first", about).await.unwrap();
        assert_eq!(woken, Woken { attempt: accepted.clone(), sku: sku("sku-a"), recharge: false });
        let of = lease_one(backend, "w-2").await;
        assert_eq!(of.order_id, order_id("o-1"));
        assert_eq!(release(backend, &of, wait(HOUR)).await.unwrap(), Released::Waiting);
    }
    let of = leased(backend, top_up("o-3", "sku-topup")).await;
    let attempt = send(backend, &of, "c", 1).await;
    let woken = wake("first", About::Reference(reference("c"))).await.unwrap();
    assert_eq!(woken, Woken { attempt, sku: sku("sku-topup"), recharge: true });
    assert_eq!(due(backend).await, Vec::<String>::new(), "whoever works on it keeps the lease");
    assert_eq!(deliver(backend, &of, &woken.attempt, &SealedGoods::Recharge { receipt: None }).await.unwrap(), WHOLE);
}

pub async fn a_callback_about_what_is_final_wakes_nothing(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    let refused = send_in_vain(backend, &of, "a").await;
    let wake = async |text: &str| {
        let about = About::Reference(reference(text));
        backend.procurements().wake(&supplier("first"), &about).await.unwrap().unwrap().attempt
    };
    assert_eq!(wake("a").await, refused);
    assert_eq!(release(backend, &of, wait(HOUR)).await.unwrap(), Released::Waiting);
    assert_eq!(wake("a").await, refused);
    assert_eq!(due(backend).await, Vec::<String>::new());
    stock(backend, "sku-a", 1).await;
    let of = lease_one(backend, "w-1").await;
    assert_eq!(buy(backend, &of, "b", &keys("sku-a", 10..11)).await, WHOLE);
    assert_eq!(wake("b").await.state, AttemptState::Delivered);
    assert_eq!(due(backend).await, Vec::<String>::new());
}

pub async fn a_callback_during_a_visit_is_not_forgotten(backend: &dyn SlowLaneBackend) {
    let of = leased(backend, wanted("o-1", "sku-a", 1)).await;
    send(backend, &of, "a", 1).await;
    let about = About::Reference(reference("a"));
    assert!(backend.procurements().wake(&supplier("first"), &about).await.unwrap().is_some());
    assert_eq!(due(backend).await, Vec::<String>::new());
    // The visit asked the supplier before, and knows nothing of it.
    assert_eq!(release(backend, &of, wait(HOUR)).await.unwrap(), Released::Waiting);
    let of = lease_one(backend, "w-2").await;
    assert_eq!(release(backend, &of, wait(HOUR)).await.unwrap(), Released::Waiting);
    assert_eq!(due(backend).await, Vec::<String>::new(), "once");
}
