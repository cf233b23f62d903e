//! Goods that are in hand while the ledger is away for longer than their lease: they are nowhere else, so they are
//! placed all the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use fulfil::{
    chance::Dice,
    ops::drain::{Drain, Phase},
    pipeline::board::Board,
    pool::worker_id,
    procurement::{
        assortment::{Assortment, Rates, Route, SkuRoutes},
        buyer::{Buyer, Supplies, Supply, Times},
        guard::{GuardSettings, Guarded},
    },
    sealing::{FingerprintSecret, Fingerprinter, PrivateKey, Sealer},
    stock::import::Vault,
};
use fulfil_contract::{
    conformance::procurements::samples::{bought_line, order, order_id},
    ids::Sku,
    money::{Currency, MinorUnits},
    ports::{
        books::Books,
        ledger::Ledger,
        procurements::Reviews,
        supplier::{CallbackRefused, Supplier, SupplierError},
    },
    procurement::ReviewId,
    proposal::Entry,
    recorded::OrderStatus,
    supplier::{
        Bought, Callback, Found, Goods, Hint, Offer, PlainKey, Promises, Purchase, Resend, Sought, SupplierBalance,
        SupplierName, SupplierProduct,
    },
};
use fulfil_memory::{Fault, Memory};
use tokio::{sync::Notify, time::Instant};

const LEASE: Duration = Duration::from_secs(60);
/// Longer than a lease in the ledger, which is two of these.
const AWAY: Duration = Duration::from_secs(200);

/// It delivers at once, and can be asked about nothing.
#[derive(Default)]
struct Shop {
    sold: AtomicU32,
}

#[async_trait]
impl Supplier for Shop {
    fn promises(&self) -> Promises {
        Promises { query: false, resend: Resend::Refused, settle: Duration::from_secs(60), most: 10, keeps_price: true }
    }

    async fn buy(&self, purchase: Purchase<'_>) -> Bought {
        let key = |_| PlainKey::new(format!("KEY-{}", self.sold.fetch_add(1, Ordering::Relaxed)));
        Bought::Delivered { goods: Goods::Keys((0..purchase.quantity.get()).map(key).collect()), their_id: None }
    }

    async fn query(&self, _: Sought<'_>) -> Found {
        Found::Unclear { why: "there is no query".into() }
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

fn buyer(memory: &Memory, shop: &Arc<Shop>) -> Buyer {
    let (name, currency) = (SupplierName::parse("shop").unwrap(), Currency::parse("USD").unwrap());
    let product = SupplierProduct::parse("p").unwrap();
    let route = Route { supplier: name.clone(), product: product.clone(), unit_price: Some(MinorUnits(1)) };
    let routes = SkuRoutes { routes: vec![route], at_a_loss: false };
    let supply = Supply {
        guarded: Arc::new(Guarded::new(name.clone(), shop.clone(), GuardSettings::default())),
        currency,
        poll: Duration::from_secs(1),
        settle: None,
        products: vec![product],
    };
    Buyer {
        ledger: Arc::new(memory.clone()),
        supplies: Supplies::new(vec![supply]),
        assortment: Arc::new(Assortment::new(
            HashMap::from([(Sku::parse("sku-a").unwrap(), routes)]),
            HashMap::from([(name, Rates::new(currency, HashMap::new()))]),
        )),
        vault: Vault {
            sealer: Arc::new(Sealer::new(PrivateKey::generate().recipient())),
            fingerprinter: Arc::new(Fingerprinter::new(&FingerprintSecret::parse("a secret for tests alone").unwrap())),
        },
        times: Times { lease: LEASE, line: Duration::from_secs(3_600) },
        in_flight: 4,
        worker: worker_id(&Dice::default()),
        bell: Arc::default(),
        owed: Arc::new(Notify::new()),
    }
}

async fn status(memory: &Memory) -> OrderStatus {
    memory.order(&order_id("o-1")).await.unwrap().unwrap().order.status
}

#[tokio::test(start_paused = true)]
async fn goods_in_hand_outlive_their_lease() {
    let memory = Memory::new(1);
    memory.record(&[Entry::Order(order("o-1", vec![bought_line(1, "sku-a", 2)]))]).await.unwrap();
    let back = Instant::now() + AWAY;
    memory.disturb(move |call| {
        let away = call == "procurements.deliver" && Instant::now() < back;
        if away { Fault::Before } else { Fault::None }
    });
    let shop = Arc::new(Shop::default());
    let (drain, draining) = Drain::new();
    let workers: Vec<_> =
        (0..2).map(|_| tokio::spawn(buyer(&memory, &shop).run(Board::default(), draining.clone()))).collect();

    tokio::time::sleep(AWAY - Duration::from_secs(10)).await;
    // The other worker has found the lease lapsed, and nobody can be asked.
    assert_eq!(status(&memory).await, OrderStatus::Review);
    let limit = Instant::now() + Duration::from_secs(600);
    while status(&memory).await != OrderStatus::Fulfilled {
        assert!(Instant::now() < limit, "the goods were dropped: {:?}", memory.order(&order_id("o-1")).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    drain.enter(Phase::Draining);
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(shop.sold.load(Ordering::Relaxed), 2, "it was bought once");
    let balance = memory.balance().await.unwrap();
    assert_eq!((balance.imported, balance.sold, balance.lines_short), (2, 2, 0));
    assert_eq!(memory.reviews(false, ReviewId(0), 10).await.unwrap(), [], "the person's question is answered");
    assert_eq!(memory.reviews(true, ReviewId(0), 10).await.unwrap().len(), 1);
}
