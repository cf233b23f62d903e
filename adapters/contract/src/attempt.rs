//! An attempt: one purchase at one supplier, under one reference of ours.
//!
//! What holds here: an attempt moves only along [`AttemptState::may_become`]; nothing is sent before the
//! attempt is committed, and the state that is committed always says the worst that may have happened (I6).
//! `docs/attempts.md` draws the same table.

use std::fmt;

use crate::{
    ids::Quantity,
    money::{Currency, MinorUnits},
    supplier::{RefusalMeans, SupplierName, SupplierProduct},
    time::Timestamp,
};

/// An attempt's number in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub i64);

/// Our own id of an attempt, which the supplier keeps with its order: 8–19 of `a-z 0-9`. Nineteen, since that
/// is the most that one of the protocols takes (acg-faka's `request_no`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference(Box<str>);

impl Reference {
    /// `None` when the text is none of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shaped = (8..=19).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        shaped.then(|| Self(text.into()))
    }

    /// A reference of 17 letters and digits from 80 random bits: they tell apart the attempts of every
    /// installation that shares a supplier's account.
    #[must_use]
    pub fn from_bits(bits: [u8; 10]) -> Self {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let number = bits.iter().fold(0u128, |number, byte| number << 8 | u128::from(*byte));
        let digits = (0..16).rev().map(|at| char::from(DIGITS[(number >> (5 * at)) as usize & 31]));
        Self(std::iter::once('f').chain(digits).collect::<String>().into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an attempt stands, as committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptState {
    /// Supplier and reference are chosen; nothing was sent.
    Intended,
    /// The purchase may be on its way, or have arrived.
    Sent,
    /// The supplier has it, and owes goods.
    Accepted,
    /// There was no clear answer: nothing is bought for the line until this is settled.
    Unknown,
    /// The goods came. Final.
    Delivered,
    /// The supplier's final no. Final.
    Refused,
    /// For sure nothing was sent. Final.
    NotSent,
    /// Nothing that a machine may do settles it; a person decides.
    InReview,
}

impl AttemptState {
    pub const ALL: [Self; 8] = [
        Self::Intended,
        Self::Sent,
        Self::Accepted,
        Self::Unknown,
        Self::Delivered,
        Self::Refused,
        Self::NotSent,
        Self::InReview,
    ];

    /// The whole machine. A re-send of the same reference goes from unknown to sent.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use AttemptState::{Accepted, Delivered, InReview, Intended, NotSent, Refused, Sent, Unknown};
        match self {
            Intended => matches!(next, Sent | NotSent),
            Sent => matches!(next, Delivered | Accepted | Refused | Unknown | NotSent | InReview),
            Accepted => matches!(next, Accepted | Delivered | Refused | Unknown | InReview),
            Unknown => matches!(next, Unknown | Delivered | Accepted | Refused | Sent | InReview),
            InReview => matches!(next, Delivered | Refused | Unknown),
            Delivered | Refused | NotSent => false,
        }
    }

    /// Whether it may still bring goods: nothing else is bought for its line meanwhile.
    #[must_use]
    pub fn is_open(self) -> bool {
        match self {
            Self::Intended | Self::Sent | Self::Accepted | Self::Unknown | Self::InReview => true,
            Self::Delivered | Self::Refused | Self::NotSent => false,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Unknown => "unknown",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::NotSent => "not_sent",
            Self::InReview => "in_review",
        }
    }

    /// The number that stands in the ledger.
    #[must_use]
    pub fn code(self) -> i16 {
        match self {
            Self::Intended => 0,
            Self::Sent => 1,
            Self::Accepted => 2,
            Self::Unknown => 3,
            Self::Delivered => 4,
            Self::Refused => 5,
            Self::NotSent => 6,
            Self::InReview => 7,
        }
    }

    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

/// A new attempt, before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub supplier: SupplierName,
    pub product: SupplierProduct,
    pub reference: Reference,
    pub quantity: Quantity,
    /// The most that one may cost, in the supplier's currency.
    pub unit_price: MinorUnits,
    pub currency: Currency,
}

/// An attempt's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub id: AttemptId,
    pub supplier: SupplierName,
    pub product: SupplierProduct,
    pub reference: Reference,
    pub quantity: Quantity,
    pub unit_price: MinorUnits,
    pub currency: Currency,
    pub state: AttemptState,
    /// How often the row was changed: a change names the version that it saw.
    pub version: u32,
    /// The supplier's own id of its order, once it told one.
    pub their_id: Option<String>,
    /// How often the purchase was sent under this reference.
    pub sends: u32,
    /// How often a query was made.
    pub queries: u32,
    /// How many not-founds counted since the last send.
    pub not_founds: u32,
    /// Before this a not-found does not count: the lease's end, the request's time limit and the supplier's
    /// settle time after the last send. `None` before the first.
    pub countable_from: Option<Timestamp>,
    pub intended_at: Timestamp,
    pub sent_at: Option<Timestamp>,
    /// What the supplier said last, in a line; never a key.
    pub said: Option<String>,
    /// Of a refused one: what the no means for the line.
    pub refusal: Option<RefusalMeans>,
}

/// A change of an attempt, committed before the next call is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub attempt: AttemptId,
    /// The version that the change is made from.
    pub version: u32,
    pub to: AttemptState,
    /// Kept where `None`.
    pub their_id: Option<String>,
    /// Kept where `None`. At most [`Change::MOST_SAID`] bytes are kept.
    pub said: Option<String>,
    /// This many more queries were made.
    pub queries: u32,
    /// How many not-founds count now.
    pub not_founds: u32,
    /// With `to: Refused`: what the no means for the line. Kept where `None`.
    pub refusal: Option<RefusalMeans>,
}

impl Change {
    pub const MOST_SAID: usize = 300;

    /// A change that only moves the state on.
    #[must_use]
    pub fn of(attempt: &Attempt, to: AttemptState) -> Self {
        Self {
            attempt: attempt.id,
            version: attempt.version,
            to,
            their_id: None,
            said: None,
            queries: 0,
            not_founds: attempt.not_founds,
            refusal: None,
        }
    }

    #[must_use]
    pub fn said(mut self, said: &str) -> Self {
        self.said = Some(crate::reason::cut(said, Self::MOST_SAID));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_fits_every_protocol() {
        let reference = Reference::from_bits([0xff; 10]);
        assert_eq!(reference.as_str(), "fzzzzzzzzzzzzzzzz");
        assert_eq!(Reference::parse(reference.as_str()), Some(reference));
        assert_eq!(Reference::from_bits([0; 10]).as_str(), "f0000000000000000");
        assert_eq!(Reference::parse("short"), None);
        assert_eq!(Reference::parse("UPPERCASE1"), None);
    }

    #[test]
    fn final_is_final_and_every_state_can_be_reached() {
        for state in AttemptState::ALL {
            assert_eq!(AttemptState::from_code(state.code()), Some(state));
            let leads_on = AttemptState::ALL.into_iter().any(|next| state.may_become(next));
            assert_eq!(leads_on, state.is_open(), "{state:?}");
            let reached = AttemptState::ALL.into_iter().any(|from| from.may_become(state));
            assert_eq!(reached, state != AttemptState::Intended, "{state:?}");
        }
    }
}
