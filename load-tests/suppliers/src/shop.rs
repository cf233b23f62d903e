//! The shop behind every protocol: shelf, balance, orders, keys, and the log of it all.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use crate::{
    fate::{self, Course, Refusal, Strikes},
    journal::{self, Call, Key, Lie, Log, Outcome, Purchase},
    mood::{Duplicates, Mood},
    order::{Order, Stage},
    protocol::{Credentials, Protocol},
    shelf::{Goods, Product},
};

/// The number of the first order.
const FIRST_ORDER: u64 = 10_001;

#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) protocol: Protocol,
    pub(crate) credentials: Credentials,
    pub(crate) seed: u64,
    pub(crate) mood: Mood,
    pub(crate) products: BTreeMap<String, Product>,
    pub(crate) balance: i64,
    orders: Vec<Order>,
    by_reference: HashMap<String, Vec<usize>>,
    sends: HashMap<String, u32>,
    /// How many other calls were made about a thing, which is what their fate is drawn by.
    asked: HashMap<String, u32>,
    keys_made: u64,
    pub(crate) calls: Vec<Call>,
    /// Tokens that were issued, for protocols that have them: for what, and until when.
    pub(crate) tokens: HashMap<String, (String, Instant)>,
}

/// What somebody wants to buy.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) reference: &'a str,
    pub(crate) product: &'a str,
    pub(crate) quantity: u32,
    pub(crate) account: Option<&'a str>,
    pub(crate) guard: Guard,
    pub(crate) callback_url: Option<&'a str>,
}

/// What one may cost, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The protocol has none.
    None,
    AtMost(u64),
    Exactly(u64),
}

/// What came of a wish.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) outcome: Result<usize, No>,
    /// The order is an earlier one.
    pub(crate) again: bool,
    pub(crate) strikes: Option<Strikes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum No {
    /// The reply's fate strikes before anything is looked at.
    NotServed,
    Duplicate,
    Product,
    OutOfStock,
    Balance,
    Price,
    /// The account was topped up a moment ago.
    Lately,
}

impl Shop {
    pub(crate) fn new(
        protocol: Protocol,
        credentials: Credentials,
        seed: u64,
        mood: Mood,
        products: Vec<Product>,
        balance: i64,
    ) -> Self {
        Self {
            protocol,
            credentials,
            seed,
            mood,
            products: products.into_iter().map(|product| (product.id.clone(), product)).collect(),
            balance,
            orders: Vec::new(),
            by_reference: HashMap::new(),
            sends: HashMap::new(),
            asked: HashMap::new(),
            keys_made: 0,
            calls: Vec::new(),
            tokens: HashMap::new(),
        }
    }

    pub(crate) fn buy(&mut self, wish: &Wish<'_>) -> Visit {
        let nth = self.sends.entry(wish.reference.to_owned()).or_default();
        *nth += 1;
        let strikes = fate::of_reply(&self.mood, wish.reference, *nth);
        let visit = |outcome, again| Visit { outcome, again, strikes };
        if let Some(Strikes::Before(_)) = strikes {
            return visit(Err(No::NotServed), false);
        }
        // Without a reference there is nothing to tell a duplicate by.
        let earlier = self.by_reference.get(wish.reference).and_then(|orders| orders.first()).copied();
        if let Some(earlier) = earlier.filter(|_| !wish.reference.is_empty()) {
            match self.mood.duplicates.unwrap_or(self.protocol.duplicates()) {
                Duplicates::Refuse => return visit(Err(No::Duplicate), true),
                Duplicates::SameAgain => return visit(Ok(earlier), true),
                Duplicates::BuyAgain => {}
            }
        }
        match self.check(wish) {
            Ok((product, unit_price)) => {
                let at = self.sell(wish, &product, unit_price);
                let refused = self.orders[at].lie == Some(Lie::RefusedButBought);
                visit(if refused { Err(No::OutOfStock) } else { Ok(at) }, false)
            }
            // Nothing was bought for the reply to be lost after.
            Err(no) => {
                let strikes = strikes.map(|strikes| Strikes::Before(strikes.fate()));
                Visit { outcome: Err(no), again: false, strikes }
            }
        }
    }

    /// The product and what one costs.
    fn check(&self, wish: &Wish<'_>) -> Result<(Product, u64), No> {
        let product = self.products.get(wish.product).filter(|product| product.on_sale).ok_or(No::Product)?;
        if (product.goods == Goods::TopUp) != wish.account.is_some() {
            return Err(No::Product);
        }
        let refusal = fate::of_stock(&self.mood, wish.reference);
        let unit_price = match (refusal, wish.guard) {
            (Some(Refusal::PriceMoved), Guard::AtMost(most)) => most.max(product.unit_price) + 1,
            (Some(Refusal::PriceMoved), Guard::Exactly(_) | Guard::None) => product.unit_price + 1,
            (Some(Refusal::OutOfStock | Refusal::LowBalance) | None, _) => product.unit_price,
        };
        let price_suits = match wish.guard {
            Guard::None => true,
            Guard::AtMost(most) => unit_price <= most,
            Guard::Exactly(price) => unit_price == price,
        };
        if !price_suits {
            return Err(No::Price);
        }
        if refusal == Some(Refusal::OutOfStock) || product.stock < u64::from(wish.quantity) {
            return Err(No::OutOfStock);
        }
        let total = i64::try_from(unit_price * u64::from(wish.quantity)).unwrap_or(i64::MAX);
        if refusal == Some(Refusal::LowBalance) || self.balance < total {
            return Err(No::Balance);
        }
        if self.protocol == Protocol::Reloadly && wish.account.is_some_and(|account| self.lately(account)) {
            return Err(No::Lately);
        }
        Ok((product.clone(), unit_price))
    }

    fn lately(&self, account: &str) -> bool {
        let within = |order: &&Order| order.made.elapsed().as_secs() < self.mood.recharged_lately;
        self.orders.iter().rev().take_while(within).any(|order| order.account.as_deref() == Some(account))
    }

    fn sell(&mut self, wish: &Wish<'_>, product: &Product, unit_price: u64) -> usize {
        let charged = unit_price * u64::from(wish.quantity);
        self.balance -= i64::try_from(charged).unwrap_or(i64::MAX);
        if let Some(product) = self.products.get_mut(wish.product) {
            product.stock -= u64::from(wish.quantity);
        }
        let (keys, other_keys, lie) = self.make_goods(wish, product.goods);
        let course = fate::of_order(&self.mood, wish.reference);
        let paid_back = match course {
            Course::Cancelled | Course::Refunded => charged,
            Course::RefundedInPart => charged / 2,
            Course::Done
            | Course::PendingQueries(_)
            | Course::PendingTime(_)
            | Course::PendingForEver
            | Course::WithoutKeys => 0,
        };
        self.balance += i64::try_from(paid_back).unwrap_or(i64::MAX);
        let at = self.orders.len();
        self.orders.push(Order {
            number: FIRST_ORDER + at as u64,
            reference: wish.reference.to_owned(),
            product: wish.product.to_owned(),
            goods: product.goods,
            quantity: wish.quantity,
            account: wish.account.map(str::to_owned),
            unit_price,
            charged,
            paid_back,
            keys,
            other_keys,
            lie,
            course,
            queries: 0,
            told: 0,
            closed: false,
            made: Instant::now(),
            made_us: journal::now_us(),
            callback_url: wish.callback_url.map(str::to_owned),
        });
        self.by_reference.entry(wish.reference.to_owned()).or_default().push(at);
        at
    }

    /// The keys that are told, those that are told later instead, and the lie that was really told.
    fn make_goods(&mut self, wish: &Wish<'_>, goods: Goods) -> (Vec<Key>, Vec<Key>, Option<Lie>) {
        let lie = fate::of_goods(&self.mood, wish.reference);
        if goods == Goods::TopUp {
            return (Vec::new(), Vec::new(), lie.filter(|lie| *lie == Lie::RefusedButBought));
        }
        let known = if lie == Some(Lie::KnownKey) { self.known_key(wish) } else { None };
        let quantity = wish.quantity;
        let (count, told) = match lie {
            Some(Lie::KnownKey) => (quantity - u32::from(known.is_some()), known.is_some()),
            Some(Lie::TooFew) => (quantity - u32::from(quantity > 1), quantity > 1),
            Some(Lie::TooMany) => (quantity + 1, true),
            Some(Lie::AnotherAnswer | Lie::RefusedButBought) => (quantity, true),
            None => (quantity, false),
        };
        let mut keys: Vec<_> = (0..count).map(|_| self.make_key(goods)).collect();
        keys.extend(known);
        let other = match lie {
            Some(Lie::AnotherAnswer) => (0..quantity).map(|_| self.make_key(goods)).collect(),
            Some(Lie::KnownKey | Lie::TooFew | Lie::TooMany | Lie::RefusedButBought) | None => Vec::new(),
        };
        (keys, other, lie.filter(|_| told))
    }

    /// A key that a buyer was told before; `None` when there is none yet.
    fn known_key(&self, wish: &Wish<'_>) -> Option<Key> {
        let told = |order: &&Order| order.told > 0 && order.product == wish.product && order.stage() == Stage::Done;
        let earlier: Vec<&Key> = self.orders.iter().filter(told).flat_map(|order| &order.keys).collect();
        earlier.get(fate::known_key(self.mood.seed, wish.reference, earlier.len())).map(|key| (*key).clone())
    }

    fn make_key(&mut self, goods: Goods) -> Key {
        self.keys_made += 1;
        let (seed, number) = (self.seed, self.keys_made);
        match goods {
            Goods::Pairs => {
                Key { number: Some(format!("KN-{seed}-{number:08}")), secret: format!("KS-{seed}-{number:08}") }
            }
            Goods::Keys | Goods::TopUp => Key { number: None, secret: format!("KS-{seed}-{number:08}") },
        }
    }

    pub(crate) fn orders_count(&self) -> usize {
        self.orders.len()
    }

    pub(crate) fn order(&self, at: usize) -> &Order {
        &self.orders[at]
    }

    /// The orders bought under a reference, the oldest first.
    pub(crate) fn find(&self, reference: &str) -> Vec<usize> {
        self.by_reference.get(reference).cloned().unwrap_or_default()
    }

    pub(crate) fn find_number(&self, number: u64) -> Option<usize> {
        let at = usize::try_from(number.checked_sub(FIRST_ORDER)?).ok()?;
        (at < self.orders.len()).then_some(at)
    }

    /// Counts a query about an order, and says where it stands then.
    pub(crate) fn look_at(&mut self, at: usize) -> Stage {
        self.orders[at].queries += 1;
        self.orders[at].stage()
    }

    /// Counts that an order's keys are told, and gives them.
    pub(crate) fn tell_keys(&mut self, at: usize) -> Vec<Key> {
        self.orders[at].told += 1;
        self.orders[at].readable().to_vec()
    }

    /// Cancels a pending order and pays it back. `false`: it has ended.
    pub(crate) fn close(&mut self, at: usize) -> bool {
        let order = &mut self.orders[at];
        let open = order.stage() == Stage::Pending;
        if open {
            order.closed = true;
            order.paid_back = order.charged;
            self.balance += i64::try_from(order.charged).unwrap_or(i64::MAX);
        }
        open
    }

    pub(crate) fn nth_call(&mut self, about: &str) -> u32 {
        let nth = self.asked.entry(about.to_owned()).or_default();
        *nth += 1;
        *nth
    }

    pub(crate) fn other_answers(&self) -> Vec<Key> {
        self.orders.iter().flat_map(|order| &order.other_keys).cloned().collect()
    }

    pub(crate) fn log(&self) -> Log {
        let their_id = |order: &Order| crate::protocols::their_id(self.protocol, order);
        let purchases = self.orders.iter().map(|order| purchase(order, their_id(order))).collect();
        Log { purchases, balance: self.balance }
    }
}

fn purchase(order: &Order, their_id: String) -> Purchase {
    let outcome = match order.course {
        Course::Done | Course::PendingQueries(_) | Course::PendingTime(_) => Outcome::Done,
        Course::PendingForEver => Outcome::PendingForEver,
        Course::WithoutKeys => Outcome::WithoutKeys,
        Course::Cancelled => Outcome::Cancelled,
        Course::Refunded => Outcome::Refunded,
        Course::RefundedInPart => Outcome::RefundedInPart,
    };
    Purchase {
        at_us: order.made_us,
        reference: order.reference.clone(),
        their_id,
        product: order.product.clone(),
        quantity: order.quantity,
        keys: order.keys.clone(),
        account: order.account.clone(),
        charged: order.charged,
        paid_back: order.paid_back,
        lie: order.lie,
        outcome: if order.closed { Outcome::Cancelled } else { outcome },
    }
}
