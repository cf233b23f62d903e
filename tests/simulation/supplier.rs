//! A supplier that keeps its own log of what was bought, loses answers, and lies, as the seed says. What was sent to
//! it goes on whatever becomes of the worker that sent it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use fulfil_contract::{
    attempt::{Attempt, Reference},
    ids::Quantity,
    ports::supplier::{CallbackRefused, Supplier, SupplierError},
    supplier::{
        Bought, Callback, Found, Goods, Hindrance, Hint, Offer, PlainKey, Promises, Purchase, Refusal, RefusalCode,
        Resend, Sought, SupplierBalance, SupplierProduct,
    },
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    invariants::Watch,
    seen::Seen,
    trace::{Trace, Who},
};

/// What stands in every plain key, and so may stand nowhere that we write.
pub(crate) const PLAIN: &str = "PLAIN-";
/// A call's time limit.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(4);
/// So long after the last byte a purchase may still appear.
pub(crate) const SETTLE: Duration = Duration::from_secs(5);

/// One purchase that the supplier made.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    /// What it sells: our SKU, since routes name it so.
    pub(crate) sku: String,
    pub(crate) keys: Vec<String>,
    pub(crate) account: Option<String>,
    /// How many were asked for.
    pub(crate) wanted: u32,
    /// Queries that it stays pending for.
    pending: u32,
    /// For ever pending, then: nothing is ever told.
    for_ever: bool,
    /// Told to be cancelled, and money given back.
    pub(crate) cancelled: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    /// By reference.
    pub(crate) made: BTreeMap<String, Made>,
    /// How often each reference was sent.
    pub(crate) sends: BTreeMap<String, u32>,
    queries: BTreeMap<String, u32>,
    last_sends: BTreeMap<String, Instant>,
    /// How often it said of each reference that it does not know it, since that was sent last and can't appear any
    /// more.
    not_founds: BTreeMap<String, u32>,
    /// A purchase under a known reference that may have been made twice.
    pub(crate) doubles: u32,
    keys: u32,
}

/// What all suppliers of a world share.
#[derive(Clone)]
pub(crate) struct Market {
    pub(crate) trace: Arc<Trace>,
    pub(crate) seen: Seen,
    pub(crate) watch: Arc<Watch>,
    /// Where callbacks go.
    pub(crate) callbacks: mpsc::UnboundedSender<(&'static str, Reference)>,
    pub(crate) seed: u64,
    /// Out of 100: how often something goes wrong.
    pub(crate) trouble: u32,
}

#[derive(Clone)]
pub(crate) struct Double {
    pub(crate) name: &'static str,
    promises: Promises,
    market: Market,
    log: Arc<Mutex<Log>>,
}

/// A purchase, out of its caller's hands.
struct Ordered {
    reference: Reference,
    sku: String,
    quantity: Quantity,
    account: Option<String>,
}

impl Double {
    pub(crate) fn new(name: &'static str, query: bool, resend: Resend, market: &Market) -> Self {
        let promises = Promises { query, resend, settle: SETTLE, most: 2, keeps_price: true };
        Self { name, promises, market: market.clone(), log: Arc::default() }
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap()
    }

    /// What it made for this attempt is fewer keys than were asked for, or one that it sold before.
    pub(crate) fn cheated(&self, attempt: &Attempt) -> bool {
        let log = self.log();
        let Some(made) = log.made.get(attempt.reference.as_str()) else { return false };
        let sold_before = |key: &String| {
            let others = log.made.iter().filter(|(reference, _)| reference.as_str() != attempt.reference.as_str());
            others.into_iter().any(|(_, other)| other.sku == made.sku && other.keys.contains(key))
        };
        made.keys.len() < made.wanted as usize || made.keys.iter().any(sold_before)
    }

    fn tell(&self, what: &str, reference: &Reference, how: u64) {
        self.market.trace.tell(Who::Supplier(self.name), what, reference.as_str(), how);
    }

    fn seen(&self, what: &'static str) {
        self.market.seen.count("supplier", what);
    }

    /// The same for the same reference and question, whoever asks.
    fn dice(&self, reference: &Reference, what: &str, number: u32) -> SmallRng {
        let mut seed = self.market.seed ^ u64::from(number);
        for byte in reference.as_str().bytes().chain(what.bytes()).chain(self.name.bytes()) {
            seed = seed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte);
        }
        SmallRng::seed_from_u64(seed)
    }

    fn goods(made: &Made) -> Goods {
        match made.account {
            Some(_) => Goods::Recharge { receipt: Some("R".into()) },
            None => Goods::Keys(made.keys.iter().cloned().map(PlainKey::new).collect()),
        }
    }

    /// What a purchase comes to, from the moment that it left its caller.
    async fn carry_out(self, ordered: Ordered, sends: u32, mut dice: SmallRng, answer: oneshot::Sender<Bought>) {
        let trouble = self.market.trouble;
        let reference = ordered.reference.clone();
        // A slow way ends within what the supplier promises.
        let way = if dice.random_range(0..100) < trouble / 3 { TIMEOUT + SETTLE - MARGIN } else { WAY };
        tokio::time::sleep(Duration::from_millis(dice.random_range(1..way.as_millis() as u64))).await;
        let known = self.log().made.contains_key(reference.as_str());
        if known && self.promises.resend == Resend::Refused {
            return self.answer(answer, Bought::Unknown { why: "the reference is known".into(), their_id: None });
        }
        if !known && dice.random_range(0..100) < trouble / 2 {
            if dice.random_bool(0.5) {
                self.tell("out of it", &reference, 0);
                let refusal = Refusal { code: RefusalCode::OutOfStock, said: "none left".into() };
                return self.answer(answer, Bought::Refused(refusal));
            }
            self.seen("never arrived");
            self.tell("cut", &reference, 0);
            return self.answer(answer, Bought::Unknown { why: "cut before it arrived".into(), their_id: None });
        }
        let made = self.make(&ordered, sends, &mut dice);
        self.call_back(&reference, dice.random_range(0..4), dice.random_range(1..6_000));
        // From here on it is bought, whatever becomes of the caller.
        tokio::time::sleep(Duration::from_millis(dice.random_range(1..500))).await;
        match dice.random_range(0..100) {
            lost if lost < trouble => {
                self.seen("answer lost");
                self.tell("lost", &reference, 0);
                if dice.random_bool(0.5) {
                    // Nobody says anything: the caller's patience ends it.
                    tokio::time::sleep(TIMEOUT * 2).await;
                }
                self.answer(answer, Bought::Unknown { why: "the answer was lost".into(), their_id: None });
            }
            _ if made.pending > 0 || made.for_ever || made.cancelled => {
                self.answer(answer, Bought::Accepted { their_id: None });
            }
            _ => self.answer(answer, Bought::Delivered { goods: Self::goods(&made), their_id: None }),
        }
    }

    /// Whoever asked may be gone.
    fn answer(&self, to: oneshot::Sender<Bought>, bought: Bought) {
        drop(to.send(bought));
    }

    fn call_back(&self, reference: &Reference, roll: u32, after: u64) {
        if roll > 0 {
            return;
        }
        let (double, reference) = (self.clone(), reference.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(after)).await;
            double.tell("calls back", &reference, 0);
            drop(double.market.callbacks.send((double.name, reference)));
        });
    }

    fn make(&self, ordered: &Ordered, sends: u32, dice: &mut SmallRng) -> Made {
        let mut log = self.log();
        let reference = ordered.reference.to_string();
        if let Some(made) = log.made.get(&reference).cloned() {
            if self.promises.resend == Resend::Unsafe {
                log.doubles += 1;
                self.market.watch.i6_a_purchase_is_made(&ordered.reference);
            }
            return made;
        }
        self.market.watch.i6_a_purchase_is_made(&ordered.reference);
        let wanted = ordered.quantity.get();
        let lies = ordered.account.is_none() && dice.random_range(0..100) < self.market.trouble / 3;
        let lie = if lies { dice.random_range(0..3) } else { 9 };
        let given = match lie {
            0 => wanted - 1,
            1 => wanted + 1,
            _ => wanted,
        };
        let mut keys = Vec::new();
        for _ in 0..if ordered.account.is_some() { 0 } else { given } {
            log.keys += 1;
            keys.push(format!("{PLAIN}{}-{}", self.name, log.keys));
        }
        match lie {
            0 => self.seen("too few"),
            1 => self.seen("too many"),
            2 if log.keys > 5 => {
                keys[0] = format!("{PLAIN}{}-1", self.name);
                self.seen("known key");
            }
            _ => {}
        }
        let made = Made {
            sku: ordered.sku.clone(),
            keys,
            account: ordered.account.clone(),
            wanted,
            pending: dice.random_range(0..3),
            for_ever: dice.random_range(0..100) < self.market.trouble / 10,
            cancelled: dice.random_range(0..100) < self.market.trouble / 6,
        };
        self.seen("bought");
        if made.cancelled {
            self.seen("cancelled");
        }
        log.made.insert(reference, made.clone());
        drop(log);
        self.tell("bought", &ordered.reference, u64::from(sends));
        made
    }

    fn found(made: &Made, asked: u32) -> Found {
        if made.for_ever || asked <= made.pending {
            return Found::Pending { their_id: None, so_far: Vec::new() };
        }
        if made.cancelled {
            return Found::Refused(Refusal { code: RefusalCode::Other, said: "cancelled, money back".into() });
        }
        Found::Delivered { goods: Self::goods(made), their_id: None }
    }
}

/// The usual way takes less than this.
const WAY: Duration = Duration::from_secs(2);
const MARGIN: Duration = Duration::from_millis(100);

#[async_trait]
impl Supplier for Double {
    fn promises(&self) -> Promises {
        self.promises
    }

    async fn buy(&self, purchase: Purchase<'_>) -> Bought {
        let reference = purchase.reference;
        if Instant::now().into_std() > purchase.send_by {
            self.seen("too late");
            return Bought::withheld("its time is over");
        }
        let sent_before = self.log().sends.get(reference.as_str()).copied().unwrap_or(0);
        self.market.watch.i6_a_purchase_is_sent(reference, sent_before);
        let (sends, not_founds) = {
            let mut log = self.log();
            let not_founds = log.not_founds.remove(reference.as_str()).unwrap_or(0);
            log.last_sends.insert(reference.to_string(), Instant::now());
            let sends = log.sends.entry(reference.to_string()).or_default();
            *sends += 1;
            (*sends, not_founds)
        };
        if sends > 1 {
            self.seen("sent again");
            if self.promises.query {
                self.market.watch.i6_a_purchase_sent_again_was_asked_for(reference, not_founds);
            }
        }
        self.tell("is sent", reference, u64::from(sends));
        let mut dice = self.dice(reference, "buy", sends);
        // Whoever can't be reached, or turns everybody away, does so whatever came under the reference before.
        if dice.random_range(0..100) < self.market.trouble / 2 {
            self.seen("not reached");
            tokio::time::sleep(Duration::from_millis(dice.random_range(1..1_000))).await;
            let code = RefusalCode::Throttled(Some(Duration::from_secs(1)));
            return match dice.random_range(0..2) {
                0 => Bought::NotSent { why: "refused to connect".into(), by: Hindrance::Theirs },
                _ => Bought::Refused(Refusal { code, said: "slow down".into() }),
            };
        }
        let ordered = Ordered {
            reference: reference.clone(),
            sku: purchase.product.as_str().to_owned(),
            quantity: purchase.quantity,
            account: purchase.recharge.map(|recharge| recharge.account.clone()),
        };
        let (answer, told) = oneshot::channel();
        tokio::spawn(self.clone().carry_out(ordered, sends, dice, answer));
        told.await.unwrap_or_else(|_| Bought::Unknown { why: "the connection was closed".into(), their_id: None })
    }

    async fn query(&self, sought: Sought<'_>) -> Found {
        let asked = {
            let mut log = self.log();
            let asked = log.queries.entry(sought.reference.to_string()).or_default();
            *asked += 1;
            *asked
        };
        self.tell("is asked", sought.reference, u64::from(asked));
        let mut dice = self.dice(sought.reference, "query", asked);
        tokio::time::sleep(Duration::from_millis(dice.random_range(1..800))).await;
        if dice.random_range(0..100) < self.market.trouble / 2 {
            return Found::Unclear { why: "no answer".into() };
        }
        let mut log = self.log();
        let Some(made) = log.made.get(sought.reference.as_str()) else {
            let sent = log.last_sends.get(sought.reference.as_str());
            if sent.is_some_and(|sent| sent.elapsed() >= self.promises.settle) {
                *log.not_founds.entry(sought.reference.to_string()).or_default() += 1;
            }
            return Found::NotFound;
        };
        Self::found(made, asked)
    }

    async fn offers(&self, _: &[SupplierProduct]) -> Result<Vec<Offer>, SupplierError> {
        Err(SupplierError::NotTold)
    }

    async fn balance(&self) -> Result<SupplierBalance, SupplierError> {
        Err(SupplierError::NotTold)
    }

    fn read_callback(&self, _: Callback<'_>) -> Result<Hint, CallbackRefused> {
        Err(CallbackRefused::NotSpoken)
    }
}
