//! Both Reloadly adapters against the double of its three hosts, over real HTTP: gift cards and top-ups stand side
//! by side, as two suppliers of a configuration would, and each call goes to the one that it is for.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests: a call that fails is a test that fails")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use fulfil_contract::{
    attempt::Reference,
    conformance::supplier::{Behaviour, SupplierBench, Told, With},
    ids::Quantity,
    money::{Currency, MinorUnits},
    order::Recharge,
    ports::supplier::{CallbackRefused, Supplier, SupplierError},
    supplier::{
        Bought, Callback, Found, Goods, Hindrance, Hint, Offer, Promises, Purchase, RefusalCode, Sought,
        SupplierBalance, SupplierName, SupplierProduct,
    },
};
use fulfil_suppliers::settings::{Common, build};
use serde_json::{Value, json};
use supplier_doubles::{
    Double, Millis, Mood, Protocol,
    bench::{DoubleBench, wrong},
};

const ACCOUNT: &str = "HT:50936377111";
const OPERATOR: &str = "341";

fn adapter(double: &Double, with: With, line: &str) -> Arc<dyn Supplier> {
    let credentials = match with {
        With::Right | With::TimeLimit(_) => double.credentials(),
        With::WrongCredentials => wrong(&double.credentials()),
    };
    let common = Common {
        name: SupplierName::parse(line).unwrap(),
        url: format!("{}/{line}", double.base_url()),
        currency: Currency::parse("USD").unwrap(),
        timeout: match with {
            With::TimeLimit(limit) => limit,
            With::Right | With::WrongCredentials => Duration::from_secs(10),
        },
        settle: None,
        carrier: None,
    };
    let settings = json!({
        "product_line": line,
        "client_id": credentials.account,
        "client_secret": credentials.key,
        "auth_url": format!("{}/auth", double.base_url()),
    });
    let Value::Object(settings) = settings else { panic!("no object") };
    build("reloadly", common, settings).unwrap_or_else(|error| panic!("{error}"))
}

struct Both {
    gift_cards: Arc<dyn Supplier>,
    top_ups: Arc<dyn Supplier>,
}

impl Both {
    fn of(&self, recharge: bool) -> &dyn Supplier {
        if recharge { &*self.top_ups } else { &*self.gift_cards }
    }
}

#[async_trait]
impl Supplier for Both {
    fn promises(&self) -> Promises {
        self.gift_cards.promises()
    }

    async fn buy(&self, purchase: Purchase<'_>) -> Bought {
        self.of(purchase.recharge.is_some()).buy(purchase).await
    }

    async fn query(&self, sought: Sought<'_>) -> Found {
        self.of(sought.recharge).query(sought).await
    }

    async fn offers(&self, products: &[SupplierProduct]) -> Result<Vec<Offer>, SupplierError> {
        self.gift_cards.offers(products).await
    }

    async fn balance(&self) -> Result<SupplierBalance, SupplierError> {
        self.gift_cards.balance().await
    }

    fn read_callback(&self, callback: Callback<'_>) -> Result<Hint, CallbackRefused> {
        self.top_ups.read_callback(callback)
    }
}

async fn fresh() -> (DoubleBench, ()) {
    let mut bench = DoubleBench::start(Protocol::Reloadly, |double, with| {
        let gift_cards = adapter(double, with, "giftcards");
        Arc::new(Both { gift_cards, top_ups: adapter(double, with, "topups") })
    })
    .await;
    if let Some((_, recharge)) = &mut bench.speaks.top_up {
        recharge.account = ACCOUNT.into();
    }
    // TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT does not say whether a transaction was made.
    bench.speaks.out_of_stock = Told::Unclear;
    (bench, ())
}

fulfil_contract::supplier_suite!(fresh);

fn top_up<'a>(reference: &'a Reference, product: &'a SupplierProduct, recharge: &'a Recharge) -> Purchase<'a> {
    Purchase {
        reference,
        product,
        quantity: Quantity::new(1).unwrap(),
        unit_price: MinorUnits(1_000),
        currency: Currency::parse("USD").unwrap(),
        recharge: Some(recharge),
        sent_before: false,
        send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
    }
}

fn calls(bench: &DoubleBench, kind: &str) -> usize {
    bench.double.calls().iter().filter(|call| call.kind == kind).count()
}

fn of_cards(bench: &DoubleBench, id: &str) -> SupplierProduct {
    assert!(bench.double.protocol() == Protocol::Reloadly);
    SupplierProduct::parse(id).unwrap()
}

/// Two orders: their status comes wrapped for one, flat for the other.
#[tokio::test]
async fn a_top_up_is_found_by_its_number_and_by_our_reference() {
    let (bench, ()) = fresh().await;
    let adapter = bench.supplier(With::Right);
    let product = SupplierProduct::parse(OPERATOR).unwrap();
    for (number, account) in [(1, "HT:50936377111"), (2, "+8613800138000")] {
        let (reference, recharge) = (Reference::from_bits([number; 10]), Recharge { account: account.into() });
        let purchase = top_up(&reference, &product, &recharge);
        let their_id = match adapter.buy(purchase).await {
            Bought::Accepted { their_id: Some(their_id) } => their_id,
            other => panic!("{other:?}"),
        };
        for their_id in [Some(their_id.as_str()), None] {
            let sought = Sought {
                reference: &reference,
                their_id,
                product: &product,
                quantity: purchase.quantity,
                recharge: true,
            };
            match adapter.query(sought).await {
                Found::Delivered { goods: Goods::Recharge { receipt }, their_id: told } => {
                    assert_eq!(receipt, told.map(|id| format!("OP{id}")), "the operator's own number");
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let accounts: Vec<_> = bench.sold().await.into_iter().filter_map(|sold| sold.account).collect();
    assert_eq!(accounts, ["HT:50936377111", "CN:8613800138000"]);
}

#[tokio::test]
async fn a_phone_that_was_topped_up_just_now_is_refused_for_this_line_alone() {
    let (bench, ()) = fresh().await;
    let adapter = bench.supplier(With::Right);
    let (product, recharge) = (SupplierProduct::parse(OPERATOR).unwrap(), Recharge { account: ACCOUNT.into() });
    let references = [Reference::from_bits([1; 10]), Reference::from_bits([2; 10])];
    assert!(matches!(adapter.buy(top_up(&references[0], &product, &recharge)).await, Bought::Accepted { .. }));
    match adapter.buy(top_up(&references[1], &product, &recharge)).await {
        Bought::Refused(refusal) => assert_eq!(refusal.code, RefusalCode::Other),
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.sold().await.len(), 1);
}

/// The section was changed since: what the first send came to is still to be asked.
#[tokio::test]
async fn what_is_refused_unsent_is_no_answer_about_an_earlier_send() {
    let (bench, ()) = fresh().await;
    let adapter = bench.supplier(With::Right);
    let (reference, recharge) = (Reference::from_bits([1; 10]), Recharge { account: "somebody".into() });
    let product = SupplierProduct::parse(OPERATOR).unwrap();
    let first = top_up(&reference, &product, &recharge);
    assert!(matches!(adapter.buy(first).await, Bought::Refused(_)));
    let again = adapter.buy(Purchase { sent_before: true, ..first }).await;
    assert!(matches!(again, Bought::NotSent { by: Hindrance::Ours, .. }), "{again:?}");
    assert_eq!(calls(&bench, "buy"), 0);
}

#[tokio::test]
async fn cards_of_number_and_code_and_a_named_face_value() {
    let (bench, ()) = fresh().await;
    let adapter = bench.supplier(With::Right);
    let (reference, product) = (Reference::from_bits([1; 10]), of_cards(&bench, "6@10"));
    let purchase = Purchase {
        reference: &reference,
        product: &product,
        quantity: Quantity::new(2).unwrap(),
        // Allowed is more than the face value, which is what is bought.
        unit_price: MinorUnits(1_100),
        currency: Currency::parse("USD").unwrap(),
        recharge: None,
        sent_before: false,
        send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
    };
    let bought = adapter.buy(purchase).await;
    assert!(matches!(bought, Bought::Accepted { .. }), "{bought:?}");
    let sought = Sought {
        reference: &reference,
        their_id: None,
        product: &product,
        quantity: purchase.quantity,
        recharge: false,
    };
    match adapter.query(sought).await {
        Found::Delivered { goods: Goods::Keys(keys), .. } => {
            let told: Vec<_> = keys.iter().map(|key| key.expose().to_owned()).collect();
            assert_eq!(told, bench.sold().await[0].keys);
            assert!(told.iter().all(|key| key.contains(' ')), "number and code");
        }
        other => panic!("{other:?}"),
    }
    let offers = adapter.offers(&[product.clone(), of_cards(&bench, "6@11")]).await.unwrap();
    let told: Vec<_> = offers.iter().map(|offer| (offer.unit_price, offer.on_sale)).collect();
    assert_eq!(told, [(Some(MinorUnits(1_000)), true), (None, false)]);
}

#[tokio::test]
async fn one_token_serves_many_calls_at_once() {
    let (bench, ()) = fresh().await;
    let adapter = bench.supplier(With::Right);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let adapter = Arc::clone(&adapter);
        running.spawn(async move { adapter.balance().await.is_ok() });
    }
    assert!(running.join_all().await.into_iter().all(|right| right));
    assert_eq!((calls(&bench, "token"), calls(&bench, "balance")), (1, 20));
}

#[tokio::test]
async fn without_the_token_office_nothing_is_sent() {
    let (bench, ()) = fresh().await;
    let adapter = bench.supplier(With::Right);
    bench.behave(Behaviour::Unreachable).await;
    let (product, recharge) = (SupplierProduct::parse(OPERATOR).unwrap(), Recharge { account: ACCOUNT.into() });
    let reference = Reference::from_bits([1; 10]);
    let bought = adapter.buy(top_up(&reference, &product, &recharge)).await;
    assert!(matches!(bought, Bought::NotSent { by: Hindrance::Theirs, .. }), "{bought:?}");
}

/// Fetching the token took longer than the purchase had time.
#[tokio::test]
async fn a_purchase_that_waited_too_long_for_its_token_is_not_sent() {
    let (bench, ()) = fresh().await;
    bench.double.set_mood(Mood { latency: Millis::fixed(400), ..Mood::default() }).unwrap();
    let (product, recharge) = (SupplierProduct::parse(OPERATOR).unwrap(), Recharge { account: ACCOUNT.into() });
    let reference = Reference::from_bits([1; 10]);
    let send_by = std::time::Instant::now() + std::time::Duration::from_millis(200);
    let late = Purchase { send_by, ..top_up(&reference, &product, &recharge) };
    let bought = bench.supplier(With::Right).buy(late).await;
    assert!(matches!(bought, Bought::NotSent { by: Hindrance::Ours, .. }), "{bought:?}");
    assert_eq!((calls(&bench, "token"), calls(&bench, "buy")), (1, 0));
    assert!(bench.sold().await.is_empty());
}

#[tokio::test]
async fn cards_are_told_as_they_came_though_they_are_too_few_or_too_many() {
    for (mood, expected) in
        [(Mood { too_few: 1.0, ..Mood::default() }, 2), (Mood { too_many: 1.0, ..Mood::default() }, 4)]
    {
        let (bench, ()) = fresh().await;
        bench.double.set_mood(mood).unwrap();
        let adapter = bench.supplier(With::Right);
        let (reference, product) = (Reference::from_bits([1; 10]), of_cards(&bench, "5"));
        let quantity = Quantity::new(3).unwrap();
        let (unit_price, currency) = (MinorUnits(1_000), Currency::parse("USD").unwrap());
        let purchase = Purchase {
            reference: &reference,
            product: &product,
            quantity,
            unit_price,
            currency,
            recharge: None,
            sent_before: false,
            send_by: std::time::Instant::now() + std::time::Duration::from_secs(60),
        };
        assert!(matches!(adapter.buy(purchase).await, Bought::Accepted { .. }));
        let sought = Sought { reference: &reference, their_id: None, product: &product, quantity, recharge: false };
        match adapter.query(sought).await {
            Found::Delivered { goods: Goods::Keys(keys), .. } => assert_eq!(keys.len(), expected),
            other => panic!("{other:?}"),
        }
    }
}
