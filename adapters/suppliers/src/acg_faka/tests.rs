//! What each answer of the shop means, and what is sent.

use fulfil_contract::{
    attempt::Reference,
    ids::Quantity,
    money::MinorUnits,
    order::Recharge,
    supplier::{Goods, SupplierName},
};

use super::*;

const REFERENCE: &str = "f0123456789abcdef";
const TAKEN: &str = "很抱歉，有人在你付款之前抢走了商品，请联系客服。";
const BY_HAND: &str = "正在发货中，请耐心等待，如有疑问，请联系客服。";

fn common() -> Common {
    Common {
        name: SupplierName::parse("shop").unwrap(),
        url: "http://127.0.0.1:1".into(),
        currency: Currency::parse("CNY").unwrap(),
        timeout: Duration::from_secs(1),
        settle: None,
        carrier: None,
    }
}

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, retry_after: Some(Duration::from_secs(7)), body: body.as_bytes().to_vec().into() }
}

fn traded(secret: &str) -> String {
    let secret = Value::from(secret);
    format!(
        r#"{{"code":200,"msg":"success","data":{{"url":"https://s.example/o","amount":9.9,"tradeNo":"123260101120000456","secret":{secret},"leave_message":null,"stock":"8"}}}}"#
    )
}

fn no(words: &str) -> String {
    format!(r#"{{"code":0,"msg":"{words}"}}"#)
}

/// An outcome without the texts that people read.
#[derive(Debug, PartialEq)]
enum Is {
    Keys(Vec<String>),
    Pending,
    Refused(RefusalCode),
    /// With whether their number is told.
    Unknown(bool),
}

fn check_bought(status: u16, body: &str, expected: Is) {
    let found = match answer::bought(&reply(status, body)) {
        Bought::Delivered { goods: Goods::Keys(keys), their_id } => {
            assert!(their_id.is_some(), "{body}");
            Is::Keys(keys.iter().map(|key| key.expose().to_owned()).collect())
        }
        Bought::Accepted { their_id: Some(_) } => Is::Pending,
        Bought::Refused(refusal) => Is::Refused(refusal.code),
        Bought::Unknown { why, their_id } => {
            assert!(!why.is_empty());
            Is::Unknown(their_id.is_some())
        }
        other => panic!("{body}: {other:?}"),
    };
    assert_eq!(found, expected, "{status} {body}");
}

#[test]
fn answers_to_a_purchase() {
    check_bought(200, &traded("AAAA-1111\nBBBB-2222"), Is::Keys(vec!["AAAA-1111".into(), "BBBB-2222".into()]));
    check_bought(200, &traded(BY_HAND), Is::Pending);
    check_bought(200, &traded(BY_HAND).replace("123260101120000456", ""), Is::Unknown(false));
    for sentence in [TAKEN, "", "自动充值，24小时内到账", "AAAA-1111\n请妥善保管"] {
        check_bought(200, &traded(sentence), Is::Unknown(true));
    }
    check_bought(200, r#"{"code":200,"msg":"success","data":{"tradeNo":null,"secret":null}}"#, Is::Unknown(false));
    for (words, code) in [
        ("库存不足", RefusalCode::OutOfStock),
        ("余额不足", RefusalCode::Balance),
        ("商品不存在", RefusalCode::Product),
        ("此商品类型不存在[月卡]", RefusalCode::Product),
        ("密钥错误", RefusalCode::Credentials),
        ("本商品最少购买5个", RefusalCode::Other),
    ] {
        check_bought(200, &no(words), Is::Refused(code));
    }
    for words in ["The request ID already exists", "连接失败", "库存不足，但已扣款", "", "数据库出错，原因：deadlock"]
    {
        check_bought(200, &no(words), Is::Unknown(false));
    }
    for (status, body) in [
        (200, "<html><body>Just a moment…</body></html>"),
        (200, ""),
        (200, "[]"),
        (200, r#"{"code":200,"msg":"success"}"#),
        (200, r#"{"code":200,"msg":"success","data":"AAAA-1111"}"#),
        (200, r#"{"msg":"success","data":{}}"#),
        (302, ""),
        (404, ""),
        (500, &traded("AAAA-1111")),
        (502, "<html>"),
    ] {
        check_bought(status, body, Is::Unknown(false));
    }
    check_bought(429, "", Is::Refused(RefusalCode::Throttled(Some(Duration::from_secs(7)))));
    check_bought(401, "", Is::Refused(RefusalCode::Credentials));
    check_bought(403, "<html>", Is::Refused(RefusalCode::Credentials));
}

#[test]
fn nothing_of_an_unclear_answer_is_shown() {
    let bought = answer::bought(&reply(200, &traded("AAAA-1111\nnot a key at all 22222")));
    assert!(!format!("{bought:?}").contains("AAAA") && !format!("{bought:?}").contains("22222"), "{bought:?}");
}

fn check_found(status: u16, body: &str, expected: Is) {
    let found = match answer::found(&reply(status, body), "T1") {
        Found::Delivered { goods: Goods::Keys(keys), their_id: Some(id) } if id == "T1" => {
            Is::Keys(keys.iter().map(|key| key.expose().to_owned()).collect())
        }
        Found::Pending { their_id: Some(id), so_far } if id == "T1" && so_far.is_empty() => Is::Pending,
        Found::Unclear { .. } => Is::Unknown(false),
        other => panic!("{body}: {other:?}"),
    };
    assert_eq!(found, expected, "{status} {body}");
}

#[test]
fn answers_to_a_query_by_their_number() {
    let order = |secret: &str| {
        let secret = Value::from(secret);
        format!(r#"{{"code":200,"msg":"success","data":{{"secret":{secret},"widget":null,"status":1}}}}"#)
    };
    check_found(200, &order("AAAA-1111"), Is::Keys(vec!["AAAA-1111".into()]));
    check_found(200, &order(BY_HAND), Is::Pending);
    check_found(200, &order(TAKEN), Is::Unknown(false));
    check_found(200, &no("订单不存在"), Is::Unknown(false));
    check_found(200, "<html>", Is::Unknown(false));
    check_found(429, "", Is::Unknown(false));
}

#[test]
fn a_purchase_as_it_is_sent() {
    let (reference, product) =
        (Reference::parse(REFERENCE).unwrap(), SupplierProduct::parse("A1B2|月卡|颜色=红").unwrap());
    let purchase = purchase(&reference, &product);
    let fields = trade_fields(&purchase, &Product::parse(&product).unwrap(), "fulfil");
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        fields,
        [
            ("race", "月卡"),
            ("sku[颜色]", "红"),
            ("shared_code", "A1B2"),
            ("contact", "fulfil"),
            ("num", "2"),
            ("card_id", "0"),
            ("device", "0"),
            ("password", ""),
            ("request_no", REFERENCE),
        ]
    );
    assert!(purchase.reference.as_str().len() <= 19, "the most that request_no takes");
}

fn purchase<'a>(reference: &'a Reference, product: &'a SupplierProduct) -> Purchase<'a> {
    Purchase {
        reference,
        product,
        quantity: Quantity::new(2).unwrap(),
        unit_price: MinorUnits(500),
        currency: Currency::parse("CNY").unwrap(),
        recharge: None,
        sent_before: false,
        send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
    }
}

#[tokio::test]
async fn what_the_protocol_can_not_do_is_refused_unsent() {
    let supplier = build(&common(), serde_json::from_value(Settings::example()).unwrap()).unwrap_or_else(|_| panic!());
    let reference = Reference::parse(REFERENCE).unwrap();
    let (product, bad) = (SupplierProduct::parse("A1B2").unwrap(), SupplierProduct::parse("|x").unwrap());
    let recharge = Recharge { account: "13800138000".into() };
    let right = purchase(&reference, &product);
    for (purchase, code) in [
        (Purchase { recharge: Some(&recharge), ..right }, RefusalCode::Product),
        (Purchase { product: &bad, ..right }, RefusalCode::Product),
        (Purchase { currency: Currency::parse("USD").unwrap(), ..right }, RefusalCode::Other),
        (Purchase { quantity: Quantity::new(101).unwrap(), ..right }, RefusalCode::Other),
    ] {
        match supplier.buy(purchase).await {
            Bought::Refused(refusal) => assert_eq!(refusal.code, code),
            other => panic!("{other:?}"),
        }
        // It may have bought when it was sent before.
        let again = supplier.buy(Purchase { sent_before: true, ..purchase }).await;
        assert!(matches!(again, Bought::NotSent { by: Hindrance::Ours, .. }), "{again:?}");
    }
    // Nobody listens at port 1.
    assert!(matches!(supplier.buy(right).await, Bought::NotSent { by: Hindrance::Theirs, .. }));
}

#[tokio::test]
async fn a_lost_answer_can_not_be_asked_about() {
    let supplier = build(&common(), serde_json::from_value(Settings::example()).unwrap()).unwrap_or_else(|_| panic!());
    let (reference, product) = (Reference::parse(REFERENCE).unwrap(), SupplierProduct::parse("A1B2").unwrap());
    let sought = Sought {
        reference: &reference,
        their_id: None,
        product: &product,
        quantity: Quantity::new(1).unwrap(),
        recharge: false,
    };
    assert!(matches!(supplier.query(sought).await, Found::Unclear { .. }));
    let promises = supplier.promises();
    assert_eq!((promises.query, promises.resend), (false, Resend::Refused));
}

#[test]
fn settings_are_checked() {
    let mistakes = |own: Value| {
        let mut settings = Settings::example();
        for (name, value) in own.as_object().unwrap() {
            settings[name] = value.clone();
        }
        let built = build(&common(), serde_json::from_value(settings).unwrap());
        built.err().unwrap_or_default().iter().map(|mistake| mistake.path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(mistakes(serde_json::json!({})), Vec::<String>::new());
    assert_eq!(
        mistakes(serde_json::json!({"app_id": "", "app_key": "a+b", "contact": "x", "most": 0})),
        ["app_id", "app_key", "contact", "most"]
    );
}
