//! What a supplier is asked and what it says: outcomes are delivered, accepted, refused, unknown, and, where
//! nothing left this machine, not sent.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    attempt::Reference,
    ids::Quantity,
    money::{Currency, MinorUnits},
    order::Recharge,
};

/// A configured supplier: 1–32 of `a-z 0-9 _`, as its section of the configuration is named.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SupplierName(std::sync::Arc<str>);

impl SupplierName {
    /// `None` when the text is no such name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shaped = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        shaped.then(|| Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SupplierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SupplierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a supplier calls the thing: 1–128 characters, as configured in a route.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SupplierProduct(Box<str>);

impl SupplierProduct {
    /// `None` when the text is empty, too long, or has a control character.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shaped = (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        shaped.then(|| Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A card key as a supplier told it: shown to nobody, sealed as soon as it is here (I7), wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainKey(zeroize::Zeroizing<String>);

impl PlainKey {
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(zeroize::Zeroizing::new(text))
    }

    /// For sealing and fingerprinting alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PlainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainKey(…)")
    }
}

/// What was bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goods {
    /// All that the supplier gave for the reference, whether right in number or not.
    Keys(Vec<PlainKey>),
    /// A direct top-up was made; with the receipt's number, where there is one.
    Recharge { receipt: Option<String> },
}

/// A supplier's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: RefusalCode,
    /// What it said, in a line; never a key, a secret or a whole body.
    pub said: String,
}

/// Why a supplier refused. Under every code nothing was bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    OutOfStock,
    /// It costs more than the purchase allowed.
    Price,
    /// Our balance there is too low.
    Balance,
    /// It does not sell this product (any more).
    Product,
    /// The account of a top-up is none, or may not be topped up: no other supplier will do it either.
    Account,
    /// It does not accept our credentials.
    Credentials,
    /// Too many requests; after so long again.
    Throttled(Option<Duration>),
    /// Cancelled, refunded in full, or refused without a reason that we know.
    Other,
}

impl RefusalCode {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutOfStock => "out_of_stock",
            Self::Price => "price",
            Self::Balance => "balance",
            Self::Product => "product",
            Self::Account => "account",
            Self::Credentials => "credentials",
            Self::Throttled(_) => "throttled",
            Self::Other => "other",
        }
    }

    /// What the no means for the line.
    #[must_use]
    pub fn means(self) -> RefusalMeans {
        match self {
            Self::OutOfStock | Self::Price | Self::Product | Self::Other => RefusalMeans::AskAnother,
            Self::Balance | Self::Credentials | Self::Throttled(_) => RefusalMeans::AskAgainLater,
            Self::Account => RefusalMeans::NobodyCan,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalMeans {
    /// This supplier is not asked again for this line.
    AskAnother,
    /// It is the supplier's state, or ours with it, that will change: its lane pauses, others go first.
    AskAgainLater,
    /// The line can't be filled by anybody.
    NobodyCan,
}

impl RefusalMeans {
    pub const ALL: [Self; 3] = [Self::AskAnother, Self::AskAgainLater, Self::NobodyCan];

    /// The number that stands in the ledger.
    #[must_use]
    pub fn code(self) -> i16 {
        match self {
            Self::AskAnother => 0,
            Self::AskAgainLater => 1,
            Self::NobodyCan => 2,
        }
    }

    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|means| means.code() == code)
    }
}

/// What came of sending a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Bought {
    Delivered {
        goods: Goods,
        their_id: Option<String>,
    },
    Accepted {
        their_id: Option<String>,
    },
    Refused(Refusal),
    /// No clear answer: time-out, connection lost after it was made, 5xx, a body that is not of the protocol,
    /// a duplicate whose first outcome is not told.
    Unknown {
        why: String,
        their_id: Option<String>,
    },
    /// DNS, connect or TLS failed, or its time was over: for sure not a byte of the request left.
    NotSent {
        why: String,
        by: Hindrance,
    },
}

/// Whose doing it is that a purchase was not sent. For the line it is all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// The supplier's, or the way's to it: DNS, connect, TLS, a token or a price that is asked for before and was not
    /// told.
    Theirs,
    /// This side's own: its time was over, or it can't be asked for. It says nothing about the supplier.
    Ours,
}

impl Bought {
    /// Not sent, and the supplier has no part in that.
    pub fn withheld(why: impl Into<String>) -> Self {
        Self::NotSent { why: why.into(), by: Hindrance::Ours }
    }
}

/// What a query by reference found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Found {
    Delivered {
        goods: Goods,
        their_id: Option<String>,
    },
    /// The supplier has it and owes goods; with the keys that can be read already, if any.
    Pending {
        their_id: Option<String>,
        so_far: Vec<PlainKey>,
    },
    /// Cancelled or refunded in full.
    Refused(Refusal),
    /// The supplier knows of no such reference (yet).
    NotFound,
    /// The query itself got no clear answer.
    Unclear {
        why: String,
    },
}

/// One purchase to send.
#[derive(Debug, Clone, Copy)]
pub struct Purchase<'a> {
    pub reference: &'a Reference,
    pub product: &'a SupplierProduct,
    pub quantity: Quantity,
    /// The most that one may cost, in the supplier's currency.
    pub unit_price: MinorUnits,
    pub currency: Currency,
    pub recharge: Option<&'a Recharge>,
    /// It was sent under this reference before, and may have bought then.
    pub sent_before: bool,
    /// By the monotonic clock: no byte of it is sent after this moment (a request without a body: not begun), whatever
    /// was done for it before (a token, a question about the price, a connection). A process that was stopped meanwhile
    /// would send it when another worker goes on with the line.
    pub send_by: Instant,
}

impl Purchase<'_> {
    /// What comes of it where the adapter itself says no, and sends nothing: of one that was sent before, that no is
    /// about this send alone.
    pub fn unsent(&self, bought: Bought) -> Bought {
        match bought {
            Bought::Refused(Refusal { code, said }) if self.sent_before => {
                Bought::withheld(format!("{}: {said}", code.as_str()))
            }
            other @ (Bought::Delivered { .. }
            | Bought::Accepted { .. }
            | Bought::Refused(_)
            | Bought::Unknown { .. }
            | Bought::NotSent { .. }) => other,
        }
    }
}

/// One attempt to ask about.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'a> {
    pub reference: &'a Reference,
    pub their_id: Option<&'a str>,
    pub product: &'a SupplierProduct,
    pub quantity: Quantity,
    pub recharge: bool,
}

/// What a supplier's protocol promises; what is not established counts as not promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promises {
    /// An attempt can be looked up by our own reference.
    pub query: bool,
    pub resend: Resend,
    /// So long after the last byte a purchase may still appear there.
    pub settle: Duration,
    /// The most of one product that one purchase takes.
    pub most: u32,
    /// A purchase names the most that one may cost, and the supplier sells at no more. Where it does not, its price is
    /// asked before each purchase.
    pub keeps_price: bool,
}

/// What the same reference, sent again, does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resend {
    /// The first purchase's answer comes again.
    Idempotent,
    /// A known reference is refused, and nothing more is bought.
    Refused,
    /// Not established: it may buy twice. Never sent again.
    Unsafe,
}

/// What a product costs and whether there is any, now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub product: SupplierProduct,
    pub unit_price: Option<MinorUnits>,
    /// `None`: the supplier does not say.
    pub stock: Option<u64>,
    pub on_sale: bool,
}

/// Our balance at a supplier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupplierBalance {
    /// In minor units; below zero where the supplier gives credit.
    pub amount: i64,
    pub currency: Option<Currency>,
}

/// A callback as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Callback<'a> {
    /// Names in lower case.
    pub headers: &'a [(String, String)],
    /// The path with its query string, as it was asked for.
    pub path: &'a str,
    pub body: &'a [u8],
    pub now: crate::time::Timestamp,
}

/// A callback that may be acted on: its signature and age are right. It is never believed for more than this:
/// "ask about that attempt now".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Our reference, or the supplier's own id, of what it is about.
    pub about: About,
    /// What tells one callback from a repeat of it.
    pub nonce: String,
    /// What the supplier wants to read, with status 200; with `None`, status 204 and nothing.
    pub reply: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    Reference(Reference),
    TheirId(String),
}

impl About {
    /// The most bytes of a supplier's own id that a ledger keeps.
    pub const MOST_THEIR_ID: usize = 256;

    /// `None` when the text is the id of no attempt that a ledger can have: empty, too long, or with U+0000.
    #[must_use]
    pub fn their_id(text: String) -> Option<Self> {
        let kept = (1..=Self::MOST_THEIR_ID).contains(&text.len()) && !text.contains('\0');
        kept.then_some(Self::TheirId(text))
    }
}
