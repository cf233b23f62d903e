//! An order as the platform sends it (`order.fulfil.v1`, docs/contract.md). An [`Order`] keeps every bound
//! of the contract; what breaks one becomes a [`Refusal`] that names the field, the value and what is allowed.

mod check;
mod decode;
mod unknown;

pub use check::{MOST_BODY_BYTES, MOST_KEYS, MOST_LINES};
pub use decode::{Decoded, Refusal, decode};
pub use unknown::unknown_fields;

use crate::{
    ids::{LineNo, MerchantId, OrderId, Quantity, Sku},
    money::{Currency, MinorUnits},
    time::Timestamp,
};

/// AMQP type of an order message.
pub const ORDER_TYPE: &str = "order.fulfil.v1";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub order_id: OrderId,
    pub merchant_id: MerchantId,
    pub currency: Currency,
    pub expires_at: Option<Timestamp>,
    /// 1–100 lines by rising `line_no`, together at most 10,000 keys.
    pub lines: Vec<OrderLine>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    pub line_no: LineNo,
    pub sku: Sku,
    pub quantity: Quantity,
    /// What the merchant pays for one; the price guard of a purchase.
    pub unit_price: MinorUnits,
    /// Present on a direct top-up: nothing is taken from stock.
    pub recharge: Option<Recharge>,
}

/// Whom a direct top-up goes to.
#[derive(Clone, PartialEq, Eq)]
pub struct Recharge {
    pub account: String,
}

impl std::fmt::Debug for Recharge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recharge(…)")
    }
}

impl Order {
    /// How many keys the order wants from stock.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.lines.iter().filter(|line| line.recharge.is_none()).map(|line| line.quantity.as_usize()).sum()
    }
}
