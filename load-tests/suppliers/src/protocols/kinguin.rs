//! Kinguin eCommerce API: an order, then its keys in a second call, page by page.

use serde_json::{Value, json};

use super::date_time;
use crate::{
    asked::Asked,
    callback::CallbackMessage,
    journal, money,
    order::{Order, Stage},
    protocol::Credentials,
    reply::{Kind, Reply},
    shelf::Product,
    shop::{Guard, No, Shop, Wish},
};

const MOST_LINES: usize = 10;
/// Of one offer in one line, unless it is bought wholesale by its offer's id.
const MOST_IN_LINE: u32 = 9;
const MOST_WHOLESALE: u32 = 1_000;
const NAME: &str = "Double of a Game Steam CD Key";

pub(crate) fn answer(shop: &mut Shop, asked: &Asked) -> Reply {
    let path = asked.path.strip_prefix("/esa/api").unwrap_or(&asked.path).to_owned();
    let buys = asked.method == "POST" && path == "/v2/order";
    if asked.header("x-api-key") != shop.credentials.key {
        let kind = if buys { Kind::Buy } else { Kind::Other };
        return error(kind, asked, 401, "Authorization", "Bad authorization credentials.");
    }
    if buys {
        return order(shop, asked);
    }
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (asked.method.as_str(), parts.as_slice()) {
        ("GET", ["v1", "balance"]) => Reply::json(Kind::Balance, 200, &json!({"balance": money::number(shop.balance)})),
        ("GET", ["v1", "order"]) => search(shop, asked),
        ("GET", ["v1", "order", id]) => match find(shop, id) {
            Some(at) => {
                shop.look_at(at);
                Reply::json(Kind::Query, 200, &row(shop.order(at))).about(&shop.order(at).reference)
            }
            None => error(Kind::Query, asked, 404, "OrderNotFound", "Order not found."),
        },
        ("GET", ["v2", "order", id, "keys"]) => keys(shop, asked, id),
        ("GET", ["v1", "products"]) => {
            let wanted = asked.parameter("productId");
            let results: Vec<_> = shop
                .products
                .values()
                .filter(|product| wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|id| id == product.id)))
                .map(product_row)
                .collect();
            Reply::json(Kind::Offers, 200, &json!({"results": results, "item_count": results.len()}))
        }
        ("GET", ["v2", "products", id]) => match shop.products.get(*id) {
            Some(product) => Reply::json(Kind::Offers, 200, &product_row(product)),
            None => error(Kind::Offers, asked, 404, "Http", "Product not found."),
        },
        _ => error(Kind::Other, asked, 404, "Http", "No route found."),
    }
}

fn error(kind: Kind, asked: &Asked, status: u16, name: &str, detail: &str) -> Reply {
    let title = match status {
        401 => "Unauthorized",
        404 => "Not Found",
        409 => "Conflict",
        _ => "Bad Request",
    };
    let body = json!({
        "kind": name,
        "status": status,
        "title": title,
        "detail": detail,
        "path": asked.path,
        "method": asked.method,
        "trace": "082a4cee9b",
        "timestamp": date_time(journal::now_us()),
    });
    Reply::json(kind, status, &body)
}

/// What is asked for, summed up: the product, how many, and the lowest price of a line.
fn wanted(body: &Value) -> Result<(String, u32, u64), String> {
    let lines =
        body["products"].as_array().filter(|lines| !lines.is_empty()).ok_or("Missing \"products\" property.")?;
    if lines.len() > MOST_LINES {
        return Err(format!("Invalid \"products\" property. At most {MOST_LINES} items are allowed."));
    }
    let mut all: Option<(String, u32, u64)> = None;
    for line in lines {
        let id = line["productId"].as_str().ok_or("Missing \"productId\" property.")?;
        let quantity = line["qty"].as_u64().and_then(|quantity| u32::try_from(quantity).ok()).unwrap_or(0);
        let most = if line["offerId"].is_string() { MOST_WHOLESALE } else { MOST_IN_LINE };
        if !(1..=most).contains(&quantity) {
            return Err(format!("Invalid \"qty\" property. It must be from 1 to {most}."));
        }
        let price =
            line["price"].as_f64().and_then(|_| money::read(&line["price"])).ok_or("Missing \"price\" property.")?;
        all = Some(match all {
            None => (id.to_owned(), quantity, price),
            Some((first, sum, lowest)) if first == id => (first, sum + quantity, lowest.min(price)),
            Some(_) => return Err("The double sells one product an order.".into()),
        });
    }
    all.ok_or_else(|| "Missing \"products\" property.".into())
}

fn order(shop: &mut Shop, asked: &Asked) -> Reply {
    let body = asked.json().unwrap_or_default();
    let reference = body["orderExternalId"].as_str().unwrap_or_default().to_owned();
    let (product, quantity, price) = match wanted(&body) {
        Ok(wanted) => wanted,
        Err(detail) => return error(Kind::Buy, asked, 400, "ConstraintViolation", &detail).about(&reference),
    };
    let guard = Guard::AtMost(price);
    let wish = Wish { reference: &reference, product: &product, quantity, account: None, guard, callback_url: None };
    let visit = shop.buy(&wish);
    let reply = match visit.outcome {
        Ok(at) => {
            let mut row = row(shop.order(at));
            row["status"] = json!("processing");
            Reply::json(Kind::Buy, 201, &row)
        }
        Err(no) => {
            let (status, name, detail) = match no {
                No::NotServed => (500, "Error", ""),
                No::Duplicate => (409, "ResourceLock", "Order with the given external ID already exists."),
                No::Product | No::OutOfStock | No::Price => {
                    (400, "ProductUnavailable", "Unable to find any offer matching order request criteria.")
                }
                No::Balance => (400, "InsufficientBalance", "There are not enough funds to place an order."),
                No::Lately => (400, "OrderFailed", "Unable to create an order."),
            };
            error(Kind::Buy, asked, status, name, detail)
        }
    };
    reply.about(&reference).struck(visit.strikes)
}

fn row(order: &Order) -> Value {
    let status = match order.stage() {
        Stage::Pending => "processing",
        Stage::Done | Stage::WithoutKeys | Stage::RefundedInPart => "completed",
        Stage::Cancelled => "canceled",
        Stage::Refunded => "refunded",
    };
    let readable = order.readable().len();
    let key_status = |at: usize| match (at < readable, order.stage()) {
        (true, _) => "DELIVERED",
        (false, Stage::Pending | Stage::Done | Stage::WithoutKeys) => "PROCESSING",
        (false, Stage::Cancelled) => "CANCELED",
        (false, Stage::Refunded | Stage::RefundedInPart) => "REFUNDED",
    };
    let keys: Vec<_> =
        (0..order.quantity as usize).map(|at| json!({"id": key_id(order, at), "status": key_status(at)})).collect();
    let (price, total) = (money::number(money::signed(order.unit_price)), money::number(money::signed(order.charged)));
    json!({
        "totalPrice": total,
        "requestTotalPrice": total,
        "paymentPrice": total,
        "status": status,
        "userEmail": "double@localhost",
        "storeId": 1,
        "createdAt": date_time(order.made_us),
        "orderId": their_id(order),
        "orderExternalId": order.reference,
        "products": [{
            "kinguinId": 1949,
            "offerId": offer_id(&order.product),
            "productId": order.product,
            "qty": order.quantity,
            "name": NAME,
            "price": price,
            "totalPrice": total,
            "requestPrice": price,
            "isPreorder": false,
            "keys": keys,
        }],
        "totalQty": order.quantity,
        "isPreorder": false,
    })
}

fn key_id(order: &Order, at: usize) -> String {
    format!("{:016x}{:08x}", order.number, at)
}

fn offer_id(product: &str) -> String {
    product.chars().rev().collect()
}

fn search(shop: &mut Shop, asked: &Asked) -> Reply {
    let (external, id) = (asked.parameter("orderExternalId"), asked.parameter("orderId"));
    let found: Vec<usize> = match (&external, &id) {
        (Some(reference), _) => shop.find(reference),
        (None, Some(id)) => find(shop, id).into_iter().collect(),
        (None, None) => Vec::new(),
    };
    let mut results = Vec::new();
    for at in found {
        shop.look_at(at);
        results.push(row(shop.order(at)));
    }
    let body = json!({"item_count": results.len(), "results": results});
    Reply::json(Kind::Query, 200, &body).about(external.as_deref().unwrap_or_default())
}

fn keys(shop: &mut Shop, asked: &Asked, id: &str) -> Reply {
    let number = |name, default| asked.parameter(name).map_or(Some(default), |text| text.parse::<usize>().ok());
    let (Some(page), Some(limit)) = (number("page", 1), number("limit", 25)) else {
        return error(Kind::Keys, asked, 400, "ConstraintViolation", "Invalid \"page\" or \"limit\".");
    };
    if page == 0 || !(1..=100).contains(&limit) {
        return error(Kind::Keys, asked, 400, "ConstraintViolation", "Invalid \"page\" or \"limit\".");
    }
    let Some(at) = find(shop, id) else {
        return error(Kind::Keys, asked, 404, "OrderNotFound", "Order not found.");
    };
    // All pages together are one telling.
    let keys = if page == 1 { shop.tell_keys(at) } else { shop.order(at).readable().to_vec() };
    let order = shop.order(at);
    let page: Vec<_> = (keys.iter().enumerate().skip((page - 1) * limit).take(limit))
        .map(|(at, key)| {
            json!({
                "id": key_id(order, at),
                "serial": key.secret,
                "type": "text/plain",
                "name": NAME,
                "kinguinId": 1949,
                "offerId": offer_id(&order.product),
                "productId": order.product,
            })
        })
        .collect();
    Reply::json(Kind::Keys, 200, &Value::Array(page)).about(&order.reference)
}

fn product_row(product: &Product) -> Value {
    let price = money::number(money::signed(product.unit_price));
    let stock = if product.on_sale { product.stock } else { 0 };
    json!({
        "name": NAME,
        "platform": "Steam",
        "qty": stock,
        "textQty": stock,
        "price": price,
        "cheapestOfferId": [offer_id(&product.id)],
        "isPreorder": false,
        "kinguinId": 1949,
        "productId": product.id,
        "offers": [{"name": NAME, "offerId": offer_id(&product.id), "price": price, "qty": stock, "textQty": stock}],
        "offersCount": 1,
        "totalQty": stock,
    })
}

fn find(shop: &Shop, id: &str) -> Option<usize> {
    shop.find_number(id.strip_prefix("PHS")?.parse().ok()?)
}

pub(crate) fn their_id(order: &Order) -> String {
    format!("PHS{}", order.number)
}

pub(crate) fn callback(credentials: &Credentials, order: &Order, at_us: u64) -> CallbackMessage {
    let row = row(order);
    let body = json!({
        "orderId": row["orderId"],
        "orderExternalId": row["orderExternalId"],
        "status": row["status"],
        "updatedAt": date_time(at_us).replace("+00:00", ".025+00:00"),
    });
    CallbackMessage {
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("x-event-name".into(), "order.status".into()),
            ("x-event-secret".into(), credentials.callback_secret.clone()),
        ],
        body: body.to_string().into_bytes(),
        wants: "",
    }
}
