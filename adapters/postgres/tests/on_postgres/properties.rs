//! The properties of the ledger: a database of its own for each sequence.

use fulfil_contract::conformance::properties;

#[test]
fn the_ledger_does_what_its_model_does() {
    properties::ledger(48, crate::private::fresh_ledger);
}
