//! dujiao-next upstream 1.0: signed JSON over REST paths; a reference that is known answers its order again.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use sha2::Sha256;

use super::date_time;
use crate::{
    asked::Asked,
    callback::CallbackMessage,
    hex, journal, money,
    order::{Order, Stage, lines},
    protocol::Credentials,
    reply::{Kind, Reply},
    shelf::Product,
    shop::{Guard, No, Shop, Wish},
};

/// Seconds that a timestamp may be off.
const SKEW: u64 = 60;
const CALLBACK_PATH: &str = "/api/v1/upstream/callback";

pub(crate) fn answer(shop: &mut Shop, asked: &Asked) -> Reply {
    let path = asked.path.strip_prefix("/api/v1/upstream").unwrap_or_default().to_owned();
    let buys = asked.method == "POST" && path == "/orders";
    if let Err(code) = check(&shop.credentials, asked, journal::now_us() / 1_000_000) {
        return failed(if buys { Kind::Buy } else { Kind::Other }, 401, code);
    }
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (asked.method.as_str(), parts.as_slice()) {
        ("POST", ["ping"]) => {
            let body = json!({
                "ok": true,
                "site_name": "double",
                "protocol_version": "1.0",
                "user_id": 42,
                "balance": money::text(shop.balance),
                "currency": shop.protocol.currency(),
                "member_level": null,
            });
            Reply::json(Kind::Balance, 200, &body)
        }
        ("GET", ["products"]) => products(shop, asked),
        ("GET", ["products", id]) => match shop.products.get(*id) {
            Some(product) if product.on_sale => {
                Reply::json(Kind::Offers, 200, &json!({"ok": true, "product": product_row(product)}))
            }
            Some(_) => failed(Kind::Offers, 404, "product_unavailable"),
            None => failed(Kind::Offers, 404, "product_not_found"),
        },
        ("POST", ["orders"]) => order(shop, asked),
        ("GET", ["orders", id]) => match find(shop, id) {
            Some(at) => {
                shop.look_at(at);
                shop.tell_keys(at);
                Reply::json(Kind::Query, 200, &row(shop.order(at), true)).about(&shop.order(at).reference)
            }
            None => failed(Kind::Query, 404, "order_not_found"),
        },
        ("POST", ["orders", id, "cancel"]) => match find(shop, id) {
            Some(at) if shop.close(at) => Reply::json(Kind::Cancel, 200, &row(shop.order(at), false)),
            Some(_) => failed(Kind::Cancel, 409, "cancel_not_allowed"),
            None => failed(Kind::Cancel, 404, "order_not_found"),
        },
        _ => failed(Kind::Other, 404, "not_found"),
    }
}

fn check(credentials: &Credentials, asked: &Asked, now: u64) -> Result<(), &'static str> {
    let [key, time, signature] =
        ["dujiao-next-api-key", "dujiao-next-timestamp", "dujiao-next-signature"].map(|name| asked.header(name));
    if key.is_empty() || time.is_empty() || signature.is_empty() {
        return Err("missing_auth_headers");
    }
    let seconds: u64 = time.parse().map_err(|_| "invalid_timestamp")?;
    if seconds.abs_diff(now) > SKEW {
        return Err("timestamp_expired");
    }
    if key != credentials.account {
        return Err("invalid_api_key");
    }
    if signature != sign(&credentials.key, &asked.method, &asked.path, time, &asked.body) {
        return Err("invalid_signature");
    }
    Ok(())
}

fn sign(secret: &str, method: &str, path: &str, time: &str, body: &[u8]) -> String {
    let text = format!("{method}\n{path}\n{time}\n{}", hex::lower(&Md5::digest(body)));
    match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mac) => hex::lower(&mac.chain_update(text).finalize().into_bytes()),
        // HMAC takes keys of every length; an empty signature matches no header that is there.
        Err(_) => String::new(),
    }
}

fn failed(kind: Kind, status: u16, code: &str) -> Reply {
    Reply::json(kind, status, &json!({"ok": false, "error_code": code, "error_message": code.replace('_', " ")}))
}

fn products(shop: &Shop, asked: &Asked) -> Reply {
    let number = |name, default| asked.parameter(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(default);
    let (page, size) = (number("page", 1).max(1), number("page_size", 20).clamp(1, 100));
    let on_sale: Vec<_> = shop.products.values().filter(|product| product.on_sale).collect();
    let items: Vec<_> = on_sale.iter().skip((page - 1) * size).take(size).map(|product| product_row(product)).collect();
    let body = json!({"ok": true, "items": items, "total": on_sale.len(), "page": page, "page_size": size});
    Reply::json(Kind::Offers, 200, &body)
}

/// A product with one SKU of the same number.
fn product_row(product: &Product) -> Value {
    let (id, price) = (product.id.parse::<u64>().unwrap_or_default(), money::text(money::signed(product.unit_price)));
    let stock_status = match product.stock {
        0 => "out_of_stock",
        1..=20 => "low_stock",
        _ => "in_stock",
    };
    json!({
        "id": id,
        "slug": format!("double-{id}"),
        "title": {"en": format!("double {id}"), "zh-CN": format!("双 {id}")},
        "price_amount": price,
        "fulfillment_type": "auto",
        "is_active": product.on_sale,
        "category_id": 1,
        "skus": [{
            "id": id,
            "sku_code": "DEFAULT",
            "spec_values": {},
            "price_amount": price,
            "stock_status": stock_status,
            "stock_quantity": product.stock,
            "is_active": product.on_sale,
        }],
    })
}

fn order(shop: &mut Shop, asked: &Asked) -> Reply {
    let body = asked.json().unwrap_or_default();
    let reference = body["downstream_order_no"].as_str().unwrap_or_default().to_owned();
    let quantity = body["quantity"].as_u64().and_then(|quantity| u32::try_from(quantity).ok()).unwrap_or(0);
    let Some(sku) = body["sku_id"].as_u64().filter(|_| quantity > 0) else {
        return failed(Kind::Buy, 400, "bad_request").about(&reference);
    };
    let callback_url = body["callback_url"].as_str().filter(|url| !url.is_empty());
    if callback_url.is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        return failed(Kind::Buy, 400, "invalid_callback_url").about(&reference);
    }
    let product = sku.to_string();
    let wish =
        Wish { reference: &reference, product: &product, quantity, account: None, guard: Guard::None, callback_url };
    let visit = shop.buy(&wish);
    let reply = match visit.outcome {
        Ok(at) => {
            let mut row = row(shop.order(at), false);
            if !visit.again {
                row["status"] = json!("paid");
            }
            Reply::json(Kind::Buy, 200, &row)
        }
        Err(no) => match no {
            No::NotServed => failed(Kind::Buy, 500, "internal_error"),
            No::Duplicate => failed(Kind::Buy, 409, "duplicate_order"),
            No::Product => failed(Kind::Buy, 400, "sku_unavailable"),
            No::OutOfStock => failed(Kind::Buy, 409, "insufficient_stock"),
            No::Balance => failed(Kind::Buy, 402, "insufficient_balance"),
            No::Price | No::Lately => failed(Kind::Buy, 400, "bad_request"),
        },
    };
    reply.about(&reference).struck(visit.strikes)
}

fn row(order: &Order, with_fulfillment: bool) -> Value {
    let total = money::text(money::signed(order.charged));
    let mut row = json!({
        "ok": true,
        "order_id": order.number,
        "order_no": format!("DJ{}", order.number),
        "status": status(order),
        "amount": total,
        "currency": "CNY",
    });
    if with_fulfillment {
        row["items"] = json!([{
            "product_id": order.product.parse::<u64>().unwrap_or_default(),
            "sku_id": order.product.parse::<u64>().unwrap_or_default(),
            "title": {"en": "double"},
            "quantity": order.quantity,
            "unit_price": money::text(money::signed(order.unit_price)),
            "total_price": total,
            "fulfillment_type": "auto",
        }]);
        if let Some(fulfillment) = fulfillment(order) {
            row["fulfillment"] = fulfillment;
        }
    }
    row
}

fn status(order: &Order) -> &'static str {
    match order.stage() {
        Stage::Pending if order.queries < 2 => "paid",
        Stage::Pending => "fulfilling",
        Stage::Done if order.queries < 2 => "delivered",
        Stage::Done | Stage::WithoutKeys => "completed",
        Stage::Cancelled => "canceled",
        Stage::Refunded => "refunded",
        Stage::RefundedInPart => "partially_refunded",
    }
}

fn fulfillment(order: &Order) -> Option<Value> {
    matches!(order.stage(), Stage::Done | Stage::WithoutKeys).then(|| {
        json!({
            "type": "auto",
            "status": "delivered",
            "payload": lines(order.readable()),
            "delivery_data": null,
            "delivered_at": date_time(order.made_us),
        })
    })
}

fn find(shop: &Shop, id: &str) -> Option<usize> {
    shop.find_number(id.parse().ok()?)
}

pub(crate) fn callback(credentials: &Credentials, order: &Order, at_us: u64) -> CallbackMessage {
    let mut body = json!({
        "event": "order.status_changed",
        "order_id": order.number,
        "order_no": format!("DJ{}", order.number),
        "downstream_order_no": order.reference,
        "status": status(order),
        "timestamp": at_us / 1_000_000,
    });
    if let Some(fulfillment) = fulfillment(order) {
        body["fulfillment"] = fulfillment;
    }
    let (body, time) = (body.to_string().into_bytes(), (at_us / 1_000_000).to_string());
    let signature = sign(&credentials.key, "POST", CALLBACK_PATH, &time, &body);
    CallbackMessage {
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("dujiao-next-api-key".into(), credentials.account.clone()),
            ("dujiao-next-timestamp".into(), time),
            ("dujiao-next-signature".into(), signature),
        ],
        body,
        wants: "\"ok\":true",
    }
}

#[cfg(test)]
mod tests {
    /// Computed by Python's hashlib and hmac.
    #[test]
    fn a_foreign_vector() {
        let body = br#"{"sku_id":1,"quantity":2}"#;
        assert_eq!(
            super::sign("dj-secret", "POST", "/api/v1/upstream/orders", "1700000001", body),
            "3af920584772b03841f18cba2fd03facc4c96d84b66cffed7f3aeb3f70dd12fa"
        );
        assert_eq!(
            super::sign("dj-secret", "GET", "/api/v1/upstream/products", "1700000000", b""),
            "38a674813c83bccb7a06b46b4658dfd18b3543bbf02d3db0eb213cd212e0d5c7"
        );
    }
}
