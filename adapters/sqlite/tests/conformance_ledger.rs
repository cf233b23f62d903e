//! The ledger's suites over a data folder.

mod folder;

mod ledger {
    fulfil_contract::ledger_suite!(super::folder::fresh);
}
mod stock_ledger {
    fulfil_contract::stock_ledger_suite!(super::folder::fresh);
}
mod books {
    fulfil_contract::books_suite!(super::folder::fresh);
}
