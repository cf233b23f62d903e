//! Answers: `{code, msg, data}` with HTTP status 200, also for a no (`code` 0). Whatever is not that is unknown.

use fulfil_contract::{
    ports::supplier::SupplierError,
    supplier::{Bought, Found, Goods, Refusal, RefusalCode},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use zeroize::Zeroizing;

use super::goods::Told;
use crate::wire::{Reply, line};

/// The shop's words of a no, as they stand in its source: thrown before its transaction commits, so that
/// nothing was bought. Words that are not here may have come after the commit: unknown. (A shop that resells
/// another shop's goods asks that one for its stock after the commit, and passes on what it says: these words, too,
/// if the goods or the account went away there in that very moment.)
const NOES: [(&str, RefusalCode); 15] = [
    ("库存不足", RefusalCode::OutOfStock),
    ("该卡已被他人抢走啦", RefusalCode::OutOfStock),
    ("此宝贝已被他人抢走", RefusalCode::OutOfStock),
    ("余额不足", RefusalCode::Balance),
    ("商品不存在", RefusalCode::Product),
    ("当前商品已停售", RefusalCode::Product),
    ("该商品暂未上架", RefusalCode::Product),
    ("请选择商品类型", RefusalCode::Product),
    ("抢购还未开始", RefusalCode::Product),
    ("抢购已结束", RefusalCode::Product),
    ("密钥错误", RefusalCode::Credentials),
    ("商户ID不存在", RefusalCode::Credentials),
    ("You have been banned", RefusalCode::Credentials),
    ("用户不存在", RefusalCode::Credentials),
    ("请先登录后再购买哦", RefusalCode::Credentials),
];

/// The same for words that go on with a name or a number.
const NOES_THAT_GO_ON: [(&str, RefusalCode); 4] = [
    ("此商品类型不存在", RefusalCode::Product),
    ("本商品最少购买", RefusalCode::Other),
    ("本商品单次最多购买", RefusalCode::Other),
    ("该商品每人只能购买", RefusalCode::Other),
];

/// What a call's answer says, before it is known what was asked.
#[derive(Debug)]
pub(super) enum Said<T> {
    Yes(T),
    No(Refusal),
    /// Not of the protocol, or words that we do not know.
    Unclear(String),
}

#[derive(Deserialize)]
struct Envelope {
    code: Value,
    #[serde(default)]
    msg: Value,
}

/// Read for itself, so that keys go straight into the type that wipes them.
#[derive(Deserialize)]
struct Full<T> {
    data: T,
}

impl<T: DeserializeOwned> Said<T> {
    pub(super) fn read(reply: &Reply) -> Self {
        let refused = |code| Self::No(Refusal { code, said: format!("HTTP {}", reply.status) });
        match reply.status {
            200..=299 => {}
            401 | 403 => return refused(RefusalCode::Credentials),
            429 => return refused(RefusalCode::Throttled(reply.retry_after)),
            status => return Self::Unclear(format!("HTTP {status}")),
        }
        let envelope: Envelope = match reply.json() {
            Ok(envelope) => envelope,
            Err(why) => return Self::Unclear(why),
        };
        let code = envelope.code.as_i64().or_else(|| envelope.code.as_str()?.parse().ok());
        if code == Some(200) {
            return reply.json::<Full<T>>().map_or_else(Self::Unclear, |full| Self::Yes(full.data));
        }
        let words = line(envelope.msg.as_str().unwrap_or(""));
        let exact = NOES.iter().find(|(no, _)| words == *no);
        let known = exact.or_else(|| NOES_THAT_GO_ON.iter().find(|(no, _)| words.starts_with(no)));
        match known {
            Some(&(_, code)) => Self::No(Refusal { code, said: words }),
            None => Self::Unclear(format!("code {}: {words}", envelope.code.as_i64().unwrap_or(-1))),
        }
    }
}

#[derive(Deserialize)]
struct Trade {
    #[serde(rename = "tradeNo", default)]
    trade_no: Option<String>,
    #[serde(default, deserialize_with = "wiped")]
    secret: Zeroizing<String>,
}

/// What a `trade` came to.
pub(super) fn bought(reply: &Reply) -> Bought {
    match Said::<Trade>::read(reply) {
        Said::Yes(trade) => {
            let their_id = trade.trade_no.filter(|id| is_id(id));
            match Told::read(&trade.secret) {
                Told::Keys(keys) => Bought::Delivered { goods: Goods::Keys(keys), their_id },
                // Without their number nobody can ask for it.
                Told::ByHand if their_id.is_some() => Bought::Accepted { their_id },
                other @ (Told::ByHand | Told::Taken | Told::NoKey { .. } | Told::Nothing) => {
                    Bought::Unknown { why: other.why(), their_id }
                }
            }
        }
        // A refused repeat says nothing of the first time (`The request ID already exists` among others).
        Said::Unclear(why) => Bought::Unknown { why, their_id: None },
        Said::No(refusal) => Bought::Refused(refusal),
    }
}

#[derive(Deserialize)]
struct Order {
    #[serde(default, deserialize_with = "wiped")]
    secret: Zeroizing<String>,
}

/// What a `query` by the shop's own number found.
pub(super) fn found(reply: &Reply, their_id: &str) -> Found {
    match Said::<Order>::read(reply) {
        Said::Yes(order) => match Told::read(&order.secret) {
            Told::Keys(keys) => Found::Delivered { goods: Goods::Keys(keys), their_id: Some(their_id.to_owned()) },
            Told::ByHand => Found::Pending { their_id: Some(their_id.to_owned()), so_far: Vec::new() },
            other @ (Told::Taken | Told::NoKey { .. } | Told::Nothing) => Found::Unclear { why: other.why() },
        },
        Said::No(refusal) => Found::Unclear { why: refusal.said },
        Said::Unclear(why) => Found::Unclear { why },
    }
}

/// The error of a call that only informs.
pub(super) fn no_information<T>(said: Said<T>) -> Result<T, SupplierError> {
    match said {
        Said::Yes(data) => Ok(data),
        Said::No(Refusal { code: RefusalCode::Credentials, said }) => Err(SupplierError::Credentials(said)),
        Said::No(refusal) => Err(SupplierError::Unclear(refusal.said)),
        Said::Unclear(why) => Err(SupplierError::Unclear(why)),
    }
}

fn wiped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    Option::<String>::deserialize(deserializer).map(|text| Zeroizing::new(text.unwrap_or_default()))
}

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
