//! What every ledger does for stock: imports, what it offers, leases and epochs. A backend runs all of it with
//! `mod stock_ledger { fulfil_contract::stock_ledger_suite!(super::fresh_backend); }`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a suite is test code")]

pub mod import;
pub mod loading;
pub mod offering;

/// One test per case of the stock ledger's suite.
#[macro_export]
macro_rules! stock_ledger_suite {
    ($make_backend:path) => {
        $crate::ledger_cases! { $make_backend, stock_ledger,
            import::a_large_import,
            import::a_repeated_fingerprint_is_imported_once,
            import::a_sold_key_is_still_a_repeat,
            import::buckets_of_a_known_sku_stay,
            import::crossed_imports_at_once,
            import::imports_at_once_commit_their_ids_in_order,
            import::new_keys_are_available,
            import::skus_of_one_call_are_told_apart,
            import::the_same_file_imported_twice_at_once,
            loading::a_lapsed_lease_is_given_to_another,
            loading::a_lease_is_given_once_to_two_at_once,
            loading::a_lease_is_one_worker_s,
            loading::a_lease_says_what_there_is_to_load,
            loading::a_sold_key_raises_only_the_epoch_that_began_after_its_sale,
            loading::an_epoch_is_raised_by_compare_and_set,
            loading::an_epoch_is_raised_once_by_two_at_once,
            loading::another_identity_is_adopted_by_one_of_two_at_once,
            loading::another_identity_raises_every_epoch_once,
            offering::a_sold_out_sku_offers_again_after_an_import,
            offering::a_window_is_open_below_and_closed_above,
            offering::buckets_share_the_ids,
            offering::still_available_is_judged_by_each_key_s_row,
            offering::what_is_sold_is_not_offered,
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_run() {
        let listed = include_str!("stock_ledger.rs");
        let files = [
            ("import", include_str!("stock_ledger/import.rs")),
            ("loading", include_str!("stock_ledger/loading.rs")),
            ("offering", include_str!("stock_ledger/offering.rs")),
        ];
        for (file, text) in files {
            for name in text.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next()) {
                assert!(listed.contains(&format!("{file}::{name},")), "{file}::{name} is in no suite");
            }
        }
    }
}
