//! What every ledger tells audits and support staff. A backend runs all of it with
//! `mod books { fulfil_contract::books_suite!(super::fresh_backend); }`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a suite is test code")]

pub mod balance;
pub mod order_file;

/// One test per case of the books' suite.
#[macro_export]
macro_rules! books_suite {
    ($make_backend:path) => {
        $crate::ledger_cases! { $make_backend, books,
            balance::a_balance_is_one_snapshot,
            balance::an_empty_ledger_balances,
            balance::imported_is_available_sold_and_quarantined,
            order_file::a_file_holds_order_conflicts_and_what_is_owed,
            order_file::an_unknown_order_has_no_file,
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_run() {
        let listed = include_str!("books.rs");
        let files =
            [("balance", include_str!("books/balance.rs")), ("order_file", include_str!("books/order_file.rs"))];
        for (file, text) in files {
            for name in text.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next()) {
                assert!(listed.contains(&format!("{file}::{name},")), "{file}::{name} is in no suite");
            }
        }
    }
}
