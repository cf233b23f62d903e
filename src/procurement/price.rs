//! What a purchase may allow for one, before the line's own price guard looks at it: a pure function of the route and
//! of what its supplier told.
//!
//! What holds here: a supplier that keeps to the most that a purchase names is trusted with it; one that does not is
//! bought from only at a price that it told just now, or, where it tells none, at the route's.

use std::time::Duration;

use fulfil_contract::money::MinorUnits;

/// A price that was told so lately is the price: purchases that come together ask once.
pub(super) const HOLDS: Duration = Duration::from_secs(10);

/// What this visit has heard of a supplier's price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// It was not asked.
    Nothing,
    /// It told it.
    Price,
    /// It sells the product, and tells no price of it.
    None,
    /// The question has failed.
    Failed(String),
}

/// What is known about one route's price.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The most that the route allows.
    pub(super) route: Option<MinorUnits>,
    /// What the supplier told, and how long ago.
    pub(super) told: Option<(MinorUnits, Duration)>,
    /// The supplier keeps to the most that a purchase names.
    pub(super) kept: bool,
    pub(super) heard: Heard,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Price {
    /// A purchase may allow so much.
    Allows(MinorUnits),
    /// The supplier has to be asked first.
    Ask,
    /// It costs more than the route allows.
    Dear { costs: MinorUnits, allowed: MinorUnits },
    /// Nothing is bought here before it is known; why it is not.
    Unknown(String),
}

impl Known {
    pub(super) fn price(&self) -> Price {
        let told = self.told.map(|(price, _)| price);
        if self.kept {
            return match self.route.or(told) {
                Some(allowed) => within(allowed, told),
                None => Price::Unknown("its price is not known yet".into()),
            };
        }
        let lately = self.told.is_some_and(|(_, ago)| ago <= HOLDS);
        match (&self.heard, self.route) {
            (Heard::Nothing, _) if !lately => Price::Ask,
            (Heard::Nothing | Heard::Price, route) => match told {
                Some(price) => within(route.unwrap_or(price), told),
                None => Price::Ask,
            },
            (Heard::None, Some(agreed)) => Price::Allows(agreed),
            (Heard::None, None) => Price::Unknown(
                "its price is not known: it tells none, so the route needs one (`price = …`, as agreed with it)".into(),
            ),
            (Heard::Failed(why), _) => Price::Unknown(format!("its price could not be asked: {why}")),
        }
    }
}

fn within(allowed: MinorUnits, told: Option<MinorUnits>) -> Price {
    match told {
        Some(costs) if costs > allowed => Price::Dear { costs, allowed },
        Some(_) | None => Price::Allows(allowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(kept: bool, route: Option<u64>, told: Option<(u64, u64)>, heard: Heard) -> Price {
        let told = told.map(|(price, ago)| (MinorUnits(price), Duration::from_secs(ago)));
        Known { route: route.map(MinorUnits), told, kept, heard }.price()
    }

    fn dear(costs: u64, allowed: u64) -> Price {
        Price::Dear { costs: MinorUnits(costs), allowed: MinorUnits(allowed) }
    }

    #[test]
    fn who_keeps_to_a_price_is_trusted_with_it() {
        let allows = |most| Price::Allows(MinorUnits(most));
        let kept = |route, told| price(true, route, told, Heard::Nothing);
        assert_eq!(kept(Some(900), None), allows(900));
        assert_eq!(kept(Some(900), Some((850, 3_600))), allows(900));
        assert_eq!(kept(Some(900), Some((901, 0))), dear(901, 900));
        assert_eq!(kept(None, Some((850, 3_600))), allows(850));
        assert!(matches!(kept(None, None), Price::Unknown(_)));
    }

    #[test]
    fn who_sells_at_its_own_price_is_asked_for_it_first() {
        let free = |route, told| price(false, route, told, Heard::Nothing);
        for route in [None, Some(900)] {
            assert_eq!(free(route, None), Price::Ask, "{route:?}");
            assert_eq!(free(route, Some((850, 11))), Price::Ask, "{route:?}");
            assert_eq!(free(route, Some((9_999, 11))), Price::Ask, "it may cost less by now");
        }
        assert_eq!(free(Some(900), Some((850, 10))), Price::Allows(MinorUnits(900)));
        assert_eq!(free(None, Some((850, 10))), Price::Allows(MinorUnits(850)));
        assert_eq!(free(Some(900), Some((901, 0))), dear(901, 900));
    }

    #[test]
    fn what_was_heard_decides() {
        let heard = |route, told, heard| price(false, route, told, heard);
        assert_eq!(heard(Some(900), Some((850, 40)), Heard::Price), Price::Allows(MinorUnits(900)), "a slow answer");
        assert_eq!(heard(Some(900), Some((901, 0)), Heard::Price), dear(901, 900));
        assert_eq!(heard(Some(900), None, Heard::None), Price::Allows(MinorUnits(900)), "as agreed");
        assert!(matches!(heard(None, None, Heard::None), Price::Unknown(_)));
        let failed = || Heard::Failed("no answer within 20.0 s".into());
        for (route, told) in [(None, None), (Some(900), None), (Some(900), Some((1, 3_600)))] {
            assert!(matches!(heard(route, told, failed()), Price::Unknown(_)), "{route:?} {told:?}");
        }
    }
}
