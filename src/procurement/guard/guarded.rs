//! One configured supplier with everything that stands around it. This file alone of the guards reads the clock.
//!
//! What holds here: no call outlasts the time limit, a query with its retries neither; a purchase is made once
//! per permit and never again; a call that is broken off (its future dropped) gives its place back and says
//! nothing about the supplier.

use std::{
    fmt,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use fulfil_contract::{
    money::MinorUnits,
    ports::supplier::{CallbackRefused, Supplier, SupplierError},
    supplier::{
        Bought, Callback, Found, Hint, Offer, Promises, Purchase, RefusalCode, Sought, SupplierBalance, SupplierName,
        SupplierProduct,
    },
};

use super::{
    closed::Closed,
    gate::{Gate, Permit},
    health::{Health, Measured},
    meaning::{Kind, Meaning},
    settings::GuardSettings,
};
use crate::{chance::Dice, ops::supplier_metrics as metrics, patience::Pauses};

const ANOTHERS: &str = "the permit is another supplier's, which is a defect; nothing was sent";

/// A supplier that may be called only as far as it is well. Share it; nothing of it is shared with others.
pub struct Guarded {
    gate: Arc<Gate>,
    supplier: Arc<dyn Supplier>,
    timeout: Duration,
    query_retries: u32,
    dice: Dice,
}

impl Guarded {
    #[must_use]
    pub fn new(name: SupplierName, supplier: Arc<dyn Supplier>, settings: GuardSettings) -> Self {
        Self::with_dice(name, supplier, settings, Dice::default())
    }

    /// In a process whose chance is this.
    #[must_use]
    pub fn with_dice(name: SupplierName, supplier: Arc<dyn Supplier>, settings: GuardSettings, dice: Dice) -> Self {
        let gate = Arc::new(Gate::new(name, &settings, dice.bits()));
        Self { gate, supplier, timeout: settings.timeout, query_retries: settings.query_retries, dice }
    }

    #[must_use]
    pub fn name(&self) -> &SupplierName {
        &self.gate.supplier
    }

    #[must_use]
    pub fn promises(&self) -> Promises {
        self.supplier.promises()
    }

    /// No call takes longer than this.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Asks to buy now. Its permit does for a query too; see [`Guarded::admit_query`].
    ///
    /// # Errors
    /// [`Closed`]: nothing was taken, and asking again is worth it after `until`.
    pub fn admit(&self, now: Instant) -> Result<Permit, Closed> {
        self.gate.admit(Kind::Buy, now)
    }

    /// Asks to query now: a low balance does not keep anybody from asking about what was bought before.
    ///
    /// # Errors
    /// As [`Guarded::admit`].
    pub fn admit_query(&self, now: Instant) -> Result<Permit, Closed> {
        self.gate.admit(Kind::Query, now)
    }

    /// Sends a purchase, once. No answer within the time limit is [`Bought::Unknown`].
    pub async fn buy(&self, mut permit: Permit, purchase: Purchase<'_>) -> Bought {
        if !permit.is_of(&self.gate) {
            return Bought::withheld(ANOTHERS);
        }
        let asked = now();
        permit.begin(asked);
        let bought = match self.within(self.timeout, self.supplier.buy(purchase)).await {
            Ok(bought) => bought,
            Err(why) => Bought::Unknown { why, their_id: None },
        };
        let ended = now();
        permit.end(Kind::Buy, &Meaning::of_bought(&bought), asked, ended);
        if let Some(sold_out) = sold_out(&bought) {
            self.gate.memory(|memory| memory.bought(purchase.product, sold_out, ended));
        }
        bought
    }

    /// Asks about an attempt; without a clear answer again, after growing pauses, while there are retries, a budget
    /// for them, and time.
    pub async fn query(&self, mut permit: Permit, sought: Sought<'_>) -> Found {
        if !permit.is_of(&self.gate) {
            return Found::Unclear { why: ANOTHERS.into() };
        }
        let first = now();
        let left = || self.timeout.saturating_sub(now().saturating_duration_since(first));
        let (mut pauses, mut retries) = (Pauses::new(self.dice.clone()), 0);
        permit.begin(first);
        loop {
            let asked = now();
            let found = match self.within(left(), self.supplier.query(sought)).await {
                Ok(found) => found,
                Err(why) => Found::Unclear { why },
            };
            permit.end(Kind::Query, &Meaning::of_found(&found), asked, now());
            let why = match found {
                Found::Unclear { why } => why,
                Found::Delivered { .. } | Found::Pending { .. } | Found::Refused(_) | Found::NotFound => return found,
            };
            let pause = pauses.next_pause();
            let more = retries < self.query_retries && pause < left();
            if !more || permit.plan_again(Kind::Query, now()).is_err() {
                return Found::Unclear { why };
            }
            tokio::time::sleep(pause).await;
            if permit.again(Kind::Query, now()).is_err() {
                return Found::Unclear { why };
            }
            retries += 1;
        }
    }

    /// What these products cost and whether there are any; remembered for [`Guarded::last_offer`]. Asked for
    /// whatever the breaker says: it may be how a person finds out.
    ///
    /// # Errors
    /// [`SupplierError`]; [`SupplierError::Unclear`] after the time limit.
    pub async fn offers(&self, products: &[SupplierProduct]) -> Result<Vec<Offer>, SupplierError> {
        let offers = self.look(Kind::Offers, self.supplier.offers(products)).await?;
        self.gate.memory(|memory| memory.offered(&offers, now()));
        Ok(offers)
    }

    /// Our balance there. Where it rose, a pause for lack of balance ends.
    ///
    /// # Errors
    /// As [`Guarded::offers`].
    pub async fn balance(&self) -> Result<SupplierBalance, SupplierError> {
        let balance = self.look(Kind::Balance, self.supplier.balance()).await?;
        metrics::balance(self.name(), balance.amount);
        let measured = Measured { told: balance.clone(), at: now() };
        let before = self.gate.memory(|memory| memory.balance.replace(measured));
        if before.is_some_and(|before| before.told.amount < balance.amount) {
            self.gate.balance_rose();
        }
        Ok(balance)
    }

    /// A product as it was last told, or as the last purchase found it; `None` where nothing is known.
    #[must_use]
    pub fn last_offer(&self, product: &SupplierProduct) -> Option<Offer> {
        self.gate.memory(|memory| memory.last_offer(product, now()))
    }

    /// What a product cost when it was last told, and how long ago that is.
    #[must_use]
    pub fn last_price(&self, product: &SupplierProduct, now: Instant) -> Option<(MinorUnits, Duration)> {
        self.gate.memory(|memory| {
            let measured = memory.offers.get(product)?;
            Some((measured.told.unit_price?, measured.age(now)))
        })
    }

    /// Checks a callback's signature and age; no call is made.
    ///
    /// # Errors
    /// [`CallbackRefused`].
    pub fn read_callback(&self, callback: Callback<'_>) -> Result<Hint, CallbackRefused> {
        self.supplier.read_callback(callback)
    }

    #[must_use]
    pub fn health(&self, now: Instant) -> Health {
        self.gate.health(now)
    }

    /// A call that nothing depends on: it has its time limit, and its outcome is remembered.
    async fn look<T>(
        &self,
        kind: Kind,
        call: impl Future<Output = Result<T, SupplierError>>,
    ) -> Result<T, SupplierError> {
        let asked = now();
        let outcome = self.within(self.timeout, call).await.unwrap_or_else(|why| Err(SupplierError::Unclear(why)));
        let (label, answered) = match &outcome {
            Ok(_) => ("told", Some(true)),
            Err(SupplierError::NotTold) => ("not_told", None),
            Err(SupplierError::Unreachable(_)) => ("unreachable", Some(false)),
            Err(SupplierError::Unclear(_)) => ("unclear", Some(false)),
            Err(SupplierError::Credentials(_)) => ("credentials", Some(false)),
        };
        let ended = now();
        if let Some(answered) = answered {
            metrics::called(self.name(), kind.as_str(), label, ended.saturating_duration_since(asked));
            self.gate.memory(|memory| memory.look(answered, ended));
        }
        outcome
    }

    async fn within<T>(&self, limit: Duration, call: impl Future<Output = T>) -> Result<T, String> {
        tokio::time::timeout(limit, call).await.map_err(|_| format!("no answer within {:.1} s", limit.as_secs_f64()))
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guarded({})", self.name())
    }
}

/// The runtime's clock, which tests can stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Whether a purchase found the product sold out; `None` where it says nothing about that.
fn sold_out(bought: &Bought) -> Option<bool> {
    match bought {
        Bought::Refused(refusal) => (refusal.code == RefusalCode::OutOfStock).then_some(true),
        Bought::Delivered { .. } => Some(false),
        Bought::Accepted { .. } | Bought::Unknown { .. } | Bought::NotSent { .. } => None,
    }
}
