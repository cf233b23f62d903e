//! Two workers' pools on one ledger, offered the same keys and the same orders.

use std::{collections::BTreeMap, time::Duration};

use fulfil_contract::{
    conformance::procurements::samples::*,
    ids::{KeyId, OrderId},
    ports::{
        books::Books,
        ledger::{Ledger, LedgerError},
    },
    proposal::{Entry, ProposedOrder},
    recorded::{Judgement, RecordedOrder},
};
use fulfil_postgres::Postgres;

use crate::private::{LIMIT, first_pid, fresh_ledger};

/// Numbers that look random and are the same each time.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_batches_of_two_workers_all_end_clean() {
    let ledger = fresh_ledger().await;
    let ids = stock(&ledger, "sku-a", 600).await;
    let lane = |seed: u64| {
        let (url, ids) = (ledger.url.clone(), ids.clone());
        tokio::spawn(async move {
            let postgres = Postgres::new(&url, 2, LIMIT).unwrap();
            let mut numbers = Numbers(seed);
            let mut judged = Vec::new();
            for _ in 0..30 {
                judged.extend(postgres.record(&random_batch(&mut numbers, &ids)).await.unwrap());
            }
            judged
        })
    };
    let lanes: Vec<_> = (1..=4).map(lane).collect();
    let mut new_orders: BTreeMap<OrderId, RecordedOrder> = BTreeMap::new();
    let mut repeats = Vec::new();
    for lane in lanes {
        for judgement in lane.await.unwrap() {
            match judgement {
                Judgement::New(order) => {
                    assert!(new_orders.insert(order.order_id.clone(), order).is_none(), "an order is new twice")
                }
                Judgement::Repeat(order) => repeats.push(order),
                Judgement::Lost(gone) => assert!(!gone.is_empty()),
                other @ (Judgement::Conflict(_) | Judgement::Unreadable(_)) => panic!("{other:?}"),
            }
        }
    }
    for order in repeats {
        assert_eq!(Some(&order), new_orders.get(&order.order_id));
    }
    let sold: Vec<KeyId> = rising(new_orders.values().flat_map(RecordedOrder::key_ids).collect());
    let mut once = sold.clone();
    once.dedup();
    assert_eq!(sold, once, "a key is sold twice");
    let balance = ledger.postgres.balance().await.unwrap();
    assert_eq!((balance.sold, balance.orders), (sold.len() as u64, new_orders.len() as u64));
    assert_eq!((balance.lines_short, balance.keys_sold_twice, balance.unbalanced), (0, 0, vec![]));
}

/// Claims and takes of few keys by few orders.
fn random_batch(numbers: &mut Numbers, ids: &[KeyId]) -> Vec<Entry> {
    let mut orders: BTreeMap<String, ProposedOrder> = BTreeMap::new();
    let mut free = ids.to_vec();
    for _ in 0..40 {
        let name = format!("o-{}", numbers.below(700));
        let order = if numbers.below(4) == 0 {
            from_ledger(&name, "sku-a", 1 + numbers.below(2))
        } else {
            let first = free.swap_remove(numbers.below(free.len()));
            claimed(&name, "sku-a", &[first])
        };
        orders.insert(name, order);
    }
    let mut batch: Vec<Entry> = orders.into_values().map(Entry::Order).collect();
    let turn = numbers.below(batch.len());
    batch.rotate_left(turn);
    batch
}

#[tokio::test]
async fn keys_that_another_transaction_holds_are_waited_for_before_a_line_is_refused() {
    let ledger = fresh_ledger().await;
    let ids = stock(&ledger, "sku-a", 2).await;
    let (other, observer) = (ledger.connect().await, ledger.connect().await);
    other
        .batch_execute(&format!("begin; select 1 from fulfil.card_key where id = {} for update", ids[1]))
        .await
        .unwrap();
    let release = async {
        first_pid(&observer, "state = 'idle' and query = 'rollback'").await;
        other.batch_execute("rollback").await.unwrap();
    };
    let (judgement, ()) = tokio::join!(judge_one(&ledger, from_ledger("o-1", "sku-a", 2)), release);
    assert_eq!(delivered(&new(judgement).lines[0]), ids);
}

#[tokio::test]
async fn keys_that_stay_held_are_no_verdict_on_the_stock() {
    let ledger = fresh_ledger().await;
    let ids = stock(&ledger, "sku-a", 2).await;
    let other = ledger.connect().await;
    other
        .batch_execute(&format!("begin; select 1 from fulfil.card_key where id = {} for update", ids[1]))
        .await
        .unwrap();
    let brief = Postgres::new(&ledger.url, 1, Duration::from_secs(2)).unwrap();
    // Nor are they a reason to buy.
    for batch in [from_ledger("o-1", "sku-a", 2), wanted("o-1", "sku-a", 2)].map(|order| [Entry::Order(order)]) {
        let outcome = brief.record(&batch).await;
        assert!(matches!(outcome, Err(LedgerError::Unavailable(_))), "{outcome:?}");
    }
    let batch = [Entry::Order(wanted("o-1", "sku-a", 2))];
    other.batch_execute("rollback").await.unwrap();
    let judgements = brief.record(&batch).await.unwrap();
    assert!(matches!(&judgements[..], [Judgement::New(order)] if order.key_ids().count() == 2), "{judgements:?}");
}

#[tokio::test]
async fn what_known_and_lost_orders_claim_is_there_for_others() {
    let ledger = fresh_ledger().await;
    let ids = stock(&ledger, "sku-a", 5).await;
    new(judge_one(&ledger, claimed("known", "sku-a", &ids[..1])).await);
    let batch = vec![
        claimed("known", "sku-a", &ids[1..2]),
        from_ledger("all", "sku-a", 4),
        claimed("lost", "sku-a", &[ids[0], ids[2]]),
    ];
    let judgements = judge(&ledger, batch).await;
    assert!(matches!(judgements[..], [Judgement::Repeat(_), Judgement::New(_), Judgement::Lost(_)]), "{judgements:?}");
    assert_eq!(available(&ledger, "sku-a").await, []);
}

#[tokio::test]
async fn nothing_is_bought_for_what_known_orders_would_have_taken() {
    let ledger = fresh_ledger().await;
    let ids = stock(&ledger, "sku-a", 3).await;
    new(judge_one(&ledger, claimed("known", "sku-a", &ids[..1])).await);
    let known = ProposedOrder { body_hash: body("known"), ..wanted("known", "sku-a", 2) };
    let judgements = judge(&ledger, vec![known, wanted("new", "sku-a", 2), wanted("short", "sku-a", 2)]).await;
    let [Judgement::Repeat(_), Judgement::New(filled), Judgement::New(short)] = &judgements[..] else {
        panic!("{judgements:?}")
    };
    assert_eq!(delivered(&filled.lines[0]), ids[1..]);
    assert!(is_processing(&short.lines[0]));
    assert_eq!(open(&ledger).await, 1);
}
