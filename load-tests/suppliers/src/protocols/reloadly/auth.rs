//! Tokens: one per product, for a day.

use std::time::{Duration, Instant};

use serde_json::json;

use super::error;
use crate::{
    asked::Asked,
    reply::{Kind, Reply},
    shop::Shop,
};

const SECONDS: u64 = 86_400;
const AUDIENCES: [&str; 4] = [
    "https://giftcards.reloadly.com",
    "https://topups.reloadly.com",
    "https://giftcards-sandbox.reloadly.com",
    "https://topups-sandbox.reloadly.com",
];

pub(super) fn answer(shop: &mut Shop, asked: &Asked, path: &str) -> Reply {
    if path != "/oauth/token" || asked.method != "POST" {
        return error(Kind::Other, asked, 404, None, "Path not found");
    }
    let body = asked.json().unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let known = text("client_id") == shop.credentials.account && text("client_secret") == shop.credentials.key;
    if !known || text("grant_type") != "client_credentials" {
        return error(Kind::Token, asked, 401, Some("INVALID_CREDENTIALS"), "Access Denied");
    }
    let audience = text("audience");
    if !AUDIENCES.contains(&audience.as_str()) {
        return error(Kind::Token, asked, 400, Some("INVALID_AUDIENCE"), "The audience is not known");
    }
    let token = format!("rl-token-{}-{:06}", shop.seed, shop.tokens.len() + 1);
    shop.tokens.insert(token.clone(), (audience, Instant::now() + Duration::from_secs(SECONDS)));
    let body = json!({"access_token": token, "expires_in": SECONDS, "token_type": "Bearer", "scope": "developer"});
    Reply::json(Kind::Token, 200, &body)
}
