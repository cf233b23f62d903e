//! The ledger's suites over a data folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod folder;

mod ledger {
    fulfil_contract::ledger_suite!(crate::folder::fresh);
}
mod stock_ledger {
    fulfil_contract::stock_ledger_suite!(crate::folder::fresh);
}
mod books {
    fulfil_contract::books_suite!(crate::folder::fresh);
}
