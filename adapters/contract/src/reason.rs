//! Why an order or a line was refused: a closed list of codes (docs/contract.md).

use serde::{Deserialize, Serialize};

/// The closed list. A code's meaning never changes; new ones are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// The body is no JSON object.
    InvalidJson,
    /// The body is larger than 64 KiB.
    TooLarge,
    /// A field is missing, of the wrong kind, or out of its bounds.
    InvalidOrder,
    /// `expires_at` had passed when the ledger judged the order.
    Expired,
    /// No key was ever imported for this SKU, and no supplier is configured for it.
    UnknownSku,
    /// Stock holds fewer keys than the line wants.
    OutOfStock,
    /// The line can only be bought, and no supplier is configured for its SKU.
    NoSupplier,
    /// The same order id came before with another body.
    Conflict,
    /// The order did not come back from three tries alone in a process.
    Poison,
    /// The ledger refuses the order's data.
    Unrecordable,
    /// Every supplier's price is above what the line may cost; none was called.
    PriceGuard,
    /// Every supplier that may fill the line gave a final no.
    SuppliersRefused,
    /// The line's time ran out while no supplier could be bought from.
    SuppliersUnavailable,
    /// The account of a top-up is none, or may not be topped up.
    RechargeAccount,
    /// A person decided so, after a review.
    Reviewed,
}

impl ReasonCode {
    pub const ALL: [Self; 15] = [
        Self::InvalidJson,
        Self::TooLarge,
        Self::InvalidOrder,
        Self::Expired,
        Self::UnknownSku,
        Self::OutOfStock,
        Self::NoSupplier,
        Self::Conflict,
        Self::Poison,
        Self::Unrecordable,
        Self::PriceGuard,
        Self::SuppliersRefused,
        Self::SuppliersUnavailable,
        Self::RechargeAccount,
        Self::Reviewed,
    ];

    /// Whether a new order (with a new id) may fare better.
    #[must_use]
    pub fn retryable(self) -> bool {
        match self {
            Self::OutOfStock
            | Self::NoSupplier
            | Self::UnknownSku
            | Self::PriceGuard
            | Self::SuppliersRefused
            | Self::SuppliersUnavailable => true,
            Self::InvalidJson
            | Self::TooLarge
            | Self::InvalidOrder
            | Self::Expired
            | Self::Conflict
            | Self::Poison
            | Self::Unrecordable
            | Self::RechargeAccount
            | Self::Reviewed => false,
        }
    }
}

/// A refusal as it stands in a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub code: ReasonCode,
    pub retryable: bool,
    /// For a person: what was found and what is allowed. At most [`Reason::MOST_DETAIL`] bytes, no U+0000.
    pub detail: String,
}

impl Reason {
    pub const MOST_DETAIL: usize = 300;

    #[must_use]
    pub fn new(code: ReasonCode, detail: impl Into<String>) -> Self {
        Self { code, retryable: code.retryable(), detail: cut(&detail.into(), Self::MOST_DETAIL) }
    }
}

/// `text` without U+0000, cut to at most `most` bytes at a character, with an ellipsis where something is gone.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let mut text = text.replace('\0', "\u{fffd}");
    if text.len() > most {
        let end = (0..=most.saturating_sub(3)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_detail_is_cut_at_a_character() {
        let reason = Reason::new(ReasonCode::InvalidJson, "ä".repeat(400));
        assert!(reason.detail.len() <= Reason::MOST_DETAIL && reason.detail.ends_with('…'));
    }
}
