//! Orders and keys that the suites of ledgers, and the tests of one ledger, are made of. Every value is a pure
//! function of its arguments.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a suite is test code")]

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    answer::Answer,
    ids::{BodyHash, Fingerprint, KeyId, LineNo, MerchantId, OrderId, Quantity, SealedKey, Sku, WorkerId},
    ports::{
        books::Books,
        ledger::Ledger,
        stock_ledger::{Imported, NewKey, SkuState, StockLedger},
    },
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder, UnreadableMessage},
    reason::{Reason, ReasonCode},
    recorded::{Judgement, LineOutcome, RecordedLine, RecordedOrder},
    time::Timestamp,
};

/// A ledger to try: fresh, empty, and alive for as long as this value.
#[async_trait]
pub trait LedgerBackend: Send + Sync {
    fn ledger(&self) -> &dyn Ledger;
    fn stock_ledger(&self) -> &dyn StockLedger;
    fn books(&self) -> &dyn Books;
    /// Puts an available key into quarantine.
    async fn quarantine(&self, id: KeyId);
    /// Makes every SKU's epoch begin that much earlier than it did.
    async fn age_epochs(&self, by: Duration);
}

pub const BUCKETS: u16 = 4;

pub fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

pub fn order_id(text: &str) -> OrderId {
    OrderId::parse(text).unwrap()
}

pub fn merchant(text: &str) -> MerchantId {
    MerchantId::parse(text).unwrap()
}

pub fn worker(text: &str) -> WorkerId {
    WorkerId::parse(text).unwrap()
}

pub fn body(text: &str) -> BodyHash {
    BodyHash::of(text.as_bytes())
}

/// The `number`th key of a SKU.
pub fn new_key(sku_text: &str, number: usize) -> NewKey {
    let hash = BodyHash::of(format!("{sku_text}/{number}").as_bytes()).0;
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&hash[..16]);
    NewKey { sku: sku(sku_text), fingerprint: Fingerprint(fingerprint), sealed: sealed(sku_text, number) }
}

pub fn sealed(sku_text: &str, number: usize) -> SealedKey {
    SealedKey(format!("sealed {sku_text}/{number} {}", "x".repeat(64)).into_bytes())
}

/// Imports the keys 1..=`count` of a SKU, none of which is in the ledger yet.
pub async fn stock(backend: &dyn LedgerBackend, sku_text: &str, count: usize) -> Vec<KeyId> {
    stock_from(backend, sku_text, 1, count).await
}

pub async fn stock_from(backend: &dyn LedgerBackend, sku_text: &str, first: usize, count: usize) -> Vec<KeyId> {
    let keys: Vec<NewKey> = (first..first + count).map(|number| new_key(sku_text, number)).collect();
    let imported = backend.stock_ledger().import(&keys, BUCKETS).await.unwrap();
    assert_eq!(imported.len(), count);
    imported.into_iter().map(new_id).collect()
}

pub fn new_id(imported: Imported) -> KeyId {
    match imported {
        Imported::New(id) => id,
        Imported::Repeat => panic!("a new key was called a repeat"),
    }
}

/// An order whose body is named by its id, for merchant `m-01`.
pub fn order(id: &str, lines: Vec<ProposedLine>) -> ProposedOrder {
    ProposedOrder {
        order_id: order_id(id),
        merchant_id: Some(merchant("m-01")),
        body_hash: body(id),
        expires_at: None,
        proposal: Proposal::Fulfil(lines),
    }
}

pub fn line(line_no: u32, sku_text: &str, quantity: usize, fill: Fill) -> ProposedLine {
    let quantity = Quantity::new(u32::try_from(quantity).unwrap()).unwrap();
    ProposedLine { line_no: LineNo(line_no), sku: sku(sku_text), quantity, fill, need: None }
}

pub fn claimed_line(line_no: u32, sku_text: &str, ids: &[KeyId]) -> ProposedLine {
    line(line_no, sku_text, ids.len(), Fill::Claimed(ids.to_vec()))
}

pub fn ledger_line(line_no: u32, sku_text: &str, quantity: usize) -> ProposedLine {
    line(line_no, sku_text, quantity, Fill::FromLedger)
}

/// One line of claimed keys.
pub fn claimed(id: &str, sku_text: &str, ids: &[KeyId]) -> ProposedOrder {
    order(id, vec![claimed_line(1, sku_text, ids)])
}

/// One line that the ledger fills.
pub fn from_ledger(id: &str, sku_text: &str, quantity: usize) -> ProposedOrder {
    order(id, vec![ledger_line(1, sku_text, quantity)])
}

pub fn refused(id: &str, code: ReasonCode) -> ProposedOrder {
    ProposedOrder { proposal: Proposal::Refuse(Reason::new(code, "field \"lines\" is missing")), ..order(id, vec![]) }
}

pub fn unreadable(text: &str, code: ReasonCode) -> Entry {
    Entry::Unreadable(UnreadableMessage {
        body_hash: body(text),
        merchant_id: None,
        reason: Reason::new(code, format!("cut off: {text}")),
    })
}

/// The judgements of a batch of orders.
pub async fn judge(backend: &dyn LedgerBackend, orders: Vec<ProposedOrder>) -> Vec<Judgement> {
    let batch: Vec<Entry> = orders.into_iter().map(Entry::Order).collect();
    let judgements = backend.ledger().record(&batch).await.unwrap();
    assert_eq!(judgements.len(), batch.len(), "one judgement per entry");
    judgements
}

/// The judgement of an order that stands alone in its batch.
pub async fn judge_one(backend: &dyn LedgerBackend, order: ProposedOrder) -> Judgement {
    judge(backend, vec![order]).await.remove(0)
}

pub fn new(judgement: Judgement) -> RecordedOrder {
    match judgement {
        Judgement::New(order) => order,
        other => panic!("expected a new order, the ledger says {other:?}"),
    }
}

pub fn repeat(judgement: Judgement) -> RecordedOrder {
    match judgement {
        Judgement::Repeat(order) => order,
        other => panic!("expected a repeat, the ledger says {other:?}"),
    }
}

pub fn bytes(order: &RecordedOrder) -> String {
    String::from_utf8(Answer::Order(order).body()).unwrap()
}

pub fn delivered(line: &RecordedLine) -> Vec<KeyId> {
    match &line.outcome {
        LineOutcome::Delivered(keys) => keys.iter().map(|key| key.id).collect(),
        other => panic!("line {} was not delivered: {other:?}", line.line_no.0),
    }
}

pub fn rejected(line: &RecordedLine) -> ReasonCode {
    match line.outcome.reason() {
        Some(reason) => reason.code,
        None => panic!("line {} was not rejected: {:?}", line.line_no.0, line.outcome),
    }
}

pub async fn state_of(backend: &dyn LedgerBackend, sku_text: &str) -> SkuState {
    let skus = backend.stock_ledger().skus().await.unwrap();
    skus.into_iter()
        .find(|state| state.sku == sku(sku_text))
        .unwrap_or_else(|| panic!("the ledger does not know {sku_text}"))
}

/// Every available id of a SKU, rising, from all its buckets.
pub async fn available(backend: &dyn LedgerBackend, sku_text: &str) -> Vec<KeyId> {
    let state = state_of(backend, sku_text).await;
    let mut ids = Vec::new();
    for bucket in 0..state.buckets {
        ids.extend(backend.stock_ledger().available(&state, bucket, KeyId(0), state.last_id, 100_000).await.unwrap());
    }
    ids.sort_unstable();
    ids
}

/// The ledger's clock.
pub async fn ledger_time(backend: &dyn LedgerBackend) -> Timestamp {
    new(judge_one(backend, refused("what-time-is-it", ReasonCode::InvalidOrder)).await).decided_at
}

pub fn later(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp(time.0 + seconds * 1_000_000)
}

pub fn rising(mut ids: Vec<KeyId>) -> Vec<KeyId> {
    ids.sort_unstable();
    ids
}
