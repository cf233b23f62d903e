//! The suite of procurements and reviews over a data folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod folder;

mod procurements {
    fulfil_contract::procurements_suite!(crate::folder::fresh);
}
