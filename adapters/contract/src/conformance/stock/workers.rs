//! Whose claims are open, and whose heartbeat has lapsed.

use std::{sync::Arc, time::Duration};

use super::{EPOCH, StockBackend, bucket, claim_id, filled, keys, named, open, request, settle, take, these, worker};
use crate::stock::{ClaimId, ClaimRequest, OpenClaim};

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(60);
/// How long a lapse of [`SHORT`] may take to be told, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn open_claims_are_told(stock: Arc<impl StockBackend>) {
    let (first, second) = (bucket(0), named("other", 0));
    filled(&stock, &first, 1..=9).await;
    filled(&stock, &second, 11..=19).await;
    assert_eq!(stock.open_claims(&first).await.unwrap(), []);
    let others = ClaimId { worker: worker("w-2"), number: u64::MAX };
    take(&stock, &first, 1, 3).await;
    stock.claim(&[], &[ClaimRequest { claim: others.clone(), ..request(&first, 0, 2) }]).await.unwrap();
    take(&stock, &second, 3, 1).await;
    let mut told = stock.open_claims(&first).await.unwrap();
    told.sort_by_key(|open| open.ids.clone());
    assert_eq!(
        told,
        [OpenClaim { claim: claim_id(1), ids: keys(1..=3) }, OpenClaim { claim: others, ids: keys(4..=5) }]
    );
    settle(&stock, &first, 1, these([1])).await;
    assert_eq!(open(&stock, &first).await, [(u64::MAX, keys(4..=5))]);
    assert_eq!(open(&stock, &second).await, [(3, keys(11..=11))]);
    assert_eq!(stock.states(&[first]).await.unwrap()[0].epoch, Some(EPOCH));
}

pub async fn a_worker_never_seen_does_not_live(stock: Arc<impl StockBackend>) {
    stock.install().await.unwrap();
    stock.beat(&worker("w-1"), LONG).await.unwrap();
    let asked = [worker("w-2"), worker("w-1"), worker("w"), worker("W-1"), worker("w-1")];
    assert_eq!(stock.living(&asked).await.unwrap(), [false, true, false, false, true]);
}

pub async fn a_heartbeat_lapses(stock: Arc<impl StockBackend>) {
    stock.install().await.unwrap();
    let (brief, steady) = (worker("brief"), worker("steady"));
    stock.beat(&steady, LONG).await.unwrap();
    stock.beat(&brief, SHORT).await.unwrap();
    lapsed(&stock, brief.as_str()).await;
    assert_eq!(stock.living(&[brief.clone(), steady]).await.unwrap(), [false, true]);
    stock.beat(&brief, LONG).await.unwrap();
    assert_eq!(stock.living(&[brief]).await.unwrap(), [true]);
}

pub async fn a_later_beat_lives_longer(stock: Arc<impl StockBackend>) {
    stock.install().await.unwrap();
    stock.beat(&worker("renewed"), SHORT).await.unwrap();
    stock.beat(&worker("renewed"), LONG).await.unwrap();
    stock.beat(&worker("not-renewed"), SHORT).await.unwrap();
    lapsed(&stock, "not-renewed").await;
    assert_eq!(stock.living(&[worker("renewed")]).await.unwrap(), [true]);
}

async fn lapsed(stock: &Arc<impl StockBackend>, name: &str) {
    let poll = async {
        while stock.living(&[worker(name)]).await.unwrap() != [false] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, poll).await.is_ok(),
        "{name} still lives {PATIENCE:?} after a beat of {SHORT:?}"
    );
}
