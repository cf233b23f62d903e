//! The suite of the port [`Supplier`].
//!
//! What it holds every adapter to, beyond the port's own words:
//! - After whatever happened to a purchase, what the adapter says is true by the supplier's own log: delivered
//!   and refused only for sure, not-found only where nothing was bought, unknown otherwise.
//! - A supplier whose query can't look up our reference never says not-found.
//! - A query that gets no answer, or one that is not of the protocol, is unclear, never not-found.
//! - No key, no secret and no whole body stands in the `Debug` text of an answer or in an error.
//!
//! `fulfil_contract::supplier_suite!(fresh)` makes one test per case; `fresh` is an async function that gives a
//! [`SupplierBench`] over a supplier's double that nothing was bought from, and whatever must live as long as
//! it does: `async fn fresh() -> (Bench, Guard)`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a suite: a call that fails is a test that fails")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    attempt::Reference,
    money::{Currency, MinorUnits},
    order::Recharge,
    ports::supplier::Supplier,
    supplier::{RefusalCode, SupplierProduct},
};

mod basket;
pub mod buying;
pub mod calling_back;
pub mod losing;
pub mod pending;
pub mod querying;
pub mod refusing;
pub mod repeating;
pub mod secrecy;
pub mod telling;

use basket::{
    Basket, assert_goods, assert_nothing_sold, assert_sold_once, buy, goods, goods_by_query, query, recovered,
    reference, sold_once, unknown,
};

/// What the suite runs over: an adapter, and a double of its supplier that can be told how to behave and that
/// keeps a log of its own.
#[async_trait]
pub trait SupplierBench: Send + Sync + 'static {
    /// The adapter under test, set up for the double as `with` says. Several may be asked for.
    fn supplier(&self, with: With) -> Arc<dyn Supplier>;

    /// What the protocol has, and what the double sells.
    fn speaks(&self) -> &Speaks;

    /// From now on the supplier behaves so. Every earlier behaviour ends, but the course of an order that was
    /// bought under it goes on.
    async fn behave(&self, behaviour: Behaviour);

    /// What the supplier sold, as its own log says, the oldest first.
    async fn sold(&self) -> Vec<Sold>;

    /// A callback about the purchase under `reference`, as the supplier would send it now; `None` where the
    /// protocol has none.
    async fn callback(&self, reference: &Reference, how: Signed) -> Option<SentCallback>;
}

/// How the adapter is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    /// Right in all, with a time limit of some seconds.
    Right,
    /// The account exists; its key, secret or password is another.
    WrongCredentials,
    /// No request lasts longer than this.
    TimeLimit(Duration),
}

/// How the supplier behaves. Only purchases are touched unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Honest,
    /// Buys, then closes the connection without an answer.
    LostAfterBuying,
    /// Closes the connection without an answer, and buys nothing.
    LostBeforeBuying,
    /// Nothing listens: every call is refused by the machine.
    Unreachable,
    /// Buys, then answers only after this.
    Slow(Duration),
    /// Buys, then answers with status 200 and an HTML page.
    Html,
    /// Buys, then answers with status 500.
    ServerError,
    /// Buys nothing: status 429, and when to come again.
    Throttled(Duration),
    OutOfStock,
    LowBalance,
    /// It costs more than the purchase allows.
    PriceMoved,
    /// Bought; the goods are there when this many queries were made.
    PendingFor(u32),
    PendingForEver,
    /// Bought, and called done, but no key is told: a text in its place, or nothing.
    DoneWithoutKeys,
    /// Bought, then cancelled and paid back in full.
    Cancelled,
    /// Bought, then refunded in full.
    Refunded,
    /// Bought, then refunded in part.
    RefundedInPart,
    /// Buys as usual; closes the connection of every other call without an answer.
    QueriesLost,
    /// Buys as usual; answers every other call with status 200 and an HTML page.
    QueriesHtml,
    /// Buys as usual; answers every other call with status 500.
    QueriesFail,
}

/// What the protocol has, and what the double sells.
#[derive(Debug, Clone)]
pub struct Speaks {
    /// Keys, on sale, at least 300 in stock.
    pub keys: Wanted,
    pub top_up: Option<(Wanted, Recharge)>,
    /// A product that is shaped right and not sold.
    pub unknown: SupplierProduct,
    pub out_of_stock: Told,
    pub low_balance: Told,
    pub price_moved: Told,
    pub unknown_product: Told,
    pub wrong_credentials: Told,
    /// Orders can be cancelled or refunded in full after they were accepted.
    pub refunds: bool,
    /// … and in part.
    pub part_refunds: bool,
    /// The adapter tells offers; of their stock too.
    pub offers: bool,
    pub stock: bool,
    /// The adapter tells the balance, and it is this before anything is bought, in minor units.
    pub balance: Option<i64>,
    pub callbacks: Option<CallbackTraits>,
    /// Texts that are to be shown nowhere: keys of the account, secrets, tokens.
    pub secrets: Vec<String>,
}

/// A product, and the most that may be paid for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub product: SupplierProduct,
    pub unit_price: MinorUnits,
    pub currency: Currency,
}

/// How a refusal can be read from the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Refused, with one of these codes.
    As(&'static [RefusalCode]),
    /// The protocol tells it apart from other failures nowhere: unknown, and a query settles it.
    Unclear,
    /// The protocol has no such check: it is bought; or the adapter refuses it by itself with one of these.
    Unchecked(&'static [RefusalCode]),
}

/// How callbacks of the protocol are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallbackTraits {
    /// The signature covers the body, not only a secret that stands beside it.
    pub signs_body: bool,
    /// The signature covers the time, so an old callback can be told.
    pub signs_time: bool,
}

/// A purchase in the supplier's own log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    pub reference: String,
    pub quantity: u32,
    /// In the supplier's order, each as the adapter is to tell it. Of a pending one, those that will come.
    pub keys: Vec<String>,
    /// The account that was topped up, as [`Recharge::account`] names it.
    pub account: Option<String>,
}

/// How a callback is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Rightly,
    WithAnotherSecret,
    /// Signed rightly, then its content was changed.
    ThenChanged,
}

/// A callback as it arrives at [`Supplier::read_callback`].
#[derive(Debug, Clone)]
pub struct SentCallback {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub path: String,
    pub body: Vec<u8>,
}

/// One test per case, over the bench that `$fresh` gives.
#[macro_export]
macro_rules! supplier_suite {
    ($fresh:path) => {
        $crate::supplier_suite! { $fresh;
            buying::a_key_is_bought_once,
            buying::three_keys_in_order,
            buying::as_many_keys_as_one_purchase_takes,
            buying::a_top_up_is_made_once,
            buying::without_top_ups_none_is_made,
            buying::two_references_are_two_purchases,
            buying::a_purchase_whose_time_is_over_is_not_sent,
            buying::purchases_at_once_get_their_own_keys,
            losing::a_reply_lost_after_buying_is_unknown,
            losing::a_reply_lost_before_buying_is_unknown,
            losing::a_top_up_whose_reply_is_lost_is_made_once,
            losing::not_reachable_is_not_sent,
            losing::beyond_the_time_limit_is_unknown,
            losing::html_with_status_200_is_unknown,
            losing::status_500_is_unknown,
            losing::it_goes_on_when_the_supplier_is_back,
            refusing::out_of_stock,
            refusing::low_balance,
            refusing::the_price_moved,
            refusing::an_unknown_product,
            refusing::wrong_credentials,
            refusing::too_many_requests,
            repeating::a_delivered_purchase_sent_again,
            repeating::a_lost_purchase_sent_again,
            repeating::a_purchase_that_never_arrived_sent_again,
            pending::pending_then_delivered,
            pending::a_pending_top_up_is_made,
            pending::pending_for_ever_stays_pending,
            pending::done_without_keys_is_never_delivered,
            pending::cancelled_is_refused,
            pending::refunded_in_full_is_refused,
            pending::refunded_in_part_is_not_refused,
            querying::a_reference_that_was_never_sent,
            querying::asked_twice_the_same_is_told,
            querying::a_lost_answer_is_unclear,
            querying::html_is_unclear,
            querying::status_500_is_unclear,
            querying::not_reachable_is_unclear,
            querying::wrong_credentials_are_unclear,
            telling::offers_of_what_is_sold,
            telling::the_balance_falls_with_a_purchase,
            telling::not_reachable_is_told,
            telling::promises_are_sound,
            calling_back::a_right_callback_is_a_hint,
            calling_back::another_secret_is_refused,
            calling_back::a_changed_callback_is_refused,
            calling_back::an_old_callback_is_refused,
            calling_back::noise_is_refused,
            secrecy::no_key_and_no_secret_is_shown,
            secrecy::failures_show_no_key_and_no_secret,
        }
    };
    ($fresh:path; $($part:ident :: $case:ident,)+) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (bench, _guard) = $fresh().await;
                $crate::conformance::supplier::$part::$case(bench).await;
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    /// A case that the macro does not name would never run.
    #[test]
    fn the_macro_names_every_case() {
        let macro_text = include_str!("supplier.rs");
        for (part, text) in [
            ("buying", include_str!("supplier/buying.rs")),
            ("calling_back", include_str!("supplier/calling_back.rs")),
            ("losing", include_str!("supplier/losing.rs")),
            ("pending", include_str!("supplier/pending.rs")),
            ("querying", include_str!("supplier/querying.rs")),
            ("refusing", include_str!("supplier/refusing.rs")),
            ("repeating", include_str!("supplier/repeating.rs")),
            ("secrecy", include_str!("supplier/secrecy.rs")),
            ("telling", include_str!("supplier/telling.rs")),
        ] {
            let cases: Vec<_> =
                text.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next()).collect();
            assert!(!cases.is_empty());
            for case in cases {
                assert!(macro_text.contains(&format!("{part}::{case},")), "{part}::{case} is not in the macro");
            }
        }
    }
}
