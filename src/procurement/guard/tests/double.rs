//! A supplier that does as it is told, and counts.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use fulfil_contract::{
    attempt::Reference,
    ids::Quantity,
    money::{Currency, MinorUnits},
    ports::supplier::{CallbackRefused, Supplier, SupplierError},
    supplier::{
        Bought, Callback, Found, Hindrance, Hint, Offer, Promises, Purchase, Refusal, RefusalCode, Resend, Sought,
        SupplierBalance, SupplierName, SupplierProduct,
    },
};

use crate::procurement::guard::{GuardSettings, Guarded, Permit};

/// What a call comes to.
#[derive(Debug, Clone)]
pub(super) enum Does {
    Accepts,
    Refuses(RefusalCode),
    /// No clear answer.
    Fails,
    /// Not a byte gets there.
    CannotBeReached,
    /// Our own side keeps a purchase back.
    Withholds,
}

#[derive(Debug)]
pub(super) struct Double {
    /// The next calls' outcomes; then `always`.
    next: Mutex<VecDeque<Does>>,
    always: Mutex<(Does, Duration)>,
    pub(super) buys: AtomicU32,
    pub(super) queries: AtomicU32,
    under_way: AtomicU32,
    pub(super) most_under_way: AtomicU32,
    pub(super) balance: Mutex<i64>,
    pub(super) hangs: AtomicBool,
}

impl Double {
    pub(super) fn new(does: Does, takes: Duration) -> Arc<Self> {
        Arc::new(Self {
            next: Mutex::default(),
            always: Mutex::new((does, takes)),
            buys: AtomicU32::new(0),
            queries: AtomicU32::new(0),
            under_way: AtomicU32::new(0),
            most_under_way: AtomicU32::new(0),
            balance: Mutex::new(0),
            hangs: AtomicBool::new(false),
        })
    }

    pub(super) fn now_does(&self, does: Does, takes: Duration) {
        *self.always.lock().unwrap() = (does, takes);
    }

    pub(super) fn then(&self, does: impl IntoIterator<Item = Does>) {
        self.next.lock().unwrap().extend(does);
    }

    pub(super) fn calls(&self) -> u32 {
        self.buys.load(Ordering::Relaxed) + self.queries.load(Ordering::Relaxed)
    }

    async fn call(&self) -> Does {
        let _under_way = UnderWay::new(self);
        let (always, takes) = self.always.lock().unwrap().clone();
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(takes).await;
        self.next.lock().unwrap().pop_front().unwrap_or(always)
    }
}

struct UnderWay<'a>(&'a Double);

impl<'a> UnderWay<'a> {
    fn new(double: &'a Double) -> Self {
        let now = double.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        double.most_under_way.fetch_max(now, Ordering::Relaxed);
        Self(double)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Supplier for Double {
    fn promises(&self) -> Promises {
        Promises { query: true, resend: Resend::Refused, settle: Duration::ZERO, most: 10, keeps_price: true }
    }

    async fn buy(&self, _purchase: Purchase<'_>) -> Bought {
        self.buys.fetch_add(1, Ordering::Relaxed);
        match self.call().await {
            Does::Accepts => Bought::Accepted { their_id: None },
            Does::Refuses(code) => Bought::Refused(Refusal { code, said: "no".into() }),
            Does::Fails => Bought::Unknown { why: "502".into(), their_id: None },
            Does::CannotBeReached => Bought::NotSent { why: "connection refused".into(), by: Hindrance::Theirs },
            Does::Withholds => Bought::withheld("its time is over"),
        }
    }

    async fn query(&self, _sought: Sought<'_>) -> Found {
        self.queries.fetch_add(1, Ordering::Relaxed);
        match self.call().await {
            Does::Accepts => Found::Pending { their_id: None, so_far: Vec::new() },
            Does::Refuses(code) => Found::Refused(Refusal { code, said: "no".into() }),
            Does::Fails | Does::CannotBeReached | Does::Withholds => Found::Unclear { why: "502".into() },
        }
    }

    async fn offers(&self, products: &[SupplierProduct]) -> Result<Vec<Offer>, SupplierError> {
        self.told().await?;
        let offer = |product: &SupplierProduct| Offer {
            product: product.clone(),
            unit_price: Some(MinorUnits(100)),
            stock: Some(5),
            on_sale: true,
        };
        Ok(products.iter().map(offer).collect())
    }

    async fn balance(&self) -> Result<SupplierBalance, SupplierError> {
        self.told().await?;
        Ok(SupplierBalance { amount: *self.balance.lock().unwrap(), currency: None })
    }

    fn read_callback(&self, _callback: Callback<'_>) -> Result<Hint, CallbackRefused> {
        Err(CallbackRefused::NotSpoken)
    }
}

impl Double {
    async fn told(&self) -> Result<(), SupplierError> {
        match self.call().await {
            Does::Accepts | Does::Refuses(_) => Ok(()),
            Does::Fails => Err(SupplierError::Unclear("502".into())),
            Does::CannotBeReached | Does::Withholds => Err(SupplierError::Unreachable("connection refused".into())),
        }
    }
}

pub(super) fn guard(double: &Arc<Double>, settings: GuardSettings) -> Guarded {
    Guarded::new(SupplierName::parse("double").unwrap(), Arc::clone(double) as Arc<dyn Supplier>, settings)
}

/// The stopped clock's time.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

pub(super) async fn pass(time: Duration) {
    tokio::time::advance(time).await;
}

pub(super) fn product() -> SupplierProduct {
    SupplierProduct::parse("4711").unwrap()
}

/// A call that was asked for: what came of it, or that it was not let through.
pub(super) async fn buy(guarded: &Guarded) -> Option<Bought> {
    let permit = guarded.admit(now()).ok()?;
    Some(buy_with(guarded, permit).await)
}

pub(super) async fn buy_with(guarded: &Guarded, permit: Permit) -> Bought {
    let (reference, product) = (Reference::from_bits([7; 10]), product());
    let purchase = Purchase {
        reference: &reference,
        product: &product,
        quantity: Quantity::ONE,
        unit_price: MinorUnits(100),
        currency: Currency::parse("EUR").unwrap(),
        recharge: None,
        sent_before: false,
        send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
    };
    guarded.buy(permit, purchase).await
}

pub(super) async fn query(guarded: &Guarded) -> Option<Found> {
    let permit = guarded.admit_query(now()).ok()?;
    Some(query_with(guarded, permit).await)
}

pub(super) async fn query_with(guarded: &Guarded, permit: Permit) -> Found {
    let (reference, product) = (Reference::from_bits([7; 10]), product());
    let sought =
        Sought { reference: &reference, their_id: None, product: &product, quantity: Quantity::ONE, recharge: false };
    guarded.query(permit, sought).await
}
