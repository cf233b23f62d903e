//! One seed's world: what is ordered, who supplies it, who is killed when, which calls fail.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use fulfil::{
    ops::drain::{Drain, Phase},
    pipeline::{announce::Mode, board::Board, intake::Limits},
    pool::{self, Buying, Ports, Settings},
    procurement::{
        assortment::{Assortment, Rates, Route, SkuRoutes},
        buyer::{Supplies, Supply, Times},
        guard::{GuardSettings, Guarded},
    },
    sealing::{FingerprintSecret, Fingerprinter, PrivateKey, Sealer},
    stock::import::Vault,
};
use fulfil_contract::{
    ids::{Fingerprint, SealedKey, Sku},
    money::{Currency, MinorUnits},
    ports::{
        procurements::Procurements,
        stock_ledger::{NewKey, StockLedger},
    },
    supplier::{Resend, SupplierName, SupplierProduct},
};
use fulfil_memory::{Fault, Memory};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    checks::{self, Seen},
    supplier::{Double, Log},
};

/// Of the environment.
pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// One line that was ordered.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: usize,
    pub(crate) recharge: bool,
}

pub(crate) struct World {
    memory: Memory,
    rng: StdRng,
    pub(crate) orders: BTreeMap<String, Vec<Line>>,
    doubles: Vec<(&'static str, Arc<Double>)>,
    vault: Vault,
    seen: Seen,
}

/// `stocked` is in stock too, `bought` never was, `card` is a top-up.
const SKUS: [&str; 2] = ["stocked", "bought"];
const LINE: Duration = Duration::from_secs(900);

impl World {
    pub(crate) fn run(seed: u64) -> Seen {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut rng = StdRng::seed_from_u64(seed);
            let trouble = rng.random_range(0..40);
            let doubles = vec![
                ("asked", Arc::new(Double::new("asked", true, Resend::Refused, trouble, seed))),
                ("same", Arc::new(Double::new("same", false, Resend::Idempotent, trouble, seed))),
                ("unsafe", Arc::new(Double::new("unsafe", true, Resend::Unsafe, trouble, seed))),
            ];
            let mut world = Self {
                memory: Memory::new(1),
                rng,
                orders: BTreeMap::new(),
                doubles,
                vault: vault(),
                seen: Seen::default(),
            };
            world.fill().await;
            for _ in 0..world.rng.random_range(0..=4) {
                world.live_and_be_killed().await;
            }
            world.live_to_the_end().await;
            let logs: HashMap<&str, Arc<Mutex<Log>>> =
                world.doubles.iter().map(|(name, double)| (*name, double.log())).collect();
            checks::check(&world.memory, &world.orders, &logs, &mut world.seen).await;
            world.seen.seeds += 1;
            world.seen
        })
    }

    async fn fill(&mut self) {
        let keys = self.rng.random_range(0..6);
        let new: Vec<NewKey> = (0..keys)
            .map(|_| {
                let fingerprint = Fingerprint(self.rng.random());
                NewKey { sku: Sku::parse("stocked").unwrap(), fingerprint, sealed: SealedKey(fingerprint.0.to_vec()) }
            })
            .collect();
        self.memory.import(&new, 1).await.unwrap();
        for n in 0..self.rng.random_range(1..12) {
            let id = format!("o-{n}");
            let lines: Vec<Line> = (0..self.rng.random_range(1..=3))
                .map(|_| match self.rng.random_range(0..4) {
                    0 => Line { sku: "card".into(), quantity: 1, recharge: true },
                    at => Line { sku: SKUS[at % 2].into(), quantity: self.rng.random_range(1..=4), recharge: false },
                })
                .collect();
            let sent = body(&id, &lines);
            for _ in 0..if self.rng.random_bool(0.2) { 2 } else { 1 } {
                self.memory.enqueue(0, sent.clone().into_bytes(), None);
            }
            self.orders.insert(id, lines);
        }
    }

    /// A worker with faults all around, killed at a random moment.
    async fn live_and_be_killed(&mut self) {
        let faults = Arc::new(Mutex::new(StdRng::seed_from_u64(self.rng.random())));
        let likely = self.rng.random_range(0..20);
        let made = Arc::new(Mutex::new(0u64));
        let counted = made.clone();
        self.memory.disturb(move |_| {
            let mut rng = faults.lock().unwrap();
            let fault = match rng.random_range(0..100) {
                roll if roll < likely => [Fault::Before, Fault::After][rng.random_range(0..2)],
                roll if roll < 40 => Fault::Yield(rng.random_range(1..4)),
                _ => Fault::None,
            };
            *counted.lock().unwrap() += u64::from(matches!(fault, Fault::Before | Fault::After));
            fault
        });
        let life = Duration::from_millis(self.rng.random_range(0..30_000));
        let (drain, draining) = Drain::new();
        let worker = pool::run(self.ports(), self.settings(), Board::default(), Arc::new(drain), draining);
        tokio::select! {
            _ = worker => {}
            () = tokio::time::sleep(life) => {}
        }
        self.memory.cut_sessions();
        self.seen.kills += 1;
        self.seen.faults += *made.lock().unwrap();
    }

    /// Without faults, until every procurement has ended, at the latest by its line's time.
    async fn live_to_the_end(&mut self) {
        self.memory.disturb(|_| Fault::None);
        let (drain, draining) = Drain::new();
        let drain = Arc::new(drain);
        let worker = pool::run(self.ports(), self.settings(), Board::default(), drain.clone(), draining);
        let memory = self.memory.clone();
        let end = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            while memory.counts().await.unwrap().open > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            tokio::time::sleep(Duration::from_secs(20)).await;
            drain.enter(Phase::Draining);
            std::future::pending::<()>().await
        };
        tokio::select! {
            done = worker => assert!(!done.unwrap().abandoned),
            () = end => {}
            () = tokio::time::sleep(LINE * 3) => panic!("procurements are open for ever: {:?}", memory.counts().await),
        }
    }

    fn settings(&self) -> Settings {
        let currency = Currency::parse("USD").unwrap();
        let names: Vec<SupplierName> = self.doubles.iter().map(|(name, _)| supplier(name)).collect();
        let product = SupplierProduct::parse("p").unwrap();
        let route = |supplier: &SupplierName| Route {
            supplier: supplier.clone(),
            product: product.clone(),
            unit_price: Some(MinorUnits(1)),
        };
        let routes = |most: usize| SkuRoutes { routes: names.iter().take(most).map(route).collect(), at_a_loss: false };
        // One of them has one supplier alone, whose no is final.
        let skus =
            [("stocked", 3), ("bought", 1), ("card", 3)].map(|(sku, most)| (Sku::parse(sku).unwrap(), routes(most)));
        let rates = names.iter().map(|name| (name.clone(), Rates::new(currency, HashMap::new())));
        let supplies = self.doubles.iter().map(|(name, double)| Supply {
            guarded: Arc::new(Guarded::new(supplier(name), double.clone(), GuardSettings::default())),
            currency,
            poll: Duration::from_secs(1),
            settle: None,
            products: vec![product.clone()],
        });
        Settings {
            mode: Mode::Single,
            limits: Limits { orders: 16, ..Limits::default() },
            in_flight: 3,
            until_empty: None,
            grace: Duration::from_secs(60),
            assortment: Arc::new(Assortment::new(skus.into_iter().collect(), rates.collect())),
            times: Times { lease: Duration::from_secs(60), line: LINE },
            buying: Some(Buying {
                supplies: Supplies::new(supplies.collect()),
                vault: self.vault.clone(),
                in_flight: 8,
                bell: Arc::default(),
                awaits_all: false,
            }),
        }
    }

    fn ports(&self) -> Ports {
        let memory = Arc::new(self.memory.clone());
        let announcer = memory.clone();
        Ports {
            sources: memory.clone(),
            announcers: Box::new(move || announcer.clone()),
            stock: memory.clone(),
            loading: memory.clone(),
            claims: memory.clone(),
            ledger: memory.clone(),
            stock_ledger: memory.clone(),
            procurements: memory,
        }
    }
}

fn supplier(name: &str) -> SupplierName {
    SupplierName::parse(name).unwrap()
}

/// Sealing is slow, so one key pair does for all seeds.
fn vault() -> Vault {
    static VAULT: std::sync::OnceLock<Vault> = std::sync::OnceLock::new();
    let make = || Vault {
        sealer: Arc::new(Sealer::new(PrivateKey::generate().recipient())),
        fingerprinter: Arc::new(Fingerprinter::new(&FingerprintSecret::parse("a secret for tests alone").unwrap())),
    };
    VAULT.get_or_init(make).clone()
}

fn body(id: &str, lines: &[Line]) -> String {
    let lines: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(n, Line { sku, quantity, recharge })| {
            let recharge = if *recharge { format!(r#","recharge":{{"account":"{id}-{n}"}}"#) } else { String::new() };
            format!(r#"{{"line_no":{n},"sku":"{sku}","quantity":{quantity},"unit_price":1{recharge}}}"#)
        })
        .collect();
    format!(
        r#"{{"order_id":"{id}","merchant_id":"m","placed_at":"1997-01-12T00:00:00Z","currency":"USD","lines":[{}]}}"#,
        lines.join(",")
    )
}
