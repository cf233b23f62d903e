//! Workers of a world: started, killed, stopped and continued, drained.

use std::{collections::HashMap, sync::Arc, time::Duration};

use fulfil::{
    chance::Dice,
    ops::drain::{Drain, Phase},
    pipeline::{announce::Mode, board::Board, intake::Limits},
    pool::{self, Buying, Done, Ports, Settings, StartError},
    procurement::{
        assortment::{Assortment, Rates, Route, SkuRoutes},
        buyer::{Supplies, Supply, Times},
        guard::{GuardSettings, Guarded},
    },
    sealing::{FingerprintSecret, Fingerprinter, PrivateKey, Sealer},
    stock::import::Vault,
};
use fulfil_contract::{
    ids::Sku,
    money::{Currency, MinorUnits},
    supplier::{SupplierName, SupplierProduct},
};
use fulfil_memory::Memory;
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    orders::{BOUGHT, CARD, MIXED},
    process::Process,
    supplier::{Double, TIMEOUT},
};

/// A procurement's lease as workers count on it; in the ledger it lasts twice as long.
pub(crate) const LEASE: Duration = Duration::from_secs(15);
/// What a line may take.
pub(crate) const LINE: Duration = Duration::from_secs(150);

pub(crate) struct Worker {
    pub(crate) number: u32,
    pub(crate) process: Arc<Process>,
    pub(crate) memory: Memory,
    pub(crate) bell: Arc<Notify>,
    drain: Arc<Drain>,
    task: JoinHandle<Result<Done, StartError>>,
}

/// How a world's workers are configured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Configured {
    pub(crate) mode: Mode,
    /// Orders of a batch.
    pub(crate) orders: usize,
    pub(crate) in_flight: usize,
    pub(crate) until_empty: bool,
    pub(crate) grace: Duration,
    /// Whether it buys: at least one of a world does.
    pub(crate) buys: bool,
}

impl Worker {
    pub(crate) fn start(
        number: u32,
        process: Arc<Process>,
        memory: &Memory,
        configured: Configured,
        doubles: &[Double],
    ) -> Self {
        let dice = Dice::of(process.clone());
        let memory = memory.through(process.clone());
        let bell = Arc::new(Notify::new());
        let (drain, draining) = Drain::with_dice(dice.clone());
        let drain = Arc::new(drain);
        let settings = settings(configured, doubles, &dice, &bell);
        let run = pool::run(ports(&memory), settings, Board::default(), drain.clone(), draining);
        let task = tokio::spawn(dice.in_turn("worker", run));
        Self { number, process, memory, bell, drain, task }
    }

    /// As SIGKILL does: nothing of it goes on.
    pub(crate) fn kill(self) {
        self.task.abort();
        self.process.go_on();
    }

    /// As SIGTERM does.
    pub(crate) fn drain(&self) {
        self.drain.enter(Phase::Draining);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for its end; an error says what went wrong with it.
    pub(crate) async fn ended(self) -> Result<Done, String> {
        let patience = Duration::from_secs(300);
        match tokio::time::timeout(patience, self.task).await {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(Ok(Err(error))) => Err(format!("worker {} did not start: {error}", self.number)),
            Ok(Err(error)) => Err(format!("worker {} did not end by itself: {error}", self.number)),
            Err(_) => Err(format!("worker {} drains for ever", self.number)),
        }
    }
}

fn settings(configured: Configured, doubles: &[Double], dice: &Dice, bell: &Arc<Notify>) -> Settings {
    let currency = Currency::parse("USD").unwrap();
    let names: Vec<SupplierName> = doubles.iter().map(|double| SupplierName::parse(double.name).unwrap()).collect();
    let routes = |sku: &str, most: usize| {
        let product = SupplierProduct::parse(sku).unwrap();
        let route = |supplier: &SupplierName| Route {
            supplier: supplier.clone(),
            product: product.clone(),
            unit_price: Some(MinorUnits(1)),
        };
        (Sku::parse(sku).unwrap(), SkuRoutes { routes: names.iter().take(most).map(route).collect(), at_a_loss: false })
    };
    let skus = [(MIXED, 3), (BOUGHT, 1), (CARD, 3)].map(|(sku, most)| routes(sku, most));
    let rates = names.iter().map(|name| (name.clone(), Rates::new(currency, HashMap::new())));
    let assortment = Arc::new(Assortment::new(skus.into_iter().collect(), rates.collect()));
    let buying = configured.buys.then(|| Buying {
        supplies: Supplies::new(doubles.iter().map(|double| supply(double, currency, dice)).collect()),
        vault: vault(),
        in_flight: 6,
        bell: bell.clone(),
        awaits_all: true,
    });
    Settings {
        mode: configured.mode,
        limits: Limits { orders: configured.orders, ..Limits::default() },
        in_flight: configured.in_flight,
        until_empty: configured.until_empty.then_some(Duration::from_millis(300)),
        grace: configured.grace,
        assortment,
        times: Times { lease: LEASE, line: LINE },
        buying,
    }
}

fn supply(double: &Double, currency: Currency, dice: &Dice) -> Supply {
    let name = SupplierName::parse(double.name).unwrap();
    let settings = GuardSettings { timeout: TIMEOUT, ..GuardSettings::default() };
    let products = [MIXED, BOUGHT, CARD].map(|sku| SupplierProduct::parse(sku).unwrap());
    Supply {
        guarded: Arc::new(Guarded::with_dice(name, Arc::new(double.clone()), settings, dice.clone())),
        currency,
        poll: Duration::from_secs(1),
        settle: None,
        products: products.to_vec(),
    }
}

fn ports(memory: &Memory) -> Ports {
    let memory = Arc::new(memory.clone());
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

/// One key pair does for all seeds.
pub(crate) fn vault() -> Vault {
    static VAULT: std::sync::OnceLock<Vault> = std::sync::OnceLock::new();
    let make = || Vault {
        sealer: Arc::new(Sealer::new(PrivateKey::generate().recipient())),
        fingerprinter: Arc::new(Fingerprinter::new(&FingerprintSecret::parse("a secret for tests alone").unwrap())),
    };
    VAULT.get_or_init(make).clone()
}
