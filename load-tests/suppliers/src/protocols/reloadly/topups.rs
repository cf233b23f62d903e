//! Top-ups: asynchronous; the status comes wrapped or flat.

use serde_json::{Value, json};

use super::{allowed, balance, bought, error, find, report, status};
use crate::{
    asked::Asked,
    money,
    order::Order,
    protocols::date_time,
    reply::{Kind, Reply},
    shelf::{Goods, Product},
    shop::{Guard, Shop, Wish},
};

pub(super) fn answer(shop: &mut Shop, asked: &Asked, path: &str) -> Reply {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let kind = if asked.method == "POST" && parts == ["topups-async"] { Kind::Buy } else { Kind::Other };
    if let Err(refused) = allowed(shop, asked, kind, "topups") {
        return refused;
    }
    match (asked.method.as_str(), parts.as_slice()) {
        ("POST", ["topups-async"]) => top_up(shop, asked),
        ("GET", ["topups", "reports", "transactions"]) => report(shop, asked, true, row),
        ("GET", ["topups", id, "status"]) => match find(shop, id, true) {
            Some(at) => {
                shop.look_at(at);
                let order = shop.order(at);
                Reply::json(Kind::Query, 200, &status_row(order)).about(&order.reference)
            }
            None => error(Kind::Query, asked, 404, None, "The transaction was not found"),
        },
        ("GET", ["operators", id]) => match shop.products.get(*id).filter(|product| product.goods == Goods::TopUp) {
            Some(product) => Reply::json(Kind::Offers, 200, &operator_row(product)),
            None => error(Kind::Offers, asked, 404, None, "The operator was not found"),
        },
        ("GET", ["accounts", "balance"]) => balance(shop),
        _ => error(Kind::Other, asked, 404, None, "Path not found"),
    }
}

fn top_up(shop: &mut Shop, asked: &Asked) -> Reply {
    let body = asked.json().unwrap_or_default();
    let reference = body["customIdentifier"].as_str().unwrap_or_default().to_owned();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let phone = &body["recipientPhone"];
    let (country, number) = (text(&phone["countryCode"]), text(&phone["number"]));
    let digits = number.trim_start_matches('+');
    let shaped =
        country.len() == 2 && (6..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !shaped {
        return error(Kind::Buy, asked, 400, Some("INVALID_RECIPIENT_PHONE"), "The recipient phone is not valid")
            .about(&reference);
    }
    let Some(amount) = money::read(&body["amount"]) else {
        return error(Kind::Buy, asked, 400, None, "amount is required").about(&reference);
    };
    let (operator, account) = (text(&body["operatorId"]), format!("{country}:{digits}"));
    let wish = Wish {
        reference: &reference,
        product: &operator,
        quantity: 1,
        account: Some(&account),
        guard: Guard::Exactly(amount),
        callback_url: None,
    };
    let visit = shop.buy(&wish);
    bought(shop, asked, &visit, |order| json!({"transactionId": order.number})).about(&reference)
}

fn row(order: &Order) -> Value {
    let amount = money::number(money::signed(order.charged));
    let (country, number) = order.account.as_deref().and_then(|account| account.split_once(':')).unwrap_or_default();
    json!({
        "transactionId": order.number,
        "status": status(order),
        "operatorTransactionId": format!("OP{}", order.number),
        "customIdentifier": order.reference,
        "recipientPhone": number,
        "recipientEmail": null,
        "senderPhone": null,
        "countryCode": country,
        "operatorId": order.product.parse::<u64>().unwrap_or_default(),
        "operatorName": "Double Mobile",
        "requestedAmount": amount,
        "requestedAmountCurrencyCode": "USD",
        "deliveredAmount": amount,
        "deliveredAmountCurrencyCode": "USD",
        "discount": 0.0,
        "fee": 0.0,
        "transactionDate": date_time(order.made_us),
        "pinDetail": null,
    })
}

/// Both shapes are in use; every other order gets the flat one.
fn status_row(order: &Order) -> Value {
    let status = status(order);
    if order.number.is_multiple_of(2) {
        return row(order);
    }
    json!({
        "code": if status == "FAILED" { json!("TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT") } else { Value::Null },
        "message": null,
        "status": status,
        "transaction": row(order),
    })
}

fn operator_row(product: &Product) -> Value {
    let price = money::number(money::signed(product.unit_price));
    json!({
        "operatorId": product.id.parse::<u64>().unwrap_or_default(),
        "name": "Double Mobile",
        "status": if product.on_sale { "ACTIVE" } else { "INACTIVE" },
        "bundle": false,
        "data": false,
        "pin": false,
        "supportsLocalAmounts": false,
        "denominationType": "FIXED",
        "senderCurrencyCode": "USD",
        "destinationCurrencyCode": "USD",
        "internationalDiscount": 0.0,
        "localDiscount": 0.0,
        "minAmount": null,
        "maxAmount": null,
        "fixedAmounts": [price],
        "country": {"isoName": "US", "name": "United States"},
    })
}
