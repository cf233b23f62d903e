//! Reloadly: three hosts, here as `/auth`, `/giftcards` and `/topups`; a token per product.

mod auth;
mod giftcards;
mod topups;

use serde_json::{Value, json};

use super::date_time;
use crate::{
    asked::Asked,
    journal, money,
    order::{Order, Stage},
    reply::{Kind, Reply},
    shop::{No, Shop, Visit},
};

pub(crate) fn answer(shop: &mut Shop, asked: &Asked) -> Reply {
    let host = |prefix| asked.path.strip_prefix(prefix).filter(|path| path.starts_with('/'));
    if let Some(path) = host("/auth") {
        return auth::answer(shop, asked, path);
    }
    if let Some(path) = host("/giftcards") {
        return giftcards::answer(shop, asked, path);
    }
    if let Some(path) = host("/topups") {
        return topups::answer(shop, asked, path);
    }
    error(Kind::Other, asked, 404, None, "Path not found")
}

fn error(kind: Kind, asked: &Asked, status: u16, code: Option<&str>, message: &str) -> Reply {
    let body = json!({
        "timeStamp": date_time(journal::now_us()),
        "message": message,
        "path": asked.path,
        "errorCode": code,
        "infoLink": null,
        "details": [],
    });
    Reply::json(kind, status, &body)
}

/// A host's own call: the token is its own, and the version is asked for.
fn allowed(shop: &Shop, asked: &Asked, kind: Kind, host: &str) -> Result<(), Reply> {
    let token = asked.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
    match shop.tokens.get(token) {
        Some((audience, until)) if audience.contains(host) => {
            if until.elapsed() > std::time::Duration::ZERO {
                return Err(error(kind, asked, 401, Some("TOKEN_EXPIRED"), "The token provided has expired"));
            }
        }
        Some(_) | None => {
            return Err(error(kind, asked, 401, Some("INVALID_TOKEN"), "The token provided is not valid"));
        }
    }
    if !asked.header("accept").contains(&format!("application/com.reloadly.{host}-v1+json")) {
        return Err(error(kind, asked, 406, None, "Not acceptable"));
    }
    Ok(())
}

fn balance(shop: &Shop) -> Reply {
    let body = json!({
        "balance": money::number(shop.balance),
        "currencyCode": "USD",
        "currencyName": "US Dollar",
        "updatedAt": date_time(journal::now_us()),
    });
    Reply::json(Kind::Balance, 200, &body)
}

/// What a purchase is answered with: `row` of the order, or the refusal.
fn bought(shop: &Shop, asked: &Asked, visit: &Visit, row: fn(&Order) -> Value) -> Reply {
    let reply = match visit.outcome {
        Ok(at) => Reply::json(Kind::Buy, 200, &row(shop.order(at))),
        Err(no) => {
            let (status, code, message) = match no {
                No::NotServed => (500, None, ""),
                No::Duplicate => (400, None, "The customIdentifier has already been used and cannot be reused"),
                No::Product => (404, None, "The product or operator was not found or is not available"),
                No::OutOfStock => (
                    400,
                    Some("TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT"),
                    "The transaction cannot be processed at the moment",
                ),
                No::Balance => (400, Some("INSUFFICIENT_BALANCE"), "Your account balance is not enough"),
                No::Price => (400, None, "The unit price or amount is not valid for this product"),
                No::Lately => {
                    (400, Some("PHONE_RECENTLY_RECHARGED"), "The phone number was recharged less than 2 minutes ago")
                }
            };
            error(Kind::Buy, asked, status, code, message)
        }
    };
    reply.struck(visit.strikes)
}

/// Of gift cards, of which a pending one says `PENDING` at first.
fn status(order: &Order) -> &'static str {
    match order.stage() {
        Stage::Pending if order.queries < 2 && !order.is_top_up() => "PENDING",
        Stage::Pending => "PROCESSING",
        Stage::Done | Stage::WithoutKeys => "SUCCESSFUL",
        Stage::Cancelled => "FAILED",
        Stage::Refunded | Stage::RefundedInPart => "REFUNDED",
    }
}

/// `{content, totalElements}` of the orders under the asked-for identifier, top-ups or not.
fn report(shop: &mut Shop, asked: &Asked, top_ups: bool, row: fn(&Order) -> Value) -> Reply {
    let reference = asked.parameter("customIdentifier").unwrap_or_default();
    let mut content = Vec::new();
    for at in shop.find(&reference) {
        if shop.order(at).is_top_up() == top_ups {
            shop.look_at(at);
            content.push(row(shop.order(at)));
        }
    }
    let body = json!({"totalElements": content.len(), "totalPages": 1, "size": 200, "number": 0, "content": content});
    Reply::json(Kind::Query, 200, &body).about(&reference)
}

fn find(shop: &Shop, id: &str, top_ups: bool) -> Option<usize> {
    shop.find_number(id.parse().ok()?).filter(|at| shop.order(*at).is_top_up() == top_ups)
}
