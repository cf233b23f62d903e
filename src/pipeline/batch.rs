//! What each step makes of a batch; the next step consumes it. A batch keeps its receipts from the first
//! step to the last: they come out of an [`Announced`] alone (I4).

use std::{fmt, time::Instant};

use fulfil_contract::{
    answer::Answer,
    ids::{BodyHash, KeyId, MerchantId, OrderId, Revision},
    order::Order,
    ports::{ledger::Asked, source::Receipt},
    proposal::Entry,
    reason::Reason,
    recorded::{Judgement, OrderStatus},
    stock::{Bucket, ClaimId, Epoch},
};

use crate::stock::open_claims::InHand;

/// A delivery's place in its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub usize);

/// The receipts of a batch, in the order of delivery.
#[must_use = "receipts that are dropped mean redelivery"]
pub struct Held {
    receipts: Vec<Receipt>,
    pub arrived: Instant,
}

impl Held {
    pub fn new(receipts: Vec<Receipt>, arrived: Instant) -> Self {
        Self { receipts, arrived }
    }

    #[must_use]
    pub fn deliveries(&self) -> usize {
        self.receipts.len()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} deliveries)", self.receipts.len())
    }
}

/// One delivery, read.
#[derive(Debug)]
pub struct Message {
    pub place: Place,
    pub redelivered: bool,
    pub body_hash: BodyHash,
    pub content: Content,
}

impl Message {
    /// What the ledger is asked about it; `None` where it has no order id.
    #[must_use]
    pub fn asked(&self) -> Option<Asked> {
        let body_hash = self.body_hash;
        let (order_id, merchant_id) = match &self.content {
            Content::Order(order) => (order.order_id.clone(), Some(order.merchant_id.clone())),
            Content::Refused { order_id, merchant_id, .. } => (order_id.clone(), merchant_id.clone()),
            Content::Unreadable { .. } => return None,
        };
        Some(Asked { order_id, body_hash, merchant_id })
    }
}

#[derive(Debug)]
pub enum Content {
    Order(Order),
    /// Refused under its own order id.
    Refused {
        order_id: OrderId,
        merchant_id: Option<MerchantId>,
        reason: Reason,
    },
    /// No order id: recorded under the body's hash, and the body goes to the dead letters.
    Unreadable {
        merchant_id: Option<MerchantId>,
        reason: Reason,
    },
}

/// A body that goes to the dead letters once its refusal is recorded.
#[derive(Debug)]
pub struct DeadBody {
    pub place: Place,
    pub body: Vec<u8>,
    pub reason: Reason,
}

/// From intake: decoded, twins set apart.
#[derive(Debug)]
#[must_use]
pub struct Received {
    pub held: Held,
    /// One message per order id, and one per unreadable body.
    pub messages: Vec<Message>,
    /// Later messages of an order id (or unreadable body) that stands in `messages`; answered after its commit.
    pub twins: Vec<Message>,
    pub dead: Vec<DeadBody>,
}

impl Received {
    /// The distinct bodies of the batch.
    #[must_use]
    pub fn bodies(&self) -> Vec<BodyHash> {
        let mut bodies: Vec<BodyHash> =
            self.messages.iter().chain(&self.twins).map(|message| message.body_hash).collect();
        bodies.sort_unstable();
        bodies.dedup();
        bodies
    }
}

/// From screen: what the ledger knew already, and what is proposed for the rest.
#[derive(Debug)]
#[must_use]
pub struct Screened {
    pub held: Held,
    pub known: Vec<(Place, Judgement)>,
    pub proposed: Vec<(Place, Entry)>,
    pub twins: Vec<Message>,
    pub dead: Vec<DeadBody>,
}

/// Ids that stock offered under one claim. Dropped without being settled, the take-over frees them.
#[derive(Debug)]
pub struct HeldClaim {
    pub bucket: Bucket,
    pub epoch: Epoch,
    pub claim: ClaimId,
    pub ids: Vec<KeyId>,
    pub in_hand: InHand,
}

/// From claim: entries with their ids dealt out, and the claims that they came from.
#[derive(Debug)]
#[must_use]
pub struct Claimed {
    pub entries: Vec<(Place, Entry)>,
    pub claims: Vec<HeldClaim>,
}

/// From record: what the ledger committed, and the orders that lost a claimed id to another order.
#[derive(Debug, Default)]
#[must_use]
pub struct Recorded {
    pub judged: Vec<(Place, Judgement)>,
    /// Without ids again: to be claimed anew, or taken from the ledger.
    pub losers: Vec<(Place, Entry)>,
}

impl Recorded {
    /// Whether some line of a new order is left to suppliers.
    #[must_use]
    pub fn made_procurements(&self) -> bool {
        self.judged.iter().any(|(_, judgement)| match judgement {
            Judgement::New(order) => order.status == OrderStatus::Processing,
            Judgement::Repeat(_) | Judgement::Conflict(_) | Judgement::Unreadable(_) | Judgement::Lost(_) => false,
        })
    }
}

/// Every delivery of the batch with the ledger's judgement.
#[derive(Debug)]
#[must_use]
pub struct Answered {
    held: Held,
    pub judged: Vec<(Place, Judgement)>,
    pub dead: Vec<DeadBody>,
}

impl Answered {
    /// `None` when some delivery has no judgement, which would be a defect of the pipeline: the batch is
    /// then given up, and delivered again.
    pub fn new(held: Held, mut judged: Vec<(Place, Judgement)>, dead: Vec<DeadBody>) -> Option<Self> {
        judged.sort_by_key(|(place, _)| *place);
        let whole =
            judged.len() == held.deliveries() && judged.iter().enumerate().all(|(at, (place, _))| place.0 == at);
        whole.then_some(Self { held, judged, dead })
    }

    /// All its results are on their way for good.
    pub fn announced(self, published: Published) -> Announced {
        let tally = Tally::of(&self.judged);
        let Published { on_the_broker, owed } = published;
        Announced { held: self.held, tally, on_the_broker, owed, dead: self.dead.len() }
    }
}

/// Proof that every message of a batch was confirmed by the broker or is owed by a committed row (I4).
/// Made by the announce step.
#[derive(Debug)]
#[must_use]
pub struct Published {
    pub on_the_broker: usize,
    pub owed: Vec<(OrderId, Revision)>,
}

/// From announce: may be acknowledged.
#[derive(Debug)]
#[must_use = "an announced batch that is not acknowledged is delivered again"]
pub struct Announced {
    held: Held,
    pub tally: Tally,
    pub on_the_broker: usize,
    pub owed: Vec<(OrderId, Revision)>,
    pub dead: usize,
}

impl Announced {
    #[must_use]
    pub fn arrived(&self) -> Instant {
        self.held.arrived
    }

    /// The receipt that stands for all of the batch; the others are covered by it.
    pub fn into_last_receipt(self) -> Option<Receipt> {
        self.held.receipts.into_iter().next_back()
    }
}

/// Deliveries by what became of them; each stands in one column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub fulfilled: u64,
    pub partly_fulfilled: u64,
    pub processing: u64,
    pub rejected: u64,
    pub conflict: u64,
    pub repeats: u64,
    /// Keys of the orders that were new.
    pub keys_delivered: u64,
}

impl Tally {
    fn of(judged: &[(Place, Judgement)]) -> Self {
        use fulfil_contract::recorded::OrderStatus::{
            Conflict, Fulfilled, PartlyFulfilled, Processing, Rejected, Review,
        };
        let mut tally = Self::default();
        for (_, judgement) in judged {
            match judgement {
                Judgement::New(order) => {
                    tally.keys_delivered += order.key_ids().count() as u64;
                    match order.status {
                        Fulfilled => tally.fulfilled += 1,
                        PartlyFulfilled => tally.partly_fulfilled += 1,
                        Processing | Review => tally.processing += 1,
                        Rejected => tally.rejected += 1,
                        Conflict => tally.conflict += 1,
                    }
                }
                Judgement::Repeat(_) => tally.repeats += 1,
                Judgement::Conflict(_) => tally.conflict += 1,
                Judgement::Unreadable(_) => tally.rejected += 1,
                Judgement::Lost(_) => {}
            }
        }
        tally
    }

    /// The sum of the columns: how many deliveries.
    #[must_use]
    pub fn orders(&self) -> u64 {
        self.fulfilled + self.partly_fulfilled + self.processing + self.rejected + self.conflict + self.repeats
    }

    pub fn add(&mut self, other: &Self) {
        self.fulfilled += other.fulfilled;
        self.partly_fulfilled += other.partly_fulfilled;
        self.processing += other.processing;
        self.rejected += other.rejected;
        self.conflict += other.conflict;
        self.repeats += other.repeats;
        self.keys_delivered += other.keys_delivered;
    }
}

/// The message of a judgement; `None` for a lost one, which has none yet.
#[must_use]
pub fn answer_of(judgement: &Judgement) -> Option<Answer<'_>> {
    match judgement {
        Judgement::New(order) | Judgement::Repeat(order) => Some(Answer::Order(order)),
        Judgement::Conflict(conflict) => Some(Answer::Conflict(conflict)),
        Judgement::Unreadable(unreadable) => Some(Answer::Unreadable(unreadable)),
        Judgement::Lost(_) => None,
    }
}
