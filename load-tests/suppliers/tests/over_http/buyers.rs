//! A buyer for each protocol, just enough of one: it signs by a way of its own, buys, asks, and reads.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use supplier_doubles::{Credentials, Double, Protocol};

use crate::client::{Answer, Got, send};

#[derive(Clone)]
pub(crate) struct Buyer {
    pub(crate) protocol: Protocol,
    pub(crate) base: String,
    pub(crate) credentials: Credentials,
    pub(crate) token: String,
}

/// What a purchase or a question was answered with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Bought, or pending, or done; with the keys that were told, and the supplier's id.
    Has {
        their_id: String,
        status: String,
        keys: Vec<String>,
    },
    Nothing,
    No(u16, String),
    Page,
    Lost,
    Refused,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

fn strings(keys: &Value, name: &str) -> Vec<String> {
    keys.as_array().into_iter().flatten().map(|key| key[name].as_str().unwrap().to_owned()).collect()
}

fn keys_of(text: &str) -> Vec<String> {
    text.lines().filter(|line| line.starts_with("KS-")).map(str::to_owned).collect()
}

impl Buyer {
    pub(crate) fn of(double: &Double) -> Self {
        let credentials = double.credentials();
        let protocol = double.protocol();
        let mut buyer = Self { protocol, base: double.base_url(), credentials, token: String::new() };
        if protocol == Protocol::Reloadly {
            buyer.token = buyer.fetch_token("https://giftcards.reloadly.com");
        }
        buyer
    }

    pub(crate) fn product(&self) -> String {
        self.protocol.products()[0].id.clone()
    }

    pub(crate) fn buy(&self, reference: &str, quantity: u32) -> Said {
        self.buy_at(reference, &self.product(), quantity, 10.0)
    }

    pub(crate) fn buy_at(&self, reference: &str, product: &str, quantity: u32, price: f64) -> Said {
        let got = match self.protocol {
            Protocol::Kasushou => self.kasushou(
                "/api/v1/order/buy",
                &json!({"id": product, "quantity": quantity, "external_orderno": reference, "safe_price": price}),
            ),
            Protocol::AcgFaka => self.acg_faka(
                "/shared/commodity/trade",
                &[("shared_code", product), ("num", &quantity.to_string()), ("contact", "a b"), ("request_no", reference)],
            ),
            Protocol::Kinguin => self.kinguin(
                "POST",
                "/v2/order",
                &json!({"products": [{"productId": product, "qty": quantity, "price": price}], "orderExternalId": reference}),
            ),
            Protocol::Reloadly => self.reloadly(
                "POST",
                "/giftcards/orders",
                &json!({"productId": product.parse::<u64>().unwrap(), "quantity": quantity, "unitPrice": price, "customIdentifier": reference}),
            ),
            Protocol::Dujiao => self.dujiao(
                "POST",
                "/orders",
                &json!({"sku_id": product.parse::<u64>().unwrap(), "quantity": quantity, "downstream_order_no": reference}),
            ),
        };
        self.read(got)
    }

    /// Where the order stands, by the reference where the protocol has that, else by the supplier's id.
    pub(crate) fn ask(&self, reference: &str, their_id: &str) -> Said {
        match self.protocol {
            Protocol::Kasushou => {
                self.read(self.kasushou("/api/v1/order/info", &json!({"external_orderno": reference})))
            }
            Protocol::AcgFaka => self.read(self.acg_faka(&format!("/shared/commodity/query/{their_id}"), &[])),
            Protocol::Kinguin => {
                let path = format!("/v1/order?orderExternalId={reference}");
                self.with_keys(self.read(self.kinguin("GET", &path, &Value::Null)))
            }
            Protocol::Reloadly => {
                let path = format!("/giftcards/reports/transactions?customIdentifier={reference}");
                self.with_keys(self.read(self.reloadly("GET", &path, &Value::Null)))
            }
            Protocol::Dujiao => self.read(self.dujiao("GET", &format!("/orders/{their_id}"), &Value::Null)),
        }
    }

    /// The keys by a second call, where the protocol has one.
    fn with_keys(&self, said: Said) -> Said {
        let Said::Has { their_id, status, .. } = said else { return said };
        let keys = match self.protocol {
            Protocol::Kinguin => self.kinguin("GET", &format!("/v2/order/{their_id}/keys?limit=100"), &Value::Null),
            Protocol::Reloadly => {
                self.reloadly("GET", &format!("/giftcards/orders/transactions/{their_id}/cards"), &Value::Null)
            }
            Protocol::Kasushou | Protocol::AcgFaka | Protocol::Dujiao => panic!("no such call"),
        };
        let name = if self.protocol == Protocol::Kinguin { "serial" } else { "pinCode" };
        let keys = strings(&keys.answer().json(), name);
        Said::Has { their_id, status, keys }
    }

    fn read(&self, got: Got) -> Said {
        let answer = match got {
            Got::Answer(answer) => answer,
            Got::Closed => return Said::Lost,
            Got::Refused => return Said::Refused,
        };
        if answer.text.starts_with("<!DOCTYPE") {
            assert_eq!(answer.status, 200);
            return Said::Page;
        }
        self.read_json(&answer)
    }

    fn read_json(&self, answer: &Answer) -> Said {
        let body = answer.json();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let has =
            |their_id: &Value, status: &Value, keys| Said::Has { their_id: text(their_id), status: text(status), keys };
        if answer.status >= 400 {
            let code = ["error_code", "kind", "errorCode"].into_iter().find_map(|name| body[name].as_str());
            return Said::No(answer.status, code.or(body["message"].as_str()).unwrap_or_default().to_owned());
        }
        match self.protocol {
            Protocol::Kasushou | Protocol::AcgFaka if body["code"] != 200 => Said::No(200, text(&body["msg"])),
            Protocol::Kasushou => match &body["data"] {
                Value::Array(rows) if rows.is_empty() => Said::Nothing,
                Value::Array(rows) => {
                    has(&rows[0]["ordersn"], &rows[0]["status"], strings(&rows[0]["card_list"], "card_password"))
                }
                row => has(&row["ordersn"], &Value::Null, Vec::new()),
            },
            Protocol::AcgFaka => {
                let data = &body["data"];
                has(&data["tradeNo"], &data["status"], keys_of(data["secret"].as_str().unwrap()))
            }
            Protocol::Kinguin => match body["results"].as_array() {
                Some(rows) if rows.is_empty() => Said::Nothing,
                Some(rows) => has(&rows[0]["orderId"], &rows[0]["status"], Vec::new()),
                None => has(&body["orderId"], &body["status"], Vec::new()),
            },
            Protocol::Reloadly => match body["content"].as_array() {
                Some(rows) if rows.is_empty() => Said::Nothing,
                Some(rows) => has(&rows[0]["transactionId"], &rows[0]["status"], Vec::new()),
                None => has(&body["transactionId"], &body["status"], Vec::new()),
            },
            Protocol::Dujiao => {
                let keys = keys_of(body["fulfillment"]["payload"].as_str().unwrap_or_default());
                has(&body["order_id"], &body["status"], keys)
            }
        }
    }

    /// serde_json keeps maps sorted, which is what the signature wants.
    pub(crate) fn kasushou(&self, path: &str, body: &Value) -> Got {
        let (time, body) = (now().to_string(), body.to_string());
        let sign = hex(&Sha1::digest(format!("{time}{body}{}", self.credentials.key)));
        let headers = [("Sign", &*sign), ("Timestamp", &time), ("UserId", &self.credentials.account)];
        send("POST", &format!("{}{path}", self.base), &headers, body.as_bytes())
    }

    pub(crate) fn acg_faka(&self, path: &str, fields: &[(&str, &str)]) -> Got {
        let mut fields = fields.to_vec();
        fields.extend([("app_id", &*self.credentials.account), ("app_key", &*self.credentials.key)]);
        fields.sort_unstable();
        let plain = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let sign = hex(&Md5::digest(format!("{plain}&key={}", self.credentials.key)));
        let body = format!("{}&sign={sign}", plain.replace(' ', "+"));
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        send("POST", &format!("{}{path}", self.base), &headers, body.as_bytes())
    }

    pub(crate) fn kinguin(&self, method: &str, path: &str, body: &Value) -> Got {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("X-Api-Key", &*self.credentials.key), ("Content-Type", "application/json")];
        send(method, &format!("{}{path}", self.base), &headers, body.as_bytes())
    }

    pub(crate) fn reloadly(&self, method: &str, path: &str, body: &Value) -> Got {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let host = if path.starts_with("/giftcards") { "giftcards" } else { "topups" };
        let accept = format!("application/com.reloadly.{host}-v1+json");
        let bearer = format!("Bearer {}", self.token);
        let headers = [("Authorization", &*bearer), ("Accept", &accept), ("Content-Type", "application/json")];
        send(method, &format!("{}{path}", self.base), &headers, body.as_bytes())
    }

    pub(crate) fn fetch_token(&self, audience: &str) -> String {
        let body = json!({
            "client_id": self.credentials.account,
            "client_secret": self.credentials.key,
            "grant_type": "client_credentials",
            "audience": audience,
        });
        let answer =
            send("POST", &format!("{}/auth/oauth/token", self.base), &[], body.to_string().as_bytes()).answer();
        answer.json()["access_token"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn dujiao(&self, method: &str, path: &str, body: &Value) -> Got {
        self.dujiao_at(method, path, body, (now() / 1_000).to_string())
    }

    pub(crate) fn dujiao_at(&self, method: &str, path: &str, body: &Value, time: String) -> Got {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let signed_path = format!("/api/v1/upstream{}", path.split('?').next().unwrap());
        let text = format!("{method}\n{signed_path}\n{time}\n{}", hex(&Md5::digest(&body)));
        let mac = Hmac::<Sha256>::new_from_slice(self.credentials.key.as_bytes()).unwrap();
        let signature = hex(&mac.chain_update(text).finalize().into_bytes());
        let headers = [
            ("Dujiao-Next-Api-Key", &*self.credentials.account),
            ("Dujiao-Next-Timestamp", &time),
            ("Dujiao-Next-Signature", &signature),
        ];
        send(method, &format!("{}{path}", self.base), &headers, body.as_bytes())
    }
}
