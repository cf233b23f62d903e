//! What a batch proposes to the ledger. The ledger judges: a stored result wins over any proposal (I2).

use crate::{
    ids::{BodyHash, KeyId, LineNo, MerchantId, OrderId, Quantity, Sku},
    procurement::Need,
    reason::Reason,
    time::Timestamp,
};

/// One delivery's proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Order(ProposedOrder),
    Unreadable(UnreadableMessage),
}

/// A delivery whose order id could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedOrder {
    pub order_id: OrderId,
    /// `None` only where the body names none that is valid; such an order is refused.
    pub merchant_id: Option<MerchantId>,
    pub body_hash: BodyHash,
    /// Judged by the ledger's clock: an order that has expired is refused whole, with `expired`.
    pub expires_at: Option<Timestamp>,
    pub proposal: Proposal,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposal {
    /// Lines by rising `line_no`.
    Fulfil(Vec<ProposedLine>),
    /// The order is refused whole; its result has no lines.
    Refuse(Reason),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedLine {
    pub line_no: LineNo,
    pub sku: Sku,
    pub quantity: Quantity,
    pub fill: Fill,
    /// What a supplier would be asked for, where one is configured for the SKU: instead of `out_of_stock` or
    /// `unknown_sku` the line becomes a procurement.
    pub need: Option<Need>,
}

/// Where a line's keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fill {
    /// Exactly `quantity` ids that stock offered.
    Claimed(Vec<KeyId>),
    /// The ledger takes `quantity` available keys itself, within the same transaction, or refuses the line
    /// with `out_of_stock` or `unknown_sku`; or makes a procurement of it, if it has a `need`.
    FromLedger,
    /// Only a supplier can fill it (a direct top-up): a procurement at once. `need` is there.
    Bought,
    /// The line is refused.
    Refused(Reason),
}

/// A delivery without a readable order id. It is recorded under its body's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableMessage {
    pub body_hash: BodyHash,
    pub merchant_id: Option<MerchantId>,
    pub reason: Reason,
}
