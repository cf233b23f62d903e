//! The ports' suites: a database of its own for each case.

mod ledger {
    fulfil_contract::ledger_suite!(crate::private::fresh_ledger);
}

mod stock_ledger {
    fulfil_contract::stock_ledger_suite!(crate::private::fresh_ledger);
}

mod books {
    fulfil_contract::books_suite!(crate::private::fresh_ledger);
}

mod procurements {
    fulfil_contract::procurements_suite!(crate::private::fresh_ledger);
}
