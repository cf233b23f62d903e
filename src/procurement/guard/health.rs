//! What is remembered of a supplier, for ordering routes and for people: how often it answered well, how fast,
//! what its products cost and whether there were any, our balance.
//!
//! What holds here: what was seen weighs half as much every two minutes, so a supplier that was bad and is not
//! asked any more is tried again. It has no clock: it takes `now`.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use fulfil_contract::supplier::{Offer, SupplierBalance, SupplierName, SupplierProduct};

use super::{meaning::Meaning, pause::PauseReason};

const HALF_LIFE: Duration = Duration::from_secs(120);
/// So many good answers are taken as given: one failure alone says little.
const GIVEN: f64 = 4.0;
/// With less than this seen, nothing is said.
const LEAST_SEEN: f64 = 0.1;
/// A product that a purchase found sold out counts as that for so long, unless its stock is measured again.
const SOLD_OUT_FOR: Duration = Duration::from_secs(60);

/// A supplier as it is now: plain data.
#[derive(Debug, Clone)]
pub struct Health {
    pub supplier: SupplierName,
    pub breaker: BreakerState,
    pub paused: Option<Paused>,
    /// The share of good answers, 0 to 1, what is recent weighing most; `None` where nothing was seen lately.
    pub success: Option<f64>,
    /// How long calls take on average; `None` where none was seen.
    pub latency: Option<Duration>,
    /// Calls since the process began, retries too.
    pub calls: u64,
    /// Of these, those without a clear answer.
    pub failures: u64,
    pub in_flight: u32,
    /// The most that may be in flight.
    pub concurrency: u32,
    /// Prices and stock as last told.
    pub offers: Arc<BTreeMap<SupplierProduct, Measured<Offer>>>,
    pub balance: Option<Measured<SupplierBalance>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    /// A trial is under way.
    HalfOpen,
    /// Nobody calls for so long; then there is a trial.
    Open {
        until: Duration,
    },
}

impl BreakerState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open { .. } => "open",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    pub reason: PauseReason,
    /// For so long.
    pub until: Duration,
    /// What the supplier said.
    pub said: String,
}

/// What a supplier told, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured<T> {
    pub told: T,
    pub at: Instant,
}

impl<T> Measured<T> {
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.at)
    }
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    good: Decaying,
    latency: Decaying,
    pub(super) calls: u64,
    pub(super) failures: u64,
    /// By product: those configured, and no others are asked for.
    pub(super) offers: Arc<BTreeMap<SupplierProduct, Measured<Offer>>>,
    sold_out: BTreeMap<SupplierProduct, Instant>,
    pub(super) balance: Option<Measured<SupplierBalance>>,
}

impl Memory {
    pub(super) fn call(&mut self, meaning: &Meaning<'_>, took: Duration, now: Instant) {
        self.calls += 1;
        if meaning.timed {
            self.latency.add(took.as_secs_f64(), now);
        }
        if let Some(good) = meaning.good {
            self.good.add(f64::from(u8::from(good)), now);
        }
        if meaning.good == Some(false) {
            self.failures += 1;
        }
    }

    /// The breaker closes after a trial: what was seen before that says nothing about the supplier any more.
    pub(super) fn well_again(&mut self) {
        self.good = Decaying::default();
    }

    /// A call that nothing depends on was made.
    pub(super) fn look(&mut self, answered: bool, now: Instant) {
        self.calls += 1;
        self.failures += u64::from(!answered);
        self.good.add(f64::from(u8::from(answered)), now);
    }

    pub(super) fn success(&self, now: Instant) -> Option<f64> {
        let (sum, weight) = self.good.at(now);
        (weight >= LEAST_SEEN).then(|| (sum + GIVEN) / (weight + GIVEN))
    }

    pub(super) fn latency(&self) -> Option<Duration> {
        let Decaying { sum, weight, .. } = self.latency;
        (weight > 0.0).then(|| Duration::try_from_secs_f64(sum / weight).ok()).flatten()
    }

    pub(super) fn offered(&mut self, offers: &[Offer], now: Instant) {
        let known = Arc::make_mut(&mut self.offers);
        for offer in offers {
            known.insert(offer.product.clone(), Measured { told: offer.clone(), at: now });
            self.sold_out.remove(&offer.product);
        }
    }

    /// A purchase was refused for lack of stock, or was not.
    pub(super) fn bought(&mut self, product: &SupplierProduct, sold_out: bool, now: Instant) {
        if sold_out {
            self.sold_out.insert(product.clone(), now);
        } else {
            self.sold_out.remove(product);
        }
    }

    /// The product as last told, and as the last purchase found it.
    pub(super) fn last_offer(&self, product: &SupplierProduct, now: Instant) -> Option<Offer> {
        let told = self.offers.get(product).map(|measured| measured.told.clone());
        let sold_out = self.sold_out.get(product).is_some_and(|at| now.saturating_duration_since(*at) < SOLD_OUT_FOR);
        if !sold_out {
            return told;
        }
        let told =
            told.unwrap_or_else(|| Offer { product: product.clone(), unit_price: None, stock: None, on_sale: true });
        Some(Offer { stock: Some(0), ..told })
    }
}

/// A sum of values, each of which weighs half as much every [`HALF_LIFE`].
#[derive(Debug, Default)]
struct Decaying {
    sum: f64,
    weight: f64,
    at: Option<Instant>,
}

impl Decaying {
    fn add(&mut self, value: f64, now: Instant) {
        let (sum, weight) = self.at(now);
        *self = Self { sum: sum + value, weight: weight + 1.0, at: Some(self.at.map_or(now, |at| at.max(now))) };
    }

    fn at(&self, now: Instant) -> (f64, f64) {
        let age = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let left = 0.5_f64.powf(age.as_secs_f64() / HALF_LIFE.as_secs_f64());
        (self.sum * left, self.weight * left)
    }
}

#[cfg(test)]
#[path = "tests/health_remembers.rs"]
mod tests;
