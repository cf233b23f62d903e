//! The bounds of the contract, held against the fields as they were written.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Order, OrderLine, Recharge};
use crate::{
    ids::{LineNo, MerchantId, OrderId, Quantity, Sku},
    money::{Currency, MinorUnits},
    time::Timestamp,
};

/// A larger body is refused with `too_large`.
pub const MOST_BODY_BYTES: usize = 64 * 1024;
/// The most keys of one order, over all its lines.
pub const MOST_KEYS: usize = 10_000;
/// The most lines of one order.
pub const MOST_LINES: usize = 100;
/// The most bytes of an account or address that is passed on.
const MOST_TEXT: usize = 256;

/// An order's fields as written; numbers as wide as they come, so that a bound is told and not a type.
#[derive(Deserialize)]
pub(super) struct Wire<'a> {
    #[serde(borrow)]
    pub(super) order_id: Cow<'a, str>,
    #[serde(borrow)]
    merchant_id: Cow<'a, str>,
    #[serde(borrow)]
    placed_at: Cow<'a, str>,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    #[serde(borrow)]
    lines: Vec<WireLine<'a>>,
    #[serde(borrow, default)]
    expires_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    buyer: Option<WireBuyer<'a>>,
}

#[derive(Deserialize)]
struct WireLine<'a> {
    line_no: i64,
    #[serde(borrow)]
    sku: Cow<'a, str>,
    quantity: i64,
    unit_price: i64,
    #[serde(borrow, default)]
    recharge: Option<WireRecharge<'a>>,
}

#[derive(Deserialize)]
struct WireRecharge<'a> {
    #[serde(borrow)]
    account: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WireBuyer<'a> {
    #[serde(borrow, default)]
    account: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    ip: Option<Cow<'a, str>>,
}

/// Gives the order, or a sentence that begins with the field's path.
pub(super) fn check(wire: &Wire<'_>) -> Result<Order, String> {
    let order_id = OrderId::parse(&wire.order_id).map_err(|error| format!("order_id {error}"))?;
    let merchant_id = MerchantId::parse(&wire.merchant_id).map_err(|error| format!("merchant_id {error}"))?;
    time("placed_at", &wire.placed_at)?;
    let currency = Currency::parse(&wire.currency)
        .ok_or_else(|| format!("currency: {:?} is not three letters A–Z (ISO 4217)", shown(&wire.currency)))?;
    let expires_at = wire.expires_at.as_deref().map(|text| time("expires_at", text)).transpose()?;
    if let Some(buyer) = &wire.buyer {
        text("buyer.account", buyer.account.as_deref().unwrap_or(""))?;
        text("buyer.ip", buyer.ip.as_deref().unwrap_or(""))?;
    }
    Ok(Order { order_id, merchant_id, currency, expires_at, lines: lines(&wire.lines)? })
}

fn lines(wires: &[WireLine<'_>]) -> Result<Vec<OrderLine>, String> {
    if wires.is_empty() {
        return Err("lines: is empty; an order has 1–100 lines".into());
    }
    if wires.len() > MOST_LINES {
        return Err(format!("lines: {} are too many; an order has 1–100 lines", wires.len()));
    }
    let mut lines = Vec::with_capacity(wires.len());
    for (at, wire) in wires.iter().enumerate() {
        lines.push(line(wire).map_err(|problem| format!("lines[{at}].{problem}"))?);
    }
    lines.sort_by_key(|line| line.line_no);
    if let Some(twice) = lines.windows(2).find(|pair| pair[0].line_no == pair[1].line_no) {
        return Err(format!("lines: line_no {} stands there twice", twice[0].line_no.0));
    }
    let keys: usize = lines.iter().map(|line| line.quantity.as_usize()).sum();
    if keys > MOST_KEYS {
        return Err(format!("lines: {keys} keys are too many; an order has at most {MOST_KEYS}"));
    }
    Ok(lines)
}

fn line(wire: &WireLine<'_>) -> Result<OrderLine, String> {
    let line_no = u32::try_from(wire.line_no)
        .ok()
        .filter(|&number| i32::try_from(number).is_ok())
        .ok_or_else(|| format!("line_no: {} is not within 0–2147483647", wire.line_no))?;
    let quantity = u32::try_from(wire.quantity)
        .ok()
        .and_then(Quantity::new)
        .ok_or_else(|| format!("quantity: {} is not within 1–{}", wire.quantity, Quantity::MOST))?;
    let unit_price = u64::try_from(wire.unit_price)
        .map_err(|_| format!("unit_price: {} is negative; it is in minor units, 0 or more", wire.unit_price))?;
    let recharge = match &wire.recharge {
        None => None,
        Some(recharge) if recharge.account.is_empty() => return Err("recharge.account is empty".into()),
        Some(recharge) => {
            text("recharge.account", &recharge.account)?;
            if quantity != Quantity::ONE {
                return Err(format!(
                    "quantity: {} top-ups in one line; a line with recharge is one top-up",
                    quantity.get()
                ));
            }
            Some(Recharge { account: recharge.account.as_ref().to_owned() })
        }
    };
    Ok(OrderLine {
        line_no: LineNo(line_no),
        sku: Sku::parse(&wire.sku).map_err(|error| format!("sku {error}"))?,
        quantity,
        unit_price: MinorUnits(unit_price),
        recharge,
    })
}

fn time(field: &str, text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| format!("{field}: {:?} is no RFC 3339 time, as 1997-01-12T00:00:00Z is one", shown(text)))
}

fn text(field: &str, text: &str) -> Result<(), String> {
    if text.len() > MOST_TEXT {
        return Err(format!("{field}: has {} bytes, at most {MOST_TEXT} are allowed", text.len()));
    }
    if text.contains('\0') {
        return Err(format!("{field}: holds U+0000, which is not allowed"));
    }
    Ok(())
}

/// As much of a refused text as a reason has room for.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
