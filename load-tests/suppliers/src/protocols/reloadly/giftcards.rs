//! Gift cards: an order, then its cards in a second call.

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
    let kind = if asked.method == "POST" && parts == ["orders"] { Kind::Buy } else { Kind::Other };
    if let Err(refused) = allowed(shop, asked, kind, "giftcards") {
        return refused;
    }
    match (asked.method.as_str(), parts.as_slice()) {
        ("POST", ["orders"]) => order(shop, asked),
        ("GET", ["orders", "transactions", id, "cards"]) => cards(shop, asked, id),
        ("GET", ["reports", "transactions"]) => report(shop, asked, false, row),
        ("GET", ["reports", "transactions", id]) => match find(shop, id, false) {
            Some(at) => {
                shop.look_at(at);
                Reply::json(Kind::Query, 200, &row(shop.order(at))).about(&shop.order(at).reference)
            }
            None => error(Kind::Query, asked, 404, None, "The transaction was not found"),
        },
        ("GET", ["products", id]) => match shop.products.get(*id).filter(|product| product.goods != Goods::TopUp) {
            Some(product) => Reply::json(Kind::Offers, 200, &product_row(product)),
            None => error(Kind::Offers, asked, 404, None, "The product was not found"),
        },
        ("GET", ["accounts", "balance"]) => balance(shop),
        _ => error(Kind::Other, asked, 404, None, "Path not found"),
    }
}

fn order(shop: &mut Shop, asked: &Asked) -> Reply {
    let body = asked.json().unwrap_or_default();
    let reference = body["customIdentifier"].as_str().unwrap_or_default().to_owned();
    let quantity = body["quantity"].as_u64().and_then(|quantity| u32::try_from(quantity).ok()).unwrap_or(0);
    let (product, price) = (&body["productId"], money::read(&body["unitPrice"]));
    let product = product.as_str().map_or_else(|| product.to_string(), str::to_owned);
    let Some(price) = price.filter(|_| quantity > 0) else {
        return error(Kind::Buy, asked, 400, None, "quantity and unitPrice are required").about(&reference);
    };
    // A top-up's operator is not sold here, whatever its number.
    let product = match shop.products.get(&product) {
        Some(found) if found.goods == Goods::TopUp => String::new(),
        Some(_) | None => product,
    };
    let guard = Guard::Exactly(price);
    let wish = Wish { reference: &reference, product: &product, quantity, account: None, guard, callback_url: None };
    let visit = shop.buy(&wish);
    bought(shop, asked, &visit, row).about(&reference)
}

fn row(order: &Order) -> Value {
    let (price, total) = (money::number(money::signed(order.unit_price)), money::number(money::signed(order.charged)));
    json!({
        "transactionId": order.number,
        "amount": total,
        "discount": 0.0,
        "currencyCode": "USD",
        "fee": 0.0,
        "smsFee": 0.0,
        "recipientEmail": null,
        "customIdentifier": order.reference,
        "status": status(order),
        "product": {
            "productId": order.product.parse::<u64>().unwrap_or_default(),
            "productName": format!("Double {}", order.product),
            "countryCode": "US",
            "quantity": order.quantity,
            "unitPrice": price,
            "totalPrice": total,
            "currencyCode": "USD",
        },
        "transactionCreatedTime": date_time(order.made_us),
    })
}

fn cards(shop: &mut Shop, asked: &Asked, id: &str) -> Reply {
    let Some(at) = find(shop, id, false) else {
        return error(Kind::Keys, asked, 404, None, "The transaction was not found");
    };
    let cards: Vec<_> = shop
        .tell_keys(at)
        .iter()
        .map(|key| json!({"cardNumber": key.number.as_deref().unwrap_or_default(), "pinCode": key.secret}))
        .collect();
    Reply::json(Kind::Keys, 200, &Value::Array(cards)).about(&shop.order(at).reference)
}

fn product_row(product: &Product) -> Value {
    let price = money::number(money::signed(product.unit_price));
    json!({
        "productId": product.id.parse::<u64>().unwrap_or_default(),
        "productName": format!("Double {}", product.id),
        "global": false,
        "status": if product.on_sale { "ACTIVE" } else { "INACTIVE" },
        "senderFee": 0.0,
        "senderFeePercentage": 0.0,
        "discountPercentage": 0.0,
        "denominationType": "FIXED",
        "recipientCurrencyCode": "USD",
        "minRecipientDenomination": null,
        "maxRecipientDenomination": null,
        "senderCurrencyCode": "USD",
        "minSenderDenomination": null,
        "maxSenderDenomination": null,
        "fixedRecipientDenominations": [price],
        "fixedSenderDenominations": [price],
        "fixedRecipientToSenderDenominationsMap": {money::text(money::signed(product.unit_price)): price},
        "country": {"isoName": "US", "name": "United States"},
    })
}
