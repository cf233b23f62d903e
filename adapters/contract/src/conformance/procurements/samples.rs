//! Needs, attempts and goods that the suite of procurements is made of, beside the orders and keys of every
//! ledger's suite. Every value is a pure function of its arguments.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a suite is test code")]

use std::{
    fmt::Debug,
    ops::Range,
    time::{Duration, Instant},
};

use async_trait::async_trait;

pub use crate::conformance::samples::*;
use crate::{
    attempt::{Attempt, AttemptState, Change, Intent, Reference},
    ids::Quantity,
    money::{Currency, MinorUnits},
    order::Recharge,
    ports::{
        books::{OrderFile, ProcurementFile},
        procurements::{Limits, ProcurementError, Procurements, Reviews},
    },
    procurement::{BoughtKey, Need, Placed, Procurement, Release, Released, SealedGoods},
    proposal::{Fill, ProposedLine, ProposedOrder},
    recorded::{LineOutcome, OrderStatus, RecordedLine, RecordedOrder},
    supplier::{SupplierName, SupplierProduct},
};

/// A ledger to try whose lines may be bought: fresh, empty, and alive for as long as this value.
#[async_trait]
pub trait SlowLaneBackend: LedgerBackend {
    fn procurements(&self) -> &dyn Procurements;
    fn reviews(&self) -> &dyn Reviews;
}

/// Longer than any case takes.
pub const HOUR: Duration = Duration::from_secs(3_600);
/// So short that a case waits for its end.
pub const BRIEF: Duration = Duration::from_millis(50);
pub const LIMITS: Limits = Limits { lease: HOUR, settles: Duration::from_secs(600) };

pub fn need() -> Need {
    Need { unit_price: MinorUnits(1_200), currency: Currency::parse("USD").unwrap(), recharge: None }
}

pub fn quantity(count: usize) -> Quantity {
    Quantity::new(u32::try_from(count).unwrap()).unwrap()
}

/// A line that the ledger fills, or a supplier.
pub fn wanted_line(line_no: u32, sku_text: &str, count: usize) -> ProposedLine {
    ProposedLine { need: Some(need()), ..ledger_line(line_no, sku_text, count) }
}

/// A line that only a supplier fills.
pub fn bought_line(line_no: u32, sku_text: &str, count: usize) -> ProposedLine {
    ProposedLine { need: Some(need()), ..line(line_no, sku_text, count, Fill::Bought) }
}

/// A direct top-up.
pub fn top_up_line(line_no: u32, sku_text: &str, account: &str) -> ProposedLine {
    let recharge = Some(Recharge { account: account.to_owned() });
    ProposedLine { need: Some(Need { recharge, ..need() }), ..bought_line(line_no, sku_text, 1) }
}

/// One line that the ledger fills, or a supplier.
pub fn wanted(id: &str, sku_text: &str, count: usize) -> ProposedOrder {
    order(id, vec![wanted_line(1, sku_text, count)])
}

pub fn top_up(id: &str, sku_text: &str) -> ProposedOrder {
    order(id, vec![top_up_line(1, sku_text, "+8613800000000")])
}

/// Records an order some of whose lines are to be bought.
pub async fn processing(backend: &dyn SlowLaneBackend, proposed: ProposedOrder) -> RecordedOrder {
    let recorded = new(judge_one(backend, proposed).await);
    assert_eq!((recorded.status, recorded.revision.0), (OrderStatus::Processing, 1), "{}", recorded.order_id);
    recorded
}

pub fn is_processing(line: &RecordedLine) -> bool {
    line.outcome == LineOutcome::Processing
}

/// Leases what is due for [`HOUR`].
pub async fn lease(backend: &dyn SlowLaneBackend, name: &str, most: u32) -> Vec<Procurement> {
    backend.procurements().lease(&worker(name), most, HOUR).await.unwrap()
}

/// Leases what is due; exactly one is.
pub async fn lease_one(backend: &dyn SlowLaneBackend, name: &str) -> Procurement {
    let mut leased = lease(backend, name, 100).await;
    assert_eq!(leased.len(), 1, "one procurement is due, leased were {leased:?}");
    leased.remove(0)
}

/// Records an order with one line to be bought, and `w-1` leases it. Nothing else is due.
pub async fn leased(backend: &dyn SlowLaneBackend, proposed: ProposedOrder) -> Procurement {
    let recorded = processing(backend, proposed).await;
    let procurement = lease_one(backend, "w-1").await;
    assert_eq!(procurement.order_id, recorded.order_id);
    procurement
}

/// The same for several lines: by rising line number.
pub async fn leased_lines(backend: &dyn SlowLaneBackend, proposed: ProposedOrder) -> Vec<Procurement> {
    let recorded = processing(backend, proposed).await;
    let mut leased = lease(backend, "w-1", 100).await;
    leased.sort_by_key(|procurement| procurement.line_no);
    assert!(leased.iter().all(|procurement| procurement.order_id == recorded.order_id), "{leased:?}");
    assert_eq!(leased.len(), recorded.lines.iter().filter(|line| is_processing(line)).count());
    leased
}

/// Leases as soon as something is due or lapses.
pub async fn lease_when_due(backend: &dyn SlowLaneBackend, name: &str) -> Vec<Procurement> {
    let since = Instant::now();
    loop {
        let leased = lease(backend, name, 100).await;
        if !leased.is_empty() {
            return leased;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "after 10 s nothing is due");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn supplier(text: &str) -> SupplierName {
    SupplierName::parse(text).unwrap()
}

/// A reference of its own for each text of up to 16 letters and digits.
pub fn reference(text: &str) -> Reference {
    Reference::parse(&format!("ref{text:0>5}")).unwrap()
}

pub fn intent(reference_text: &str, count: usize) -> Intent {
    Intent {
        supplier: supplier("first"),
        product: SupplierProduct::parse("product 1").unwrap(),
        reference: reference(reference_text),
        quantity: quantity(count),
        unit_price: MinorUnits(1_100),
        currency: Currency::parse("EUR").unwrap(),
    }
}

pub async fn intend(backend: &dyn SlowLaneBackend, of: &Procurement, reference_text: &str, count: usize) -> Attempt {
    backend.procurements().intend(&of.lease, &intent(reference_text, count)).await.unwrap()
}

pub async fn change(
    backend: &dyn SlowLaneBackend,
    of: &Procurement,
    attempt: &Attempt,
    to: AttemptState,
) -> Result<Attempt, ProcurementError> {
    backend.procurements().change(&of.lease, &Change::of(attempt, to), LIMITS).await
}

/// An attempt that was sent.
pub async fn send(backend: &dyn SlowLaneBackend, of: &Procurement, reference_text: &str, count: usize) -> Attempt {
    let attempt = intend(backend, of, reference_text, count).await;
    change(backend, of, &attempt, AttemptState::Sent).await.unwrap()
}

/// An attempt that the supplier refused for good.
pub async fn send_in_vain(backend: &dyn SlowLaneBackend, of: &Procurement, reference_text: &str) -> Attempt {
    let attempt = send(backend, of, reference_text, 1).await;
    change(backend, of, &attempt, AttemptState::Refused).await.unwrap()
}

/// The keys of these numbers, as a supplier told them.
pub fn keys(sku_text: &str, numbers: Range<usize>) -> SealedGoods {
    SealedGoods::Keys(numbers.map(|number| bought_key(sku_text, number)).collect())
}

pub fn bought_key(sku_text: &str, number: usize) -> BoughtKey {
    let key = new_key(sku_text, number);
    BoughtKey { fingerprint: key.fingerprint, sealed: key.sealed }
}

pub async fn deliver(
    backend: &dyn SlowLaneBackend,
    of: &Procurement,
    attempt: &Attempt,
    goods: &SealedGoods,
) -> Result<Placed, ProcurementError> {
    backend.procurements().deliver(&of.lease, &Change::of(attempt, AttemptState::Delivered), goods).await
}

/// Sends an attempt for as many as the line wants, and delivers.
pub async fn buy(backend: &dyn SlowLaneBackend, of: &Procurement, reference_text: &str, goods: &SealedGoods) -> Placed {
    let attempt = send(backend, of, reference_text, of.quantity.as_usize()).await;
    deliver(backend, of, &attempt, goods).await.unwrap()
}

/// What is placed of a delivery that is as it should be.
pub const WHOLE: Placed = Placed { complete: true, known: 0, surplus: 0, missing: 0 };

pub async fn release(
    backend: &dyn SlowLaneBackend,
    of: &Procurement,
    release: Release,
) -> Result<Released, ProcurementError> {
    backend.procurements().release(&of.lease, &release).await
}

pub fn wait(time: Duration) -> Release {
    Release::Wait { time, waits_for: "the supplier's answer".into() }
}

pub fn from_stock(time: Duration) -> Release {
    Release::FromStock { time, waits_for: "stock".into() }
}

pub async fn file(backend: &dyn SlowLaneBackend, id: &str) -> OrderFile {
    backend.books().order(&order_id(id)).await.unwrap().unwrap_or_else(|| panic!("the ledger does not know {id}"))
}

/// The order as it stands.
pub async fn stands(backend: &dyn SlowLaneBackend, id: &str) -> RecordedOrder {
    file(backend, id).await.order
}

/// The only procurement of an order, as support staff see it.
pub async fn procurement_file(backend: &dyn SlowLaneBackend, id: &str) -> ProcurementFile {
    let mut files = file(backend, id).await.procurements;
    assert_eq!(files.len(), 1, "{id} has one procurement: {files:?}");
    files.remove(0)
}

/// How many procurements are open.
pub async fn open(backend: &dyn SlowLaneBackend) -> u64 {
    backend.procurements().counts().await.unwrap().open
}

pub async fn owed(backend: &dyn SlowLaneBackend) -> Vec<RecordedOrder> {
    backend.ledger().owed(100, &[]).await.unwrap()
}

/// Fails unless the books balance with these counts, and no line is short and no key sold twice (I3, I5).
pub async fn assert_balance(backend: &dyn SlowLaneBackend, imported: u64, available: u64, sold: u64) {
    let balance = backend.books().balance().await.unwrap();
    assert_eq!((balance.imported, balance.available, balance.sold), (imported, available, sold), "{balance:?}");
    assert_eq!(balance.available_ids.len() as u64, available);
    assert_eq!((balance.quarantined, balance.lines_short, balance.keys_sold_twice), (0, 0, 0));
    assert_eq!(balance.unbalanced, []);
}

pub fn assert_lost<T: Debug>(answer: Result<T, ProcurementError>) {
    assert!(matches!(answer, Err(ProcurementError::LeaseLost)), "the lease is lost, the ledger says {answer:?}");
}

pub fn assert_refused<T: Debug>(answer: Result<T, ProcurementError>) {
    assert!(matches!(answer, Err(ProcurementError::Refused(_))), "this is refused, the ledger says {answer:?}");
}
