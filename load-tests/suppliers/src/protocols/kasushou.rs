//! kasushou 卡速售 2.0: everything is a signed JSON POST, and every refusal is code 400 with free text.

use std::collections::BTreeMap;

use serde_json::{Value, json, value::RawValue};
use sha1::{Digest, Sha1};

use crate::{
    asked::Asked,
    callback::CallbackMessage,
    fate::Course,
    hex, money,
    order::{Order, Stage},
    protocol::Credentials,
    reply::{Kind, Reply},
    shelf::Goods,
    shop::{Guard, No, Shop, Wish},
};

pub(crate) fn answer(shop: &mut Shop, asked: &Asked) -> Reply {
    let path = asked.path.strip_prefix("/api/v1").unwrap_or(&asked.path).to_owned();
    let Some(body) = signed_body(&shop.credentials, asked) else {
        let kind = if path == "/order/buy" { Kind::Buy } else { Kind::Other };
        return failed(kind, "签名错误");
    };
    match path.as_str() {
        "/order/buy" => buy(shop, &body),
        "/order/info" => info(shop, &body),
        "/order/close" => close(shop, &body),
        "/user/info" => {
            let data = json!({"id": shop.credentials.account, "name": "double", "balance": money::text(shop.balance)});
            done(Kind::Balance, data)
        }
        "/goods/info" => goods_info(shop, &body),
        _ => Reply::json(Kind::Other, 404, &json!({"code": 404, "msg": "not found", "data": null})),
    }
}

/// The body, if the account exists and the signature is that of the canonical body.
fn signed_body(credentials: &Credentials, asked: &Asked) -> Option<Value> {
    let timestamp = asked.header("timestamp");
    let shaped = timestamp.len() == 13 && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let raw = if asked.body.is_empty() { &b"{}"[..] } else { &asked.body };
    let expected = sign(timestamp, &canonical(raw)?, &credentials.key);
    let known = asked.header("userid") == credentials.account && asked.method == "POST";
    (shaped && known && asked.header("sign") == expected).then(|| asked.json().unwrap_or_else(|| json!({})))
}

/// Top-level keys sorted, values as they were sent.
fn canonical(body: &[u8]) -> Option<String> {
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body).ok()?;
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{}:{}", json!(name), value.get())).collect();
    Some(format!("{{{}}}", fields.join(",")))
}

fn sign(time: &str, body: &str, key: &str) -> String {
    hex::lower(&Sha1::digest(format!("{time}{body}{key}")))
}

fn done(kind: Kind, data: Value) -> Reply {
    Reply::json(kind, 200, &json!({"code": 200, "msg": "success", "data": data}))
}

fn failed(kind: Kind, msg: &str) -> Reply {
    Reply::json(kind, 200, &json!({"code": 400, "msg": msg, "data": null}))
}

fn buy(shop: &mut Shop, body: &Value) -> Reply {
    let text = |name: &str| match &body[name] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let (reference, product) = (text("external_orderno"), text("id"));
    let quantity = text("quantity").parse().unwrap_or(0);
    if quantity == 0 || quantity > 1_000 {
        return failed(Kind::Buy, "数量错误").about(&reference);
    }
    let account = body["attach"]["recharge_account"].as_str().filter(|account| !account.is_empty());
    let account = account.filter(|_| shop.products.get(&product).is_some_and(|product| product.goods == Goods::TopUp));
    let guard = money::read(&body["safe_price"]).filter(|price| *price > 0).map_or(Guard::None, Guard::AtMost);
    let url = text("url");
    let callback_url = Some(url.as_str()).filter(|url| !url.is_empty());
    let visit = shop.buy(&Wish { reference: &reference, product: &product, quantity, account, guard, callback_url });
    let reply = match visit.outcome {
        Ok(at) => {
            let order = shop.order(at);
            done(
                Kind::Buy,
                json!({
                    "ordersn": their_id(order),
                    "external_orderno": order.reference,
                    "total_price": money::text(money::signed(order.charged)),
                }),
            )
        }
        Err(no) => failed(
            Kind::Buy,
            match no {
                No::NotServed => "",
                No::Duplicate => "外部订单号已存在，请勿重复提交",
                No::Product => "商品不存在或参数错误",
                No::OutOfStock => "库存不足",
                No::Balance => "余额不足",
                No::Price => "商品价格高于安全价格",
                No::Lately => "充值过于频繁",
            },
        ),
    };
    reply.about(&reference).struck(visit.strikes)
}

fn info(shop: &mut Shop, body: &Value) -> Reply {
    let list = |name: &str| -> Vec<String> {
        body[name].as_str().unwrap_or_default().split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect()
    };
    let (references, numbers) = (list("external_orderno"), list("ordersn"));
    if references.is_empty() && numbers.is_empty() {
        return failed(Kind::Query, "订单号不能为空");
    }
    let mut found: Vec<usize> = references.iter().flat_map(|reference| shop.find(reference)).collect();
    let by_number = numbers.iter().filter_map(|number| shop.find_number(number.strip_prefix('D')?.parse().ok()?));
    found.extend(by_number);
    let mut data = Vec::new();
    for at in &found {
        shop.look_at(*at);
        shop.tell_keys(*at);
        let order = shop.order(*at);
        let mut row = row(order);
        row["card_list"] = order
            .readable()
            .iter()
            .map(|key| json!({"card_no": key.number.as_deref().unwrap_or_default(), "card_password": key.secret}))
            .collect();
        data.push(row);
    }
    let reference = found.first().map(|at| shop.order(*at).reference.clone()).or_else(|| references.first().cloned());
    done(Kind::Query, Value::Array(data)).about(&reference.unwrap_or_default())
}

/// An order, without its cards.
fn row(order: &Order) -> Value {
    let status = match order.stage() {
        Stage::Pending if order.queries < 2 => 1,
        Stage::Pending => 2,
        Stage::Done | Stage::WithoutKeys => 3,
        // Three without cards is how it looks while they are not there yet.
        Stage::Cancelled => 4,
        Stage::Refunded | Stage::RefundedInPart => 5,
    };
    let recharge_info: Vec<_> =
        order.account.iter().map(|account| json!({"n": "充值账号", "v": account, "k": "recharge_account"})).collect();
    json!({
        "ordersn": their_id(order),
        "external_orderno": order.reference,
        "status": status,
        "quantity": order.quantity,
        "total_price": money::text(money::signed(order.charged)),
        "has_back_money": money::text(money::signed(order.paid_back)),
        "recharge_info": recharge_info,
        "recharge_hints": "",
        "card_list": [],
    })
}

fn close(shop: &mut Shop, body: &Value) -> Reply {
    let found = shop.find(body["external_orderno"].as_str().unwrap_or_default());
    match found.first() {
        Some(at) if shop.close(*at) => done(Kind::Cancel, Value::Null),
        Some(_) => failed(Kind::Cancel, "订单状态不允许取消"),
        None => failed(Kind::Cancel, "订单不存在"),
    }
}

fn goods_info(shop: &Shop, body: &Value) -> Reply {
    let id = body["id"].as_str().map_or_else(|| body["id"].to_string(), str::to_owned);
    match shop.products.get(&id) {
        Some(product) => done(
            Kind::Offers,
            json!({
                "id": id.parse::<u64>().unwrap_or_default(),
                "goods_name": format!("double {id}"),
                "goods_price": money::text(money::signed(product.unit_price)),
                "stock_num": product.stock,
                "status": if product.on_sale { 1 } else { 2 },
            }),
        ),
        None => failed(Kind::Offers, "商品不存在"),
    }
}

pub(crate) fn their_id(order: &Order) -> String {
    format!("D{}", order.number)
}

/// Top-level keys sorted, so that it is the same text whether a reader sorts them or not.
pub(crate) fn callback(credentials: &Credentials, order: &Order, at_us: u64) -> CallbackMessage {
    let time = (at_us / 1_000).to_string();
    let mut body = row(order);
    body["time"] = json!(at_us / 1_000);
    if let Value::Object(fields) = &mut body {
        fields.remove("card_list");
    }
    let signed = body.to_string().replace('/', "\\/");
    body["sign"] = json!(sign(&time, &signed, &credentials.key));
    // The cards are outside the signature.
    let cards = order.readable().iter().filter(|_| order.course == Course::Done);
    body["card_list"] = cards
        .map(|key| json!({"card_no": key.number.as_deref().unwrap_or_default(), "card_password": key.secret}))
        .collect();
    CallbackMessage {
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.to_string().replace('/', "\\/").into_bytes(),
        wants: "ok",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector() {
        let sent = br#"{"ordersn":"D100759082558859640832","day":10,"external_orderno":""}"#;
        let canonical = canonical(sent).unwrap();
        assert_eq!(canonical, r#"{"day":10,"external_orderno":"","ordersn":"D100759082558859640832"}"#);
        assert_eq!(
            sign("1696645385740", &canonical, "H0YnuPpcVtx7rQdMTbjN6932s5oDOqFa"),
            "15b8f541eb10e3fbb33efd92c8d52d50ddca0784"
        );
    }

    #[test]
    fn nothing_is_an_empty_object() {
        assert_eq!(canonical(b"{}").as_deref(), Some("{}"));
        assert_eq!(canonical(b"[1]"), None);
        assert_eq!(
            canonical(r#"{"b":"充值/","a":{"z":1,"y":2}}"#.as_bytes()).unwrap(),
            r#"{"a":{"z":1,"y":2},"b":"充值/"}"#
        );
    }
}
