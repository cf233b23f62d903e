//! Metrics of the slow lane. Labels are bounded: suppliers are those configured, ends are a closed list.

use fulfil_contract::{
    procurement::{Placed, ProcurementCounts},
    supplier::SupplierName,
};
use metrics::{counter, describe_counter, describe_gauge, gauge};

pub const ENDED: &str = "fulfil_procurements_ended_total";
pub const VISITS: &str = "fulfil_procurement_visits";
pub const BROKEN_OFF: &str = "fulfil_procurement_visits_broken_off_total";
pub const OPEN: &str = "fulfil_procurements_open";
pub const DUE: &str = "fulfil_procurements_due";
pub const IN_REVIEW: &str = "fulfil_procurements_in_review";
pub const REVIEWS: &str = "fulfil_reviews_open";
pub const OLDEST: &str = "fulfil_procurement_oldest_seconds";
pub const KEYS_KNOWN: &str = "fulfil_supplier_keys_known_total";
pub const KEYS_SURPLUS: &str = "fulfil_supplier_keys_surplus_total";
pub const KEYS_MISSING: &str = "fulfil_supplier_keys_missing_total";
pub const CALLBACKS: &str = "fulfil_callbacks_total";

pub(super) fn describe() {
    describe_counter!(ENDED, "Procurements of this process that ended, by how (label how).");
    describe_gauge!(VISITS, "Procurements that this process works on now.");
    describe_counter!(BROKEN_OFF, "Visits that were broken off; their procurements go on when the lease lapses.");
    describe_gauge!(OPEN, "Procurements that wait for goods, in the whole ledger.");
    describe_gauge!(DUE, "Of these, due now and held by nobody: work that workers do not keep up with.");
    describe_gauge!(IN_REVIEW, "Lines that wait for a person's decision.");
    describe_gauge!(REVIEWS, "Reviews that nobody has resolved.");
    describe_gauge!(OLDEST, "Age of the oldest open procurement.");
    describe_counter!(KEYS_KNOWN, "Keys from a supplier (label supplier) that the ledger had already.");
    describe_counter!(KEYS_SURPLUS, "Keys from a supplier (label supplier) beyond what was bought; they are in stock.");
    describe_counter!(KEYS_MISSING, "Keys that a supplier (label supplier) was paid for and did not give.");
    describe_counter!(CALLBACKS, "Callbacks by supplier and what was done with them (label outcome).");
}

pub fn ended(how: &'static str) {
    counter!(ENDED, "how" => how).increment(1);
}

pub fn visits(now: usize) {
    gauge!(VISITS).set(now as f64);
}

pub fn broken_off() {
    counter!(BROKEN_OFF).increment(1);
}

pub fn placed(supplier: &SupplierName, placed: &Placed) {
    for (name, count) in [(KEYS_KNOWN, placed.known), (KEYS_SURPLUS, placed.surplus), (KEYS_MISSING, placed.missing)] {
        if count > 0 {
            counter!(name, "supplier" => supplier.to_string()).increment(count.into());
        }
    }
}

pub fn counts(counts: &ProcurementCounts) {
    gauge!(OPEN).set(counts.open as f64);
    gauge!(DUE).set(counts.due as f64);
    gauge!(IN_REVIEW).set(counts.in_review as f64);
    gauge!(REVIEWS).set(counts.reviews_open as f64);
    gauge!(OLDEST).set(counts.oldest_seconds.unwrap_or(0) as f64);
}

pub fn callback(supplier: &SupplierName, outcome: &'static str) {
    counter!(CALLBACKS, "supplier" => supplier.to_string(), "outcome" => outcome).increment(1);
}
