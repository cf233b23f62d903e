//! acg-faka shared shop: signed form posts; everything answers 200 with a code of its own.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use serde_json::{Value, json};

use crate::{
    asked::Asked,
    fate::Strikes,
    form, hex, money,
    order::{Order, Stage, lines},
    reply::{Kind, Reply},
    shelf::Product,
    shop::{Guard, No, Shop, Wish},
};

const SOLD_MEANWHILE: &str = "很抱歉，有人在你付款之前抢走了商品，请联系客服。";
const ON_ITS_WAY: &str = "正在发货中，请耐心等待，如有疑问，请联系客服。";
const MOST_REFERENCE: usize = 19;

pub(crate) fn answer(shop: &mut Shop, asked: &Asked) -> Reply {
    let fields = form::parse(&String::from_utf8_lossy(&asked.body));
    let kind = if asked.path == "/shared/commodity/trade" { Kind::Buy } else { Kind::Other };
    if asked.method != "POST" {
        return failed(kind, "Method Not Allowed");
    }
    if field(&fields, "app_id") != shop.credentials.account {
        return failed(kind, "商户ID不存在");
    }
    let key = shop.credentials.key.clone();
    if field(&fields, "app_key") != key || field(&fields, "sign") != sign(&fields, &key) {
        return failed(kind, "密钥错误");
    }
    match asked.path.as_str() {
        "/shared/authentication/connect" => {
            let data = json!({"shopName": "double", "balance": money::text(shop.balance)});
            done(Kind::Balance, data)
        }
        "/shared/commodity/items" => {
            let children: Vec<_> = shop.products.values().map(item).collect();
            done(Kind::Offers, json!([{"id": 1, "name": "双", "children": children}]))
        }
        "/shared/commodity/trade" => trade(shop, &fields),
        path => match path.strip_prefix("/shared/commodity/query") {
            Some(rest) => query(shop, rest.trim_start_matches('/'), &fields),
            None => of_product(shop, path, &fields),
        },
    }
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(is, _)| is == name).map_or("", |(_, value)| value)
}

/// PHP's `urldecode(http_build_query(ksort(array_filter(…))))`: `a=1&b=2`, decoded, and the key behind it. Lists
/// that were sent as `sku[]` become `sku[0]`, `sku[1]`, …
fn sign(fields: &[(String, String)], key: &str) -> String {
    let mut sorted = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, value) in fields.iter().filter(|(name, value)| name != "sign" && !value.is_empty()) {
        let name = match name.strip_suffix("[]") {
            Some(list) => {
                let at = counts.entry(list).or_default();
                *at += 1;
                format!("{list}[{}]", *at - 1)
            }
            None => name.clone(),
        };
        sorted.insert(name, value);
    }
    let query: Vec<_> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
    hex::lower(&Md5::digest(format!("{}&key={key}", query.join("&"))))
}

fn done(kind: Kind, data: Value) -> Reply {
    Reply::json(kind, 200, &json!({"code": 200, "msg": "success", "data": data}))
}

fn failed(kind: Kind, msg: &str) -> Reply {
    Reply::json(kind, 200, &json!({"code": 0, "msg": msg}))
}

fn item(product: &Product) -> Value {
    json!({
        "code": product.id,
        "name": format!("double {}", product.id),
        "price": money::text(money::signed(product.unit_price)),
        "user_price": money::text(money::signed(product.unit_price)),
        "factory_price": money::text(money::signed(product.unit_price)),
        "delivery_way": 0,
        "contact_type": 0,
        "minimum": 0,
        "maximum": 0,
        "draft_status": 0,
        "status": i32::from(product.on_sale),
        "stock": product.stock,
    })
}

fn of_product(shop: &Shop, path: &str, fields: &[(String, String)]) -> Reply {
    let code =
        ["code", "shared_code", "sharedCode"].into_iter().map(|name| field(fields, name)).find(|code| !code.is_empty());
    let product = shop.products.get(code.unwrap_or_default()).filter(|product| product.on_sale);
    match (path, product) {
        ("/shared/commodity/item", Some(product)) => done(Kind::Offers, item(product)),
        // A text in some versions, as the count comes from a cache.
        ("/shared/commodity/stock", Some(product)) => done(Kind::Offers, json!({"stock": product.stock.to_string()})),
        ("/shared/commodity/inventory", Some(product)) => {
            done(Kind::Offers, json!({"count": product.stock, "delivery_way": 0, "draft_status": 0}))
        }
        ("/shared/commodity/inventoryState", Some(product)) => {
            let wanted = field(fields, "num").parse().unwrap_or(1);
            if product.stock >= wanted { done(Kind::Offers, json!([])) } else { failed(Kind::Offers, "库存不足") }
        }
        ("/shared/commodity/valuation", Some(product)) => {
            let wanted = field(fields, "num").parse().unwrap_or(1);
            let price = money::text(money::signed(product.unit_price.saturating_mul(wanted)));
            done(Kind::Offers, json!({"price": price, "currency_code": "CNY"}))
        }
        (
            "/shared/commodity/item"
            | "/shared/commodity/stock"
            | "/shared/commodity/inventory"
            | "/shared/commodity/inventoryState"
            | "/shared/commodity/valuation",
            None,
        ) => failed(Kind::Offers, "商品不存在"),
        _ => Reply::json(Kind::Other, 404, &json!({"code": 0, "msg": "404 Not Found"})),
    }
}

fn trade(shop: &mut Shop, fields: &[(String, String)]) -> Reply {
    let (reference, product) = (field(fields, "request_no").to_owned(), field(fields, "shared_code"));
    let quantity = field(fields, "num").parse().unwrap_or(0);
    if reference.len() > MOST_REFERENCE {
        return failed(Kind::Buy, "SQLSTATE[22001]: Data too long for column 'request_no'").about(&reference);
    }
    if field(fields, "contact").is_empty() {
        return failed(Kind::Buy, "联系方式不能为空").about(&reference);
    }
    if quantity == 0 {
        return failed(Kind::Buy, "至少购买1个").about(&reference);
    }
    let wish = Wish { reference: &reference, product, quantity, account: None, guard: Guard::None, callback_url: None };
    let visit = shop.buy(&wish);
    let reply = match visit.outcome {
        Ok(at) => {
            // Keys count as told only where the answer arrives.
            if !matches!(visit.strikes, Some(Strikes::After(_))) {
                shop.tell_keys(at);
            }
            let order = shop.order(at);
            done(
                Kind::Buy,
                json!({
                    "url": format!("/user/order/query?tradeNo={}", their_id(order)),
                    "amount": money::text(money::signed(order.charged)),
                    "tradeNo": their_id(order),
                    "secret": secret(order),
                    "leave_message": "",
                    "stock": shop.products.get(product).map_or(0, |product| product.stock),
                }),
            )
        }
        Err(no) => failed(
            Kind::Buy,
            match no {
                No::NotServed => "",
                No::Duplicate => "The request ID already exists",
                No::Product => "商品不存在",
                No::OutOfStock => "库存不足",
                No::Balance => "余额不足",
                No::Price | No::Lately => "下单失败",
            },
        ),
    };
    reply.about(&reference).struck(visit.strikes)
}

/// Keys, or one of the texts that stand in their place.
fn secret(order: &Order) -> String {
    match order.stage() {
        Stage::Done => lines(order.readable()),
        Stage::WithoutKeys => SOLD_MEANWHILE.into(),
        Stage::Pending | Stage::Cancelled | Stage::Refunded | Stage::RefundedInPart => ON_ITS_WAY.into(),
    }
}

fn query(shop: &mut Shop, in_path: &str, fields: &[(String, String)]) -> Reply {
    let names = ["tradeNo", "trade_no"].into_iter().map(|name| field(fields, name));
    let number = std::iter::once(in_path).chain(names).find(|number| !number.is_empty()).unwrap_or_default();
    let number = number.strip_prefix("26").and_then(|number| number.parse().ok());
    let Some(at) = number.and_then(|number| shop.find_number(number)) else {
        return failed(Kind::Query, "订单不存在");
    };
    let stage = shop.look_at(at);
    shop.tell_keys(at);
    let order = shop.order(at);
    let status = i32::from(matches!(stage, Stage::Done | Stage::WithoutKeys));
    done(Kind::Query, json!({"secret": secret(order), "widget": null, "status": status})).about(&order.reference)
}

pub(crate) fn their_id(order: &Order) -> String {
    format!("26{:016}", order.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn sorted_without_empties_and_the_key_behind() {
        let plain = hex::lower(&Md5::digest("a=1&app_id=1001&app_key=k&key=k"));
        assert_eq!(
            sign(&fields(&[("b", ""), ("app_key", "k"), ("sign", "x"), ("a", "1"), ("app_id", "1001")]), "k"),
            plain
        );
        let lists = hex::lower(&Md5::digest("sku[0]=红 色&sku[1]=b&key=k"));
        assert_eq!(sign(&fields(&[("sku[]", "红 色"), ("sku[]", "b")]), "k"), lists);
    }

    /// Computed by Python's hashlib.
    #[test]
    fn a_foreign_vector() {
        let sent = fields(&[
            ("shared_code", "KEYS-01"),
            ("num", "3"),
            ("contact", "buyer@example.com"),
            ("request_no", "f0123456789abcdef"),
            ("card_id", "0"),
            ("app_id", "1001"),
            ("app_key", "s3cr3t"),
            ("password", ""),
        ]);
        assert_eq!(sign(&sent, "s3cr3t"), "b29ef7e415b1c6145382c701a4d9665c");
    }
}
