//! What every ledger does. A backend runs all of it with one line:
//!
//! ```text
//! mod ledger { fulfil_contract::ledger_suite!(super::fresh_backend); }
//! ```
//!
//! where `async fn fresh_backend() -> impl LedgerBackend` ([`LedgerBackend`](super::samples::LedgerBackend)).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a suite is test code")]

pub mod loss;
pub mod owing;
pub mod race;
pub mod refusal;
pub mod repeat;
pub mod sale;
pub mod take;
pub mod tries;

/// One test per case of the ledger's suite.
#[macro_export]
macro_rules! ledger_suite {
    ($make_backend:path) => {
        $crate::ledger_cases! { $make_backend, ledger,
            loss::a_key_claimed_under_another_sku_is_sold_once,
            loss::a_key_of_another_sku_is_unknown,
            loss::a_key_that_was_sold_is_gone,
            loss::a_lost_order_takes_nothing,
            loss::a_quarantined_key_is_gone,
            loss::every_gone_key_of_every_line_is_named,
            loss::many_lost_orders_in_one_batch,
            loss::neighbours_of_a_lost_order_are_recorded,
            owing::a_merchant_s_are_left_out_on_demand,
            owing::the_oldest_are_given_first,
            owing::what_is_owed_is_the_recorded_result,
            owing::what_is_paid_is_owed_no_more,
            race::batches_that_hold_each_other_s_keys_all_end,
            race::batches_that_hold_each_other_s_orders_all_end,
            race::one_key_offered_to_two_orders_is_sold_once,
            race::one_order_id_with_two_bodies_at_once,
            race::one_order_in_two_workers_is_new_once,
            race::takes_and_claims_at_once_share_the_stock,
            race::takes_at_once_never_sell_a_key_twice,
            refusal::a_refused_order_is_recorded_without_lines,
            refusal::a_refused_order_stays_refused_though_it_expired,
            refusal::an_expired_order_is_not_lost_for_its_keys,
            refusal::an_unreadable_message_in_two_workers_is_recorded_once,
            refusal::an_unreadable_message_is_recorded_once,
            refusal::every_reason_comes_back_as_it_went_in,
            refusal::expiry_is_judged_by_the_ledger_s_clock,
            repeat::a_repeat_beside_new_orders,
            repeat::a_repeat_gets_the_same_bytes,
            repeat::a_repeat_sells_nothing,
            repeat::a_stored_answer_wins_over_any_proposal,
            repeat::a_thousand_known_deliveries,
            repeat::another_body_is_a_conflict,
            repeat::each_other_body_is_a_conflict_of_its_own,
            repeat::known_deliveries_are_answered_without_a_claim,
            sale::a_batch_of_nothing,
            sale::a_full_batch,
            sale::a_new_order_is_sold_its_keys,
            sale::an_order_of_thousands_of_keys,
            sale::every_kind_of_entry_in_one_batch,
            sale::keys_of_a_line_rise,
            sale::lines_have_skus_and_quantities_of_their_own,
            take::a_line_is_filled_whole_or_not_at_all,
            take::a_refused_line_stands_beside_the_others,
            take::a_repeat_or_a_refusal_takes_nothing_from_the_others,
            take::delivered_beside_out_of_stock_is_partly_fulfilled,
            take::out_of_stock_ends_with_an_import,
            take::out_of_stock_is_not_unknown_sku,
            take::the_highest_ids_are_taken_first,
            take::what_a_neighbour_claimed_is_not_taken,
            tries::a_try_that_is_taken_back_counts_no_more,
            tries::forgotten_tries_start_again,
            tries::tries_are_counted_per_body,
            tries::a_try_is_counted_once_however_often_it_is_told,
            tries::of_tries_at_once_the_highest_is_kept,
        }
    };
}

/// One `#[tokio::test]` per case, over a fresh backend each.
#[doc(hidden)]
#[macro_export]
macro_rules! ledger_cases {
    ($make_backend:path, $suite:ident, $($file:ident :: $case:ident),+ $(,)?) => {$(
        #[::tokio::test]
        async fn $case() {
            let backend = $make_backend().await;
            $crate::conformance::$suite::$file::$case(&backend).await;
        }
    )+};
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_run() {
        let listed = include_str!("ledger.rs");
        let files = [
            ("loss", include_str!("ledger/loss.rs")),
            ("owing", include_str!("ledger/owing.rs")),
            ("race", include_str!("ledger/race.rs")),
            ("refusal", include_str!("ledger/refusal.rs")),
            ("repeat", include_str!("ledger/repeat.rs")),
            ("sale", include_str!("ledger/sale.rs")),
            ("take", include_str!("ledger/take.rs")),
            ("tries", include_str!("ledger/tries.rs")),
        ];
        for (file, text) in files {
            for name in text.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next()) {
                assert!(listed.contains(&format!("{file}::{name},")), "{file}::{name} is in no suite");
            }
        }
    }
}
