//! A supplier in memory that keeps its own log of what was bought, loses answers, and lies, as a seed says.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use fulfil_contract::{
    ports::supplier::{CallbackRefused, Supplier, SupplierError},
    supplier::{
        Bought, Callback, Found, Goods, Hint, Offer, PlainKey, Promises, Purchase, Refusal, RefusalCode, Resend,
        Sought, SupplierBalance, SupplierProduct,
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// One purchase that the supplier made.
#[derive(Debug, Clone)]
pub(crate) struct Made {
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
    pub(crate) sends: HashMap<String, u32>,
    pub(crate) queries: HashMap<String, u32>,
    /// A purchase under a known reference that was made all the same.
    pub(crate) doubles: u32,
    pub(crate) lost: u32,
    pub(crate) lies: u32,
    keys: u32,
}

pub(crate) struct Double {
    name: &'static str,
    promises: Promises,
    seed: u64,
    /// Out of 100: how often something goes wrong.
    trouble: u32,
    log: Arc<Mutex<Log>>,
}

impl Double {
    pub(crate) fn new(name: &'static str, query: bool, resend: Resend, trouble: u32, seed: u64) -> Self {
        let promises = Promises { query, resend, settle: Duration::from_secs(5), most: 2, keeps_price: true };
        Self { name, promises, seed, trouble, log: Arc::default() }
    }

    pub(crate) fn log(&self) -> Arc<Mutex<Log>> {
        self.log.clone()
    }

    /// The same for the same reference and question, whoever asks.
    fn dice(&self, reference: &str, what: &str) -> StdRng {
        let mut seed = self.seed;
        for byte in reference.bytes().chain(what.bytes()).chain(self.name.bytes()) {
            seed = seed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte);
        }
        StdRng::seed_from_u64(seed)
    }

    fn goods(made: &Made) -> Goods {
        match made.account {
            Some(_) => Goods::Recharge { receipt: Some("R".into()) },
            None => Goods::Keys(made.keys.iter().cloned().map(PlainKey::new).collect()),
        }
    }

    fn make(&self, purchase: Purchase<'_>, dice: &mut StdRng) {
        let mut log = self.log.lock().unwrap();
        let reference = purchase.reference.to_string();
        if log.made.contains_key(&reference) {
            if self.promises.resend == Resend::Unsafe {
                log.doubles += 1;
            }
            return;
        }
        let wanted = purchase.quantity.get();
        let lie = if purchase.recharge.is_none() && dice.random_range(0..100) < self.trouble / 3 {
            dice.random_range(0..3)
        } else {
            9
        };
        let given = match lie {
            0 => wanted - 1,
            1 => wanted + 1,
            _ => wanted,
        };
        let mut keys = Vec::new();
        for _ in 0..if purchase.recharge.is_some() { 0 } else { given } {
            log.keys += 1;
            keys.push(format!("{}-{}", self.name, log.keys));
        }
        if lie == 2 && log.keys > 5 {
            keys[0] = format!("{}-{}", self.name, 1);
        }
        log.lies += u32::from(lie < 3);
        let made = Made {
            keys,
            account: purchase.recharge.map(|recharge| recharge.account.clone()),
            wanted,
            pending: dice.random_range(0..3),
            for_ever: dice.random_range(0..100) < self.trouble / 10,
            cancelled: dice.random_range(0..100) < self.trouble / 6,
        };
        log.made.insert(reference, made);
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

#[async_trait]
impl Supplier for Double {
    fn promises(&self) -> Promises {
        self.promises
    }

    async fn buy(&self, purchase: Purchase<'_>) -> Bought {
        let reference = purchase.reference.to_string();
        let sends = {
            let mut log = self.log.lock().unwrap();
            let sends = log.sends.entry(reference.clone()).or_default();
            *sends += 1;
            *sends
        };
        let mut dice = self.dice(&reference, &format!("buy {sends}"));
        tokio::time::sleep(Duration::from_millis(dice.random_range(1..2_000))).await;
        // Whoever can't be reached, or turns everybody away, does so whatever came under the reference before.
        if dice.random_range(0..100) < self.trouble / 2 {
            let code = RefusalCode::Throttled(Some(Duration::from_secs(1)));
            return match dice.random_range(0..2) {
                0 => Bought::NotSent { why: "refused to connect".into() },
                _ => Bought::Refused(Refusal { code, said: "slow down".into() }),
            };
        }
        let known = self.log.lock().unwrap().made.contains_key(&reference);
        if known && self.promises.resend == Resend::Refused {
            return Bought::Unknown { why: "the reference is known".into(), their_id: None };
        }
        if !known && dice.random_range(0..100) < self.trouble / 2 {
            if dice.random_bool(0.5) {
                return Bought::Refused(Refusal { code: RefusalCode::OutOfStock, said: "none left".into() });
            }
            self.log.lock().unwrap().lost += 1;
            return Bought::Unknown { why: "cut before it arrived".into(), their_id: None };
        }
        self.make(purchase, &mut dice);
        // From here on it is bought, whatever becomes of the caller.
        tokio::time::sleep(Duration::from_millis(dice.random_range(1..500))).await;
        let made = self.log.lock().unwrap().made[&reference].clone();
        match dice.random_range(0..100) {
            lost if lost < self.trouble => {
                self.log.lock().unwrap().lost += 1;
                Bought::Unknown { why: "the answer was lost".into(), their_id: None }
            }
            _ if made.pending > 0 || made.for_ever || made.cancelled => Bought::Accepted { their_id: None },
            _ => Bought::Delivered { goods: Self::goods(&made), their_id: None },
        }
    }

    async fn query(&self, sought: Sought<'_>) -> Found {
        let reference = sought.reference.to_string();
        let asked = {
            let mut log = self.log.lock().unwrap();
            let asked = log.queries.entry(reference.clone()).or_default();
            *asked += 1;
            *asked
        };
        let mut dice = self.dice(&reference, &format!("query {asked}"));
        tokio::time::sleep(Duration::from_millis(dice.random_range(1..800))).await;
        if dice.random_range(0..100) < self.trouble / 2 {
            return Found::Unclear { why: "no answer".into() };
        }
        self.log.lock().unwrap().made.get(&reference).map_or(Found::NotFound, |made| Self::found(made, asked))
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
