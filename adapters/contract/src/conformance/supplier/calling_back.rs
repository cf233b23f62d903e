//! Callbacks: a hint if the signature and the age are right, and nothing otherwise.

use super::{Basket, SentCallback, Signed, SupplierBench, With, goods};
use crate::{
    attempt::Reference,
    ports::supplier::{CallbackRefused, Supplier},
    supplier::{About, Callback, Hint},
    time::Timestamp,
};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

fn read(supplier: &dyn Supplier, sent: &SentCallback, now: Timestamp) -> Result<Hint, CallbackRefused> {
    let SentCallback { headers, path, body } = sent;
    supplier.read_callback(Callback { headers, path, body, now })
}

/// A callback about a delivered purchase, one per reference; empty where the protocol has none.
async fn callbacks(
    bench: &impl SupplierBench,
    supplier: &std::sync::Arc<dyn Supplier>,
    how: Signed,
) -> Vec<(Reference, SentCallback)> {
    let mut sent = Vec::new();
    for number in [1, 2] {
        let basket = Basket::keys(bench.speaks(), number, 1);
        goods(supplier, &basket).await;
        if let Some(callback) = bench.callback(&basket.reference, how).await {
            sent.push((basket.reference, callback));
        }
    }
    assert_eq!(sent.len(), if bench.speaks().callbacks.is_some() { 2 } else { 0 });
    sent
}

pub async fn a_right_callback_is_a_hint(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let mut nonces = Vec::new();
    for (reference, sent) in callbacks(&bench, &supplier, Signed::Rightly).await {
        let hint = read(&*supplier, &sent, Timestamp::now()).unwrap_or_else(|error| panic!("{error}"));
        match &hint.about {
            About::Reference(about) => assert_eq!(*about, reference),
            About::TheirId(their_id) => assert!(!their_id.is_empty()),
        }
        let again = read(&*supplier, &sent, Timestamp::now()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again, hint, "a repeat can be told by its nonce");
        nonces.push(hint.nonce);
    }
    nonces.dedup();
    assert_eq!(nonces.len(), if bench.speaks().callbacks.is_some() { 2 } else { 0 }, "each has its own nonce");
}

pub async fn another_secret_is_refused(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    for (_, sent) in callbacks(&bench, &supplier, Signed::WithAnotherSecret).await {
        assert_eq!(read(&*supplier, &sent, Timestamp::now()), Err(CallbackRefused::Signature));
    }
}

pub async fn a_changed_callback_is_refused(bench: impl SupplierBench) {
    if !bench.speaks().callbacks.is_some_and(|traits| traits.signs_body) {
        return;
    }
    let supplier = bench.supplier(With::Right);
    for (_, sent) in callbacks(&bench, &supplier, Signed::ThenChanged).await {
        assert_eq!(read(&*supplier, &sent, Timestamp::now()), Err(CallbackRefused::Signature));
    }
}

pub async fn an_old_callback_is_refused(bench: impl SupplierBench) {
    if !bench.speaks().callbacks.is_some_and(|traits| traits.signs_time) {
        return;
    }
    let supplier = bench.supplier(With::Right);
    for (_, sent) in callbacks(&bench, &supplier, Signed::Rightly).await {
        for now in [Timestamp(Timestamp::now().0 + 2 * DAY), Timestamp(Timestamp::now().0 - 2 * DAY)] {
            let read = read(&*supplier, &sent, now);
            assert!(matches!(read, Err(CallbackRefused::Age(_))), "{read:?}");
        }
    }
}

/// Empty, without its headers, cut off, of another protocol: refused, each without a panic.
pub async fn noise_is_refused(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let mut noise: Vec<SentCallback> = [&b""[..], b"{}", b"[]", b"null", b"\xff\xfe", b"a=1&sign=2", b"<html>"]
        .into_iter()
        .map(|body| SentCallback { headers: Vec::new(), path: "/".into(), body: body.to_vec() })
        .collect();
    for (_, sent) in callbacks(&bench, &supplier, Signed::Rightly).await {
        let half = sent.body[..sent.body.len() / 2].to_vec();
        noise.push(SentCallback { body: half, ..sent.clone() });
        // Where the signature stands in the headers, it is gone.
        if !String::from_utf8_lossy(&sent.body).contains("sign") {
            noise.push(SentCallback { headers: Vec::new(), ..sent.clone() });
        }
    }
    for sent in noise {
        let read = read(&*supplier, &sent, Timestamp::now());
        match bench.speaks().callbacks {
            Some(_) => assert!(
                matches!(read, Err(CallbackRefused::Signature | CallbackRefused::Unreadable(_))),
                "{read:?} of {:?}",
                String::from_utf8_lossy(&sent.body)
            ),
            None => assert_eq!(read, Err(CallbackRefused::NotSpoken)),
        }
    }
}
