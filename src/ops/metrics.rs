//! Every metric by name, with its unit and what it is good for (docs/metrics.md lists them for people).
//! No metric has an order id, a key or a merchant in a label.

use std::time::{Duration, Instant};

use fulfil_contract::ports::source::Delivery;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::pipeline::batch::{Announced, Tally};

/// Seconds, from a lone order's step to a stalled server.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
const ORDERS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1000.0];

pub const DELIVERIES: &str = "fulfil_deliveries_total";
pub const REDELIVERED: &str = "fulfil_redelivered_total";
pub const OUTCOMES: &str = "fulfil_outcomes_total";
pub const KEYS_DELIVERED: &str = "fulfil_keys_delivered_total";
pub const DEAD_LETTERS: &str = "fulfil_dead_letters_total";
pub const RESULTS_OWED: &str = "fulfil_results_owed_total";
pub const OWED_NOW: &str = "fulfil_results_owed";
pub const MESSAGES_PUBLISHED: &str = "fulfil_messages_published_total";
pub const BATCH_ORDERS: &str = "fulfil_batch_orders";
pub const BATCH_SECONDS: &str = "fulfil_batch_seconds";
pub const STEP_SECONDS: &str = "fulfil_step_seconds";
pub const SESSIONS: &str = "fulfil_lane_sessions";
pub const SESSIONS_LOST: &str = "fulfil_lane_sessions_lost_total";
pub const IDS_CLAIMED: &str = "fulfil_stock_ids_claimed_total";
pub const IDS_RETURNED: &str = "fulfil_stock_ids_returned_total";
pub const CLAIMS_FAILED: &str = "fulfil_stock_claims_failed_total";
pub const CLAIMS_REFUSED: &str = "fulfil_stock_claims_refused_total";
pub const CLAIMS_TAKEN_OVER: &str = "fulfil_stock_claims_taken_over_total";
pub const OFFERED_SOLD: &str = "fulfil_stock_offered_sold_total";
pub const REBUILDS: &str = "fulfil_stock_rebuilds_total";
pub const IDS_LOADED: &str = "fulfil_stock_ids_loaded_total";
pub const STOCK_OFFERED: &str = "fulfil_stock_offered";
pub const STOCK_REACHABLE: &str = "fulfil_stock_reachable";
pub const LEDGER_REACHABLE: &str = "fulfil_ledger_reachable";

/// Installs the recorder of this process; call once, at its start.
///
/// # Errors
/// [`BuildError`] when there is one already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(BATCH_ORDERS.into()), &ORDERS)?
        .install_recorder()?;
    describe();
    super::procurement_metrics::describe();
    super::supplier_metrics::describe();
    Ok(handle)
}

fn describe() {
    describe_counter!(DELIVERIES, "Deliveries taken from the broker.");
    describe_counter!(REDELIVERED, "Deliveries that the broker may have delivered before.");
    describe_counter!(OUTCOMES, "Deliveries by what became of them (label outcome).");
    describe_counter!(KEYS_DELIVERED, "Keys sold to orders that were new.");
    describe_counter!(DEAD_LETTERS, "Messages put into orders.dead.");
    describe_counter!(RESULTS_OWED, "Results that the broker refused three times and that became announcement rows.");
    describe_gauge!(OWED_NOW, "Announcement rows that the last round of the sweep read.");
    describe_counter!(MESSAGES_PUBLISHED, "Messages that the broker confirmed.");
    describe_histogram!(BATCH_ORDERS, "Deliveries per batch.");
    describe_histogram!(BATCH_SECONDS, Unit::Seconds, "From a batch's arrival to its announced results.");
    describe_histogram!(STEP_SECONDS, Unit::Seconds, "One step of one batch (label step).");
    describe_gauge!(SESSIONS, "1 while the lane (label lane) has a session with the broker.");
    describe_counter!(SESSIONS_LOST, "Sessions of a lane that ended.");
    describe_counter!(IDS_CLAIMED, "Key ids that stock offered to claims.");
    describe_counter!(IDS_RETURNED, "Claimed key ids that went back unsold.");
    describe_counter!(CLAIMS_FAILED, "Claims that stock did not answer; the ledger took instead.");
    describe_counter!(CLAIMS_REFUSED, "Claims refused for a wrong or missing epoch.");
    describe_counter!(CLAIMS_TAKEN_OVER, "Claims of dead workers that were judged and freed.");
    describe_counter!(
        OFFERED_SOLD,
        "Claimed ids that had been sold already: stock offered them twice, none was sold twice."
    );
    describe_counter!(REBUILDS, "Epochs raised, so that a SKU's stock is loaded anew.");
    describe_counter!(IDS_LOADED, "Key ids loaded into stock.");
    describe_gauge!(STOCK_OFFERED, "Key ids that stock offers now, per SKU that this worker loads (label sku).");
    describe_gauge!(STOCK_REACHABLE, "1 while stock answers.");
    describe_gauge!(LEDGER_REACHABLE, "1 while the ledger answers.");
}

/// Deliveries have arrived.
pub fn delivered(deliveries: &[Delivery]) {
    counter!(DELIVERIES).increment(deliveries.len() as u64);
    let again = deliveries.iter().filter(|delivery| delivery.redelivered).count();
    if again > 0 {
        counter!(REDELIVERED).increment(again as u64);
    }
}

/// A batch's results are announced.
pub fn announced(batch: &Announced) {
    let Tally { fulfilled, partly_fulfilled, processing, rejected, conflict, repeats, keys_delivered } = batch.tally;
    let outcomes = [
        ("fulfilled", fulfilled),
        ("partly_fulfilled", partly_fulfilled),
        ("processing", processing),
        ("rejected", rejected),
        ("conflict", conflict),
        ("repeat", repeats),
    ];
    for (outcome, count) in outcomes {
        if count > 0 {
            counter!(OUTCOMES, "outcome" => outcome).increment(count);
        }
    }
    counter!(KEYS_DELIVERED).increment(keys_delivered);
    counter!(MESSAGES_PUBLISHED).increment(batch.on_the_broker as u64);
    if batch.dead > 0 {
        counter!(DEAD_LETTERS).increment(batch.dead as u64);
    }
    if !batch.owed.is_empty() {
        counter!(RESULTS_OWED).increment(batch.owed.len() as u64);
    }
    histogram!(BATCH_ORDERS).record(batch.tally.orders() as f64);
    histogram!(BATCH_SECONDS).record(batch.arrived().elapsed());
}

pub fn session_opened(lane: u16) {
    gauge!(SESSIONS, "lane" => lane.to_string()).set(1.0);
}

pub fn session_lost(lane: u16) {
    gauge!(SESSIONS, "lane" => lane.to_string()).set(0.0);
    counter!(SESSIONS_LOST).increment(1);
}

pub fn owed(rows: usize) {
    gauge!(OWED_NOW).set(rows as f64);
}

/// The time of a batch's steps, one after the other.
#[derive(Debug)]
pub struct StepTimes {
    since: Instant,
}

impl StepTimes {
    #[must_use]
    pub fn start() -> Self {
        Self { since: Instant::now() }
    }

    /// The step has ended; the next begins.
    pub fn end(&mut self, step: &'static str) {
        let now = Instant::now();
        let took: Duration = now - self.since;
        histogram!(STEP_SECONDS, "step" => step).record(took);
        self.since = now;
    }
}
