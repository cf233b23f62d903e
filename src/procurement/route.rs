//! Which supplier a line is bought from: the first of its routes, in configured order, that is well, affordable
//! and open now; those that are not well come last.
//!
//! What holds here: nothing is bought above the line's price guard unless its SKU allows a loss; a supplier that
//! gave a final no for the line is not asked again; a choice says why it was made, and no choice says what is
//! waited for or why nobody can.

use std::time::{Duration, Instant};

use fulfil_contract::{
    ids::Quantity,
    money::MinorUnits,
    procurement::Procurement,
    reason::{Reason, ReasonCode},
    supplier::{SupplierName, SupplierProduct},
};

use super::{
    assortment::Route,
    buyer::{Buyer, Supply},
    guard::{BreakerState, Closed, Permit},
    pace, step,
    visit::Visit,
};

/// Before a supplier that could not be reached is tried again for the same line.
const UNREACHABLE: Duration = Duration::from_secs(5);
/// Below this share of good answers a supplier goes behind the others.
const WELL: f64 = 0.8;

/// A supplier to buy from now, with its place taken.
pub(super) struct Choice<'a> {
    pub supply: &'a Supply,
    pub permit: Permit,
    pub product: SupplierProduct,
    pub quantity: Quantity,
    pub unit_price: MinorUnits,
    /// For the log.
    pub why: String,
}

pub(super) enum Chosen<'a> {
    Route(Choice<'a>),
    /// Some supplier may fill it, but not now.
    Later {
        time: Duration,
        waits_for: String,
    },
    /// No supplier will.
    Nobody(Reason),
}

/// A route that may be taken.
struct Candidate<'a> {
    supply: &'a Supply,
    route: &'a Route,
    unit_price: MinorUnits,
    well: bool,
    said: String,
}

/// Why a route is not taken.
enum Out {
    Refused,
    Price(String),
    Later(Duration, String),
}

/// Chooses for `wanted` more of the line's quantity, though none of `without`.
pub(super) fn choose<'a>(visit: &Visit<'a>, wanted: u32, without: &[SupplierName], now: Instant) -> Chosen<'a> {
    let (buyer, procurement) = (visit.buyer, &visit.procurement);
    let Some(routes) = buyer.assortment.routes(&procurement.sku) else {
        return Chosen::Later {
            time: pace::LONGEST,
            waits_for: format!("a route for {}: none is configured", procurement.sku),
        };
    };
    let (mut candidates, mut out) = (Vec::new(), Vec::new());
    for route in &routes.routes {
        if visit.unreachable.contains(&route.supplier) {
            out.push((route.supplier.clone(), Out::Later(UNREACHABLE, "could not be reached just now".into())));
            continue;
        }
        match look(buyer, procurement, route, routes.at_a_loss, without, now) {
            Ok(candidate) => candidates.push(candidate),
            Err(why) => out.push((route.supplier.clone(), why)),
        }
    }
    // Stable: the configured order stands among those that are well, and among the others.
    candidates.sort_by_key(|candidate| !candidate.well);
    for candidate in candidates {
        match candidate.supply.guarded.admit(now) {
            Ok(permit) => return Chosen::Route(chosen(candidate, permit, wanted, &out)),
            Err(Closed { why, until }) => {
                out.push((candidate.route.supplier.clone(), Out::Later(until, why.to_string())))
            }
        }
    }
    nobody(procurement, &out)
}

fn look<'a>(
    buyer: &'a Buyer,
    procurement: &Procurement,
    route: &'a Route,
    at_a_loss: bool,
    without: &[SupplierName],
    now: Instant,
) -> Result<Candidate<'a>, Out> {
    if without.contains(&route.supplier) {
        return Err(Out::Refused);
    }
    let Some(supply) = buyer.supplies.get(&route.supplier) else {
        return Err(Out::Later(pace::LONGEST, "not configured".into()));
    };
    let offer = supply.guarded.last_offer(&route.product);
    let measured = offer.as_ref().and_then(|offer| offer.unit_price);
    let Some(unit_price) = route.unit_price.or(measured) else {
        return Err(Out::Later(pace::LONGEST / 4, "its price is not known yet".into()));
    };
    if let Some(costs) = measured.filter(|costs| *costs > unit_price) {
        return Err(Out::Price(format!("costs {} {:?}, the route allows {}", costs.0, supply.currency, unit_price.0)));
    }
    if !at_a_loss {
        // What the purchase will allow, not what it may cost just now: the price may move on the way.
        guard_price(buyer, procurement, route, unit_price)?;
    }
    let health = supply.guarded.health(now);
    let in_stock = offer.as_ref().is_none_or(|offer| offer.on_sale && offer.stock != Some(0));
    let success = health.success.unwrap_or(1.0);
    // Whose breaker is not closed keeps its place: it lets in a trial now and then, and how else would it be known
    // to be well again.
    let on_trial = health.breaker != BreakerState::Closed;
    let well = (success >= WELL || on_trial) && in_stock;
    let said = format!("success {success:.2}, stock {}", if in_stock { "not empty" } else { "empty" });
    Ok(Candidate { supply, route, unit_price, well, said })
}

fn guard_price(buyer: &Buyer, procurement: &Procurement, route: &Route, costs: MinorUnits) -> Result<(), Out> {
    let (limit, currency) = (procurement.need.unit_price, procurement.need.currency);
    match buyer.assortment.rates(&route.supplier).and_then(|rates| rates.cost_in(costs, currency)) {
        Some(cost) if cost <= limit => Ok(()),
        Some(cost) => Err(Out::Price(format!("costs {} {currency:?}, the line allows {}", cost.0, limit.0))),
        None => Err(Out::Price(format!("has no rate for {currency:?}"))),
    }
}

fn chosen<'a>(candidate: Candidate<'a>, permit: Permit, wanted: u32, out: &[(SupplierName, Out)]) -> Choice<'a> {
    let most = candidate.supply.guarded.promises().most;
    let quantity = wanted.min(most).clamp(1, Quantity::MOST);
    let passed: Vec<String> = out.iter().map(|(supplier, why)| format!("{supplier} {why}")).collect();
    let passed = if passed.is_empty() { String::new() } else { format!("; passed over: {}", passed.join(", ")) };
    Choice {
        supply: candidate.supply,
        permit,
        product: candidate.route.product.clone(),
        quantity: Quantity::new(quantity).unwrap_or(Quantity::ONE),
        unit_price: candidate.unit_price,
        why: format!("{}{passed}", candidate.said),
    }
}

/// Waits for the first that opens; or no supplier will.
fn nobody<'a>(procurement: &Procurement, out: &[(SupplierName, Out)]) -> Chosen<'a> {
    let later = out.iter().filter_map(|(supplier, why)| match why {
        Out::Later(time, why) => Some((*time, format!("{supplier}: {why}"))),
        Out::Refused | Out::Price(_) => None,
    });
    if let Some(first) = later.clone().map(|(time, _)| time).min() {
        let waits_for = later.map(|(_, why)| why).collect::<Vec<_>>().join("; ");
        return Chosen::Later { time: first.min(pace::LONGEST), waits_for };
    }
    let prices: Vec<String> = out
        .iter()
        .filter_map(|(supplier, why)| match why {
            Out::Price(why) => Some(format!("{supplier} {why}")),
            Out::Refused | Out::Later(..) => None,
        })
        .collect();
    let asked = !procurement.attempts.is_empty();
    let (code, detail) = match (asked, prices.is_empty()) {
        (false, false) => (ReasonCode::PriceGuard, prices.join("; ")),
        (true, false) => (ReasonCode::SuppliersRefused, format!("{}; {}", step::told(procurement), prices.join("; "))),
        (_, true) => (ReasonCode::SuppliersRefused, step::told(procurement)),
    };
    Chosen::Nobody(Reason::new(code, detail))
}

impl std::fmt::Display for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused => f.write_str("refused before"),
            Self::Price(why) | Self::Later(_, why) => f.write_str(why),
        }
    }
}
