//! Prices, stock and balance.

use fulfil_contract::{
    money::{Currency, MinorUnits},
    ports::supplier::SupplierError,
    supplier::{Offer, SupplierBalance, SupplierProduct},
};
use serde_json::Value;

use super::{
    settings::{BalanceCall, Condition, OfferCall, Texts, Unit},
    values::Values,
};
use crate::{decimal, wire::Reply};

/// `None`: they do not know the product.
pub(super) fn offer(
    settings: &OfferCall,
    reply: &Reply,
    product: &SupplierProduct,
    values: &Values<'_>,
    currency: Currency,
) -> Result<Option<Offer>, SupplierError> {
    if reply.status == 404 {
        return Ok(None);
    }
    let whole = told(settings.success.as_ref(), reply)?;
    let Some(answer) = of_product(settings, &whole, values) else { return Ok(None) };
    let digits = digits(settings.unit, currency);
    let price = settings.price.as_ref().and_then(|pointer| pointer.of(answer));
    let stock = settings.stock.as_ref().and_then(|pointer| pointer.text(answer));
    Ok(Some(Offer {
        product: product.clone(),
        unit_price: price.and_then(|price| decimal::price(price, digits)).map(MinorUnits),
        // Below zero some mean "none", others "without end": not told.
        stock: stock.and_then(|stock| stock.parse().ok()),
        on_sale: settings.on_sale.as_ref().is_none_or(|condition| holds(condition, answer)),
    }))
}

pub(super) fn balance(
    settings: &BalanceCall,
    reply: &Reply,
    currency: Currency,
) -> Result<SupplierBalance, SupplierError> {
    let answer = told(settings.success.as_ref(), reply)?;
    let currency = match &settings.currency {
        None => Some(currency),
        Some(pointer) => pointer.text(&answer).and_then(|code| Currency::parse(&code)),
    };
    let amount = settings.amount.of(&answer).zip(currency);
    let amount = amount.and_then(|(amount, currency)| decimal::minor(amount, digits(settings.unit, currency)));
    let amount = amount.ok_or_else(|| SupplierError::Unclear(format!("HTTP {} without a balance", reply.status)))?;
    Ok(SupplierBalance { amount, currency })
}

/// What is told about the product: the whole answer, or the one entry of a list.
fn of_product<'a>(settings: &OfferCall, whole: &'a Value, values: &Values<'_>) -> Option<&'a Value> {
    let (Some(list), Some(entry)) = (&settings.list, &settings.entry) else { return Some(whole) };
    let wanted = entry.is.plain(|name| values.get(name));
    let mut ours = list.of(whole)?.as_array()?.iter().filter(|one| entry.pointer.text(one).as_ref() == Some(&wanted));
    ours.next().filter(|_| ours.next().is_none())
}

fn digits(unit: Unit, currency: Currency) -> u32 {
    match unit {
        Unit::Major => decimal::digits(currency),
        Unit::Minor => 0,
    }
}

fn holds(condition: &Condition, answer: &Value) -> bool {
    let Texts(allowed) = &condition.is;
    condition.pointer.text(answer).is_some_and(|text| allowed.contains(&text))
}

fn told(success: Option<&Condition>, reply: &Reply) -> Result<Value, SupplierError> {
    if matches!(reply.status, 401 | 403) {
        return Err(SupplierError::Credentials(format!("HTTP {}", reply.status)));
    }
    let answer: Value = reply.json().map_err(SupplierError::Unclear)?;
    if reply.is_success() && success.is_none_or(|condition| holds(condition, &answer)) {
        return Ok(answer);
    }
    Err(SupplierError::Unclear(format!("HTTP {} without the success that is configured", reply.status)))
}
