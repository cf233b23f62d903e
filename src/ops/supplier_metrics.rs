//! Metrics of suppliers and of what stands around them. Labels are bounded: suppliers are those configured, the
//! others closed lists. Nothing here names an order, a product or a key.

use std::time::Duration;

use fulfil_contract::supplier::SupplierName;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

pub const CALLS: &str = "fulfil_supplier_calls_total";
pub const CALL_SECONDS: &str = "fulfil_supplier_call_seconds";
pub const IN_FLIGHT: &str = "fulfil_supplier_calls_in_flight";
pub const BREAKER: &str = "fulfil_supplier_breaker_state";
pub const RETRIES: &str = "fulfil_supplier_retries_total";
pub const RETRIES_REFUSED: &str = "fulfil_supplier_retries_refused_total";
pub const REFUSED: &str = "fulfil_supplier_guard_refusals_total";
pub const BALANCE: &str = "fulfil_supplier_balance_minor_units";

/// What the breaker's gauge shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    Closed,
    HalfOpen,
    Open,
}

/// Every metric of this file in words; with those of the other files, once per process.
pub fn describe() {
    describe_counter!(CALLS, "Calls by supplier, kind (buy, query, offers, balance) and outcome, retries too.");
    describe_histogram!(CALL_SECONDS, Unit::Seconds, "How long a call took (labels supplier, kind).");
    describe_gauge!(IN_FLIGHT, "Permits for calls to a supplier (label supplier) that are held now.");
    describe_gauge!(BREAKER, "The breaker of a supplier (label supplier): 0 closed, 1 half open, 2 open.");
    describe_counter!(RETRIES, "Queries that were made again for want of a clear answer (label supplier).");
    describe_counter!(
        RETRIES_REFUSED,
        "Queries that were not made again, the retry budget being spent (label supplier)."
    );
    describe_counter!(
        REFUSED,
        "Calls that the guards of a supplier did not let through, by why (labels supplier, why)."
    );
    describe_gauge!(BALANCE, "Our balance at a supplier (label supplier), in minor units of its currency.");
}

pub fn called(supplier: &SupplierName, kind: &'static str, outcome: &'static str, took: Duration) {
    counter!(CALLS, "supplier" => supplier.to_string(), "kind" => kind, "outcome" => outcome).increment(1);
    histogram!(CALL_SECONDS, "supplier" => supplier.to_string(), "kind" => kind).record(took);
}

/// A permit was given.
pub fn entered(supplier: &SupplierName) {
    gauge!(IN_FLIGHT, "supplier" => supplier.to_string()).increment(1.0);
}

/// A permit is gone.
pub fn left(supplier: &SupplierName) {
    gauge!(IN_FLIGHT, "supplier" => supplier.to_string()).decrement(1.0);
}

pub fn breaker(supplier: &SupplierName, state: Breaker) {
    let shown = match state {
        Breaker::Closed => 0.0,
        Breaker::HalfOpen => 1.0,
        Breaker::Open => 2.0,
    };
    gauge!(BREAKER, "supplier" => supplier.to_string()).set(shown);
}

pub fn retried(supplier: &SupplierName) {
    counter!(RETRIES, "supplier" => supplier.to_string()).increment(1);
}

pub fn retry_refused(supplier: &SupplierName) {
    counter!(RETRIES_REFUSED, "supplier" => supplier.to_string()).increment(1);
}

pub fn refused(supplier: &SupplierName, why: &'static str) {
    counter!(REFUSED, "supplier" => supplier.to_string(), "why" => why).increment(1);
}

pub fn balance(supplier: &SupplierName, minor_units: i64) {
    gauge!(BALANCE, "supplier" => supplier.to_string()).set(minor_units as f64);
}
