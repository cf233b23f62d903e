//! Which suppliers may fill which SKU, and what their money is worth in the money that merchants pay.
//!
//! What holds here: plain data that never changes while a process runs; a conversion is exact in whole
//! numbers and rounds up, so that no price looks lower than it is.

use std::collections::HashMap;

use fulfil_contract::{
    ids::Sku,
    money::{Currency, MinorUnits},
    supplier::{SupplierName, SupplierProduct},
};

/// All routes, and every supplier's currency and rates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assortment {
    routes: HashMap<Sku, SkuRoutes>,
    rates: HashMap<SupplierName, Rates>,
}

/// Where one SKU may be bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkuRoutes {
    /// 1–5, in order of preference, no supplier twice.
    pub routes: Vec<Route>,
    /// It may cost more than the merchant pays: the price guard does not hold for this SKU.
    pub at_a_loss: bool,
}

/// One supplier's offer for a SKU, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub supplier: SupplierName,
    /// What that supplier calls the SKU.
    pub product: SupplierProduct,
    /// The most that one is expected to cost, in the supplier's currency; `None`: what the supplier says.
    pub unit_price: Option<MinorUnits>,
}

/// A supplier's own currency, and what it costs in others. Two currencies without a rate are not comparable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates {
    own: Currency,
    others: HashMap<Currency, Rate>,
}

/// How many minor units of another currency one minor unit of the supplier's costs: a decimal above zero, kept
/// as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Without its point. Less than 10¹⁸, so that any price times it fits in 128 bits.
    digits: u64,
    /// How many of the digits stand after the point.
    decimals: u32,
}

impl Assortment {
    #[must_use]
    pub fn new(routes: HashMap<Sku, SkuRoutes>, rates: HashMap<SupplierName, Rates>) -> Self {
        Self { routes, rates }
    }

    #[must_use]
    pub fn routes(&self, sku: &Sku) -> Option<&SkuRoutes> {
        self.routes.get(sku)
    }

    /// Whether a supplier may fill it. Such a SKU is known, also when no key of it was ever imported.
    #[must_use]
    pub fn is_routed(&self, sku: &Sku) -> bool {
        self.routes.contains_key(sku)
    }

    /// Every SKU that has routes, in no order.
    pub fn skus(&self) -> impl Iterator<Item = &Sku> {
        self.routes.keys()
    }

    /// A supplier's currency and rates; `None`: it is not configured.
    #[must_use]
    pub fn rates(&self, supplier: &SupplierName) -> Option<&Rates> {
        self.rates.get(supplier)
    }
}

impl Rates {
    #[must_use]
    pub fn new(own: Currency, others: HashMap<Currency, Rate>) -> Self {
        Self { own, others }
    }

    /// The supplier's currency, in which its prices are.
    #[must_use]
    pub fn own(&self) -> Currency {
        self.own
    }

    /// What `price`, in the supplier's currency, costs in `currency`, rounded up; at most `u64::MAX`, which is
    /// above any price. `None`: not comparable.
    #[must_use]
    pub fn cost_in(&self, price: MinorUnits, currency: Currency) -> Option<MinorUnits> {
        if currency == self.own {
            return Some(price);
        }
        self.others.get(&currency).map(|rate| rate.cost(price))
    }
}

impl Rate {
    /// Digits that may stand on each side of the point.
    pub const MOST_DIGITS: usize = 9;

    /// `"0.14"`, `"20"`; `None` for anything else than up to nine digits, and up to nine more after a point,
    /// and for zero.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
        let is_number = |text: &str| {
            (1..=Self::MOST_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_number(whole) || part.is_some_and(|part| !is_number(part)) {
            return None;
        }
        let part = part.unwrap_or("");
        let digits: u64 = format!("{whole}{part}").parse().ok()?;
        (digits > 0).then_some(Self { digits, decimals: u32::try_from(part.len()).ok()? })
    }

    fn cost(self, price: MinorUnits) -> MinorUnits {
        let product = u128::from(price.0) * u128::from(self.digits);
        let cost = product.div_ceil(10_u128.pow(self.decimals));
        MinorUnits(u64::try_from(cost).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    fn cost(rate: &str, price: u64) -> u64 {
        let others = HashMap::from([(currency("USD"), Rate::parse(rate).unwrap())]);
        Rates::new(currency("CNY"), others).cost_in(MinorUnits(price), currency("USD")).unwrap().0
    }

    #[test]
    fn a_conversion_is_exact_and_rounds_up() {
        assert_eq!(cost("0.14", 900), 126);
        assert_eq!(cost("0.14", 901), 127, "126.14");
        assert_eq!(cost("0.1", 30), 3, "no 0.30000000000000004 that rounds to 4");
        assert_eq!(cost("0.000000001", 1), 1);
        assert_eq!(cost("0.000000001", 1_000_000_000), 1);
        assert_eq!(cost("0.000000001", 1_000_000_001), 2);
        assert_eq!(cost("150", 7), 1050);
        assert_eq!(cost("0.14", 0), 0);
        assert_eq!(cost("007.50", 2), 15);
        assert_eq!(cost("999999999.999999999", u64::MAX), u64::MAX, "too dear for any guard");
        // Against the plain rule, for many: the least whole number that is not below price × rate.
        for price in 0..2000_u64 {
            let found = cost("1.337", price);
            assert!(found * 1000 >= price * 1337 && (found == 0 || (found - 1) * 1000 < price * 1337), "{price}");
        }
    }

    #[test]
    fn the_own_currency_is_itself_and_others_need_a_rate() {
        let rates = Rates::new(currency("CNY"), HashMap::new());
        assert_eq!(rates.own(), currency("CNY"));
        assert_eq!(rates.cost_in(MinorUnits(7), currency("CNY")), Some(MinorUnits(7)));
        assert_eq!(rates.cost_in(MinorUnits(7), currency("USD")), None);
    }

    #[test]
    fn a_rate_is_a_plain_decimal_above_zero() {
        for bad in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "1,5",
            " 1",
            "0",
            "0.000",
            "1_000",
            "1234567890",
            "0.1234567890",
            "¹",
        ] {
            assert_eq!(Rate::parse(bad), None, "{bad}");
        }
        assert_eq!(Rate::parse("0.14"), Some(Rate { digits: 14, decimals: 2 }));
    }

    #[test]
    fn a_sku_is_routed_or_not() {
        let (sku, supplier) = (Sku::parse("music-12").unwrap(), SupplierName::parse("kasu").unwrap());
        let product = SupplierProduct::parse("1001").unwrap();
        let route = Route { supplier: supplier.clone(), product, unit_price: Some(MinorUnits(900)) };
        let routes = HashMap::from([(sku.clone(), SkuRoutes { routes: vec![route.clone()], at_a_loss: false })]);
        let assortment =
            Assortment::new(routes, HashMap::from([(supplier.clone(), Rates::new(currency("CNY"), HashMap::new()))]));
        assert!(assortment.is_routed(&sku) && !assortment.is_routed(&Sku::parse("other").unwrap()));
        assert_eq!(assortment.routes(&sku).unwrap().routes, [route]);
        assert_eq!(assortment.rates(&supplier).map(Rates::own), Some(currency("CNY")));
        assert_eq!(assortment.skus().collect::<Vec<_>>(), [&sku]);
    }
}
