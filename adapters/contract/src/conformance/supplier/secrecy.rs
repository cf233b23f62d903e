//! What may be logged holds no key and no secret, though the supplier's answers echo them.

use std::{fmt::Debug, time::Duration};

use super::{Basket, Behaviour, SupplierBench, With, buy, query, reference};
use crate::supplier::Bought;

/// Nothing of an answer is longer than this in its `Debug` text: whole bodies are not passed on.
const MOST_SHOWN: usize = 1_500;

pub async fn no_key_and_no_secret_is_shown(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let basket = Basket::keys(bench.speaks(), 1, 3);
    let bought = buy(&supplier, &basket).await;
    let their_id = match &bought {
        Bought::Delivered { their_id, .. } | Bought::Accepted { their_id } => their_id.clone(),
        Bought::Refused(_) | Bought::Unknown { .. } | Bought::NotSent { .. } => panic!("{bought:?}"),
    };
    let mut shown = vec![text(&bought)];
    shown.push(text(&query(&supplier, &basket, their_id.as_deref()).await));
    shown.push(text(&buy(&supplier, &basket).await));
    shown.push(text(&supplier.offers(&[bench.speaks().keys.product.clone()]).await));
    shown.push(text(&supplier.balance().await));
    assert_none_shown(&bench, &shown).await;
}

pub async fn failures_show_no_key_and_no_secret(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::Right);
    let mut shown = Vec::new();
    let behaviours = [
        Behaviour::Html,
        Behaviour::ServerError,
        Behaviour::LostAfterBuying,
        Behaviour::LostBeforeBuying,
        Behaviour::Throttled(Duration::from_secs(1)),
        Behaviour::OutOfStock,
        Behaviour::LowBalance,
        Behaviour::PriceMoved,
        Behaviour::DoneWithoutKeys,
        Behaviour::QueriesHtml,
        Behaviour::QueriesFail,
        Behaviour::QueriesLost,
        Behaviour::Unreachable,
    ];
    for (number, behaviour) in (1..).zip(behaviours) {
        bench.behave(behaviour).await;
        let basket = Basket { reference: reference(number), ..Basket::keys(bench.speaks(), number, 2) };
        shown.push(text(&buy(&supplier, &basket).await));
        shown.push(text(&query(&supplier, &basket, None).await));
        shown.push(error_text(supplier.offers(&[bench.speaks().keys.product.clone()]).await));
        shown.push(error_text(supplier.balance().await));
    }
    bench.behave(Behaviour::Honest).await;
    let stranger = bench.supplier(With::WrongCredentials);
    shown.push(text(&buy(&stranger, &Basket::keys(bench.speaks(), 99, 1)).await));
    shown.push(error_text(stranger.balance().await));
    assert!(!bench.sold().await.is_empty(), "some of these were bought, so there are keys to look for");
    assert_none_shown(&bench, &shown).await;
}

fn text(answer: &impl Debug) -> String {
    format!("{answer:?}")
}

/// As a log and as a person see it.
fn error_text<T: Debug, E: Debug + std::fmt::Display>(answer: Result<T, E>) -> String {
    match answer {
        Ok(answer) => text(&answer),
        Err(error) => format!("{error} {error:?}"),
    }
}

async fn assert_none_shown(bench: &impl SupplierBench, shown: &[String]) {
    let keys = bench.sold().await.into_iter().flat_map(|sold| sold.keys);
    for hidden in keys.chain(bench.speaks().secrets.iter().cloned()) {
        assert!(!hidden.is_empty());
        for text in shown {
            assert!(!text.contains(&hidden), "a key or a secret is shown: {text}");
        }
    }
    for text in shown {
        assert!(text.len() <= MOST_SHOWN, "a whole body is shown: {text}");
    }
}
