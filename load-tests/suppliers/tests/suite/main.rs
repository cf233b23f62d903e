//! The suite of the supplier port, tried on an adapter that is right, and on the same one with one fault at a
//! time: each has to be found by the case that is there for it.
#![expect(clippy::unwrap_used, reason = "a test: a call that fails is a test that fails")]

mod adapter;
mod wire;

use std::{future::Future, sync::Arc};

use adapter::{Adapter, Fault};
use fulfil_contract::conformance::supplier::{
    With, buying, calling_back, losing, pending, querying, refusing, repeating, secrecy, telling,
};
use supplier_doubles::{Protocol, bench::DoubleBench, bench::wrong};

async fn bench(fault: Option<Fault>) -> DoubleBench {
    DoubleBench::start(Protocol::Kinguin, move |double, with| {
        let credentials = match with {
            With::Right | With::TimeLimit(_) => double.credentials(),
            With::WrongCredentials => wrong(&double.credentials()),
        };
        let limit = match with {
            With::Right | With::WrongCredentials => std::time::Duration::from_secs(10),
            With::TimeLimit(limit) => limit,
        };
        Arc::new(Adapter { base: double.base_url(), credentials, limit, fault })
    })
    .await
}

async fn fresh() -> (DoubleBench, ()) {
    (bench(None).await, ())
}

fulfil_contract::supplier_suite!(fresh);

/// The case fails over an adapter with this fault.
async fn found<C: Future<Output = ()> + Send + 'static>(fault: Fault, case: impl FnOnce(DoubleBench) -> C) {
    let outcome = tokio::spawn(case(bench(Some(fault)).await)).await;
    assert!(outcome.is_err_and(|error| error.is_panic()), "{fault:?} is not found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_purchases_are_found() {
    found(Fault::LostIsNotSent, losing::a_reply_lost_after_buying_is_unknown).await;
    found(Fault::LostIsNotSent, losing::a_reply_lost_before_buying_is_unknown).await;
    found(Fault::FailedIsRefused, losing::status_500_is_unknown).await;
    found(Fault::PageIsRefused, losing::html_with_status_200_is_unknown).await;
    found(Fault::DarkIsUnknown, losing::not_reachable_is_not_sent).await;
    found(Fault::DarkIsOurs, losing::not_reachable_is_not_sent).await;
    found(Fault::LateIsTheirs, buying::a_purchase_whose_time_is_over_is_not_sent).await;
    found(Fault::DarkIsUnknown, telling::not_reachable_is_told).await;
    found(Fault::SlowIsRefused, losing::beyond_the_time_limit_is_unknown).await;
    found(Fault::SendsLate, buying::a_purchase_whose_time_is_over_is_not_sent).await;
    found(Fault::Twice, buying::a_key_is_bought_once).await;
    found(Fault::Twice, losing::it_goes_on_when_the_supplier_is_back).await;
    found(Fault::Backwards, buying::three_keys_in_order).await;
    found(Fault::FirstPage, buying::as_many_keys_as_one_purchase_takes).await;
    found(Fault::IgnoresAccounts, buying::without_top_ups_none_is_made).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_refusals_are_found() {
    found(Fault::AllIsUnknown, refusing::out_of_stock).await;
    found(Fault::AllIsUnknown, refusing::low_balance).await;
    found(Fault::AllIsUnknown, refusing::the_price_moved).await;
    found(Fault::AllIsUnknown, refusing::an_unknown_product).await;
    found(Fault::AllIsUnknown, refusing::wrong_credentials).await;
    found(Fault::NoTime, refusing::too_many_requests).await;
    found(Fault::PromisesRefused, repeating::a_delivered_purchase_sent_again).await;
    found(Fault::PromisesIdempotent, repeating::a_lost_purchase_sent_again).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_queries_are_found() {
    found(Fault::AnyKeysAreAll, pending::pending_then_delivered).await;
    found(Fault::PendingIsDone, pending::pending_for_ever_stays_pending).await;
    found(Fault::NothingIsRefused, pending::done_without_keys_is_never_delivered).await;
    found(Fault::BackIsPending, pending::cancelled_is_refused).await;
    found(Fault::BackIsPending, pending::refunded_in_full_is_refused).await;
    found(Fault::FewerIsRefused, pending::refunded_in_part_is_not_refused).await;
    found(Fault::UnclearIsNotFound, querying::a_lost_answer_is_unclear).await;
    found(Fault::UnclearIsNotFound, querying::html_is_unclear).await;
    found(Fault::UnclearIsNotFound, querying::status_500_is_unclear).await;
    found(Fault::UnclearIsNotFound, querying::not_reachable_is_unclear).await;
    found(Fault::UnclearIsNotFound, querying::wrong_credentials_are_unclear).await;
    found(Fault::NotFoundIsPending, querying::a_reference_that_was_never_sent).await;
    found(Fault::WrongBalance, telling::the_balance_falls_with_a_purchase).await;
    found(Fault::WrongPrice, telling::offers_of_what_is_sold).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_callbacks_and_texts_are_found() {
    found(Fault::AnySecret, calling_back::another_secret_is_refused).await;
    found(Fault::AnySecret, calling_back::noise_is_refused).await;
    found(Fault::OneNonce, calling_back::a_right_callback_is_a_hint).await;
    found(Fault::ShowsBodies, secrecy::failures_show_no_key_and_no_secret).await;
    found(Fault::ShowsSecrets, secrecy::no_key_and_no_secret_is_shown).await;
}
