//! Which supplier a line is bought from: the first of its routes, in configured order, that is well, affordable
//! and open now; those that are not well come last.
//!
//! What holds here: nothing is bought above the line's price guard unless its SKU allows a loss, nor at a price that
//! nobody keeps to and nobody has asked for ([`price`]); a supplier that gave a final no for the line is not asked
//! again; a choice says why it was made, and no choice says what is waited for or why nobody can.

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
    pace,
    price::{self, Heard, Price},
    step,
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
    /// This supplier sells at its own price: it is asked for that first, in the place of a purchase.
    Ask {
        supply: &'a Supply,
        permit: Permit,
        product: SupplierProduct,
    },
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
    /// The most that one may cost; `None`: it has to be asked first.
    unit_price: Option<MinorUnits>,
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
        match look(visit, route, routes.at_a_loss, without, now) {
            Ok(candidate) => candidates.push(candidate),
            Err(why) => out.push((route.supplier.clone(), why)),
        }
    }
    // Stable: the configured order stands among those that are well, and among the others.
    candidates.sort_by_key(|candidate| !candidate.well);
    for candidate in candidates {
        match candidate.supply.guarded.admit(now) {
            Ok(permit) => return chosen(candidate, permit, wanted, &out),
            Err(Closed { why, until }) => {
                out.push((candidate.route.supplier.clone(), Out::Later(until, why.to_string())))
            }
        }
    }
    nobody(procurement, &out)
}

fn look<'a>(
    visit: &Visit<'a>,
    route: &'a Route,
    at_a_loss: bool,
    without: &[SupplierName],
    now: Instant,
) -> Result<Candidate<'a>, Out> {
    let (buyer, procurement) = (visit.buyer, &visit.procurement);
    if without.contains(&route.supplier) {
        return Err(Out::Refused);
    }
    let Some(supply) = buyer.supplies.get(&route.supplier) else {
        return Err(Out::Later(pace::LONGEST, "not configured".into()));
    };
    let unit_price = match price_of(visit, supply, route, at_a_loss, now) {
        Price::Allows(unit_price) => Some(unit_price),
        Price::Ask => None,
        Price::Dear { costs, allowed } => {
            let why = format!("costs {} {:?}, the route allows {}", costs.0, supply.currency, allowed.0);
            return Err(Out::Price(why));
        }
        Price::Unknown(why) => return Err(Out::Later(pace::LONGEST / 4, why)),
    };
    if !at_a_loss {
        // What the purchase will allow, not what it may cost just now: the price may move on the way. The least that
        // it will allow of one whose price is not asked yet is the route's.
        unit_price.or(route.unit_price).map_or(Ok(()), |costs| guard_price(buyer, procurement, route, costs))?;
    }
    let offer = supply.guarded.last_offer(&route.product);
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

fn price_of(visit: &Visit<'_>, supply: &Supply, route: &Route, at_a_loss: bool, now: Instant) -> Price {
    let told = supply.guarded.last_price(&route.product, now);
    // Where it may cost whatever it costs, any price will do.
    let any = at_a_loss && route.unit_price.is_none();
    let known = price::Known {
        route: route.unit_price,
        told,
        kept: any || supply.guarded.promises().keeps_price,
        heard: visit.heard.get(&route.supplier).cloned().unwrap_or(Heard::Nothing),
    };
    known.price()
}

fn guard_price(buyer: &Buyer, procurement: &Procurement, route: &Route, costs: MinorUnits) -> Result<(), Out> {
    let (limit, currency) = (procurement.need.unit_price, procurement.need.currency);
    match buyer.assortment.rates(&route.supplier).and_then(|rates| rates.cost_in(costs, currency)) {
        Some(cost) if cost <= limit => Ok(()),
        Some(cost) => Err(Out::Price(format!("costs {} {currency:?}, the line allows {}", cost.0, limit.0))),
        None => Err(Out::Price(format!("has no rate for {currency:?}"))),
    }
}

fn chosen<'a>(candidate: Candidate<'a>, permit: Permit, wanted: u32, out: &[(SupplierName, Out)]) -> Chosen<'a> {
    let Candidate { supply, route, unit_price, said, well: _ } = candidate;
    let product = route.product.clone();
    let Some(unit_price) = unit_price else { return Chosen::Ask { supply, permit, product } };
    let quantity = wanted.min(supply.guarded.promises().most).clamp(1, Quantity::MOST);
    let passed: Vec<String> = out.iter().map(|(supplier, why)| format!("{supplier} {why}")).collect();
    let passed = if passed.is_empty() { String::new() } else { format!("; passed over: {}", passed.join(", ")) };
    Chosen::Route(Choice {
        supply,
        permit,
        product,
        quantity: Quantity::new(quantity).unwrap_or(Quantity::ONE),
        unit_price,
        why: format!("{said}{passed}"),
    })
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
