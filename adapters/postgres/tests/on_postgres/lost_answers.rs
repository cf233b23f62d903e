//! A connection that is lost after COMMIT took place, before its answer came: the call is made again, and has one
//! effect.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fulfil_contract::{
    attempt::{AttemptState, Change},
    conformance::procurements::samples::*,
    ports::{
        books::Books,
        ledger::{Ledger, LedgerError},
        procurements::{ProcurementError, Procurements, ResolveError, Reviews},
        stock_ledger::{Imported, StockLedger},
    },
    procurement::{Procurement, Release, Released, Resolution, ReviewCase, ReviewId, ReviewKind},
    proposal::Entry,
    reason::{Reason, ReasonCode},
    recorded::Judgement,
};
use fulfil_postgres::Postgres;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::private::{LIMIT, PrivateLedger, fresh_ledger};

/// Stands between the adapter and the server, and loses answers.
struct Between {
    url: String,
    armed: Arc<AtomicBool>,
}

impl Between {
    async fn of(ledger: &PrivateLedger) -> Self {
        let (credentials, rest) = ledger.url.split_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{credentials}@{}/{database}", listener.local_addr().unwrap());
        let (armed, server) = (Arc::new(AtomicBool::new(false)), server.to_owned());
        let between = Self { url, armed: Arc::clone(&armed) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&armed)));
            }
        });
        between
    }

    /// The answer to the next COMMIT is lost, with its connection.
    fn lose_the_next_commit(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Whether one was lost since.
    fn has_lost_it(&self) -> bool {
        !self.armed.load(Ordering::SeqCst)
    }
}

/// Passes bytes on until either side ends, or the answer to a COMMIT comes that is to be lost.
async fn pass(client: TcpStream, server: TcpStream, armed: Arc<AtomicBool>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let cut = AtomicBool::new(false);
    let asking = async {
        let mut bytes = vec![0; 65_536];
        while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
            if bytes[..count].windows(7).any(|window| window == b"commit\0") && armed.swap(false, Ordering::SeqCst) {
                cut.store(true, Ordering::SeqCst);
            }
            if to_server.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    let answering = async {
        let mut bytes = vec![0; 65_536];
        while let Ok(count @ 1..) = from_server.read(&mut bytes).await {
            if cut.load(Ordering::SeqCst) || to_client.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = asking => {}
        () = answering => {}
    }
}

/// A worker whose answers can be lost, on a ledger that can be looked at.
struct Unlucky {
    ledger: PrivateLedger,
    between: Between,
    worker: Postgres,
}

impl Unlucky {
    async fn new() -> Self {
        let ledger = fresh_ledger().await;
        let between = Between::of(&ledger).await;
        let worker = Postgres::new(&between.url, 1, LIMIT).unwrap();
        Self { ledger, between, worker }
    }

    /// Loses the answer of one call, which then is made again: its outcome is the second one's, its effect the first's.
    async fn twice<T, E: Into<Lost> + std::fmt::Debug>(&self, id: &str, call: impl AsyncFn() -> Result<T, E>) -> T {
        self.between.lose_the_next_commit();
        let Err(error) = call().await else { panic!("its answer was not lost") };
        assert!(self.between.has_lost_it());
        let Lost(unknown) = error.into();
        assert!(unknown, "the outcome is unknown");
        let before = self.look(id).await;
        let again = call().await.unwrap();
        assert_eq!(self.look(id).await, before);
        again
    }

    async fn look(&self, id: &str) -> String {
        let file = self.ledger.postgres.order(&order_id(id)).await.unwrap();
        let balance = self.ledger.postgres.balance().await.unwrap();
        let reviews = self.ledger.postgres.reviews(true, ReviewId(0), 100).await.unwrap();
        format!("{file:?} {balance:?} {reviews:?} {:?}", self.ledger.postgres.owed(100, &[]).await.unwrap())
    }

    async fn sent(&self, id: &str, count: usize) -> (Procurement, Change) {
        let of = leased(&self.ledger, order(id, vec![bought_line(1, "sku-a", count)])).await;
        let attempt = send(&self.ledger, &of, &id.replace('-', ""), count).await;
        (of, Change::of(&attempt, AttemptState::Delivered))
    }
}

/// Whether an error says that the outcome is unknown.
struct Lost(bool);

impl From<LedgerError> for Lost {
    fn from(error: LedgerError) -> Self {
        Self(matches!(error, LedgerError::OutcomeUnknown(_)))
    }
}

impl From<ProcurementError> for Lost {
    fn from(error: ProcurementError) -> Self {
        match error {
            ProcurementError::Ledger(error) => error.into(),
            ProcurementError::LeaseLost | ProcurementError::Refused(_) => Self(false),
        }
    }
}

#[tokio::test]
async fn goods_that_were_placed_are_placed_once() {
    let unlucky = Unlucky::new().await;
    // As bought; too few; more than wanted.
    for (id, count, told) in [("o-1", 2, 0..2), ("o-2", 3, 10..12), ("o-3", 1, 20..23)] {
        let (of, change) = unlucky.sent(id, count).await;
        let goods = keys("sku-a", told.clone());
        let placed = unlucky.twice(id, async || unlucky.worker.deliver(&of.lease, &change, &goods).await).await;
        assert_eq!((placed.complete, placed.surplus as usize), (told.len() >= count, told.len().saturating_sub(count)));
    }
    assert_balance(&unlucky.ledger, 5, 2, 3).await;
}

#[tokio::test]
async fn an_attempt_is_made_and_changed_once() {
    let unlucky = Unlucky::new().await;
    let of = leased(&unlucky.ledger, wanted("o-1", "sku-a", 1)).await;
    let intent = intent("a", 1);
    let made = unlucky.twice("o-1", async || unlucky.worker.intend(&of.lease, &intent).await).await;
    let change = Change::of(&made, AttemptState::Sent);
    let sent = unlucky.twice("o-1", async || unlucky.worker.change(&of.lease, &change, LIMITS).await).await;
    assert_eq!((sent.sends, sent.version), (1, 1));
    assert_eq!(procurement_file(&unlucky.ledger, "o-1").await.attempts, [sent]);
}

#[tokio::test]
async fn a_procurement_is_given_back_once() {
    let unlucky = Unlucky::new().await;
    let no = Reason::new(ReasonCode::SuppliersRefused, "nobody sells it");
    let case = ReviewCase { kind: ReviewKind::Unsettled, evidence: "no answer".into() };
    for (at, (how, became)) in [
        (from_stock(HOUR), Released::Filled),
        (wait(HOUR), Released::Waiting),
        (Release::Reject(no), Released::Rejected),
        (Release::Review(case), Released::InReview),
    ]
    .into_iter()
    .enumerate()
    {
        let (id, sku) = (format!("o-{at}"), format!("sku-{at}"));
        stock(&unlucky.ledger, &sku, 2).await;
        let of = leased(&unlucky.ledger, order(&id, vec![bought_line(1, &sku, 2)])).await;
        assert_eq!(unlucky.twice(&id, async || unlucky.worker.release(&of.lease, &how).await).await, became);
    }
    assert_balance(&unlucky.ledger, 8, 6, 2).await;
}

#[tokio::test]
async fn a_lease_whose_answer_was_lost_lapses() {
    let unlucky = Unlucky::new().await;
    processing(&unlucky.ledger, wanted("o-1", "sku-a", 1)).await;
    unlucky.between.lose_the_next_commit();
    let lost = unlucky.worker.lease(&worker("w-1"), 10, Duration::from_millis(50)).await;
    assert!(matches!(lost, Err(LedgerError::OutcomeUnknown(_))), "{lost:?}");
    let next = lease_when_due(&unlucky.ledger, "w-2").await.remove(0);
    assert_eq!(next.lease.fence, 2);
}

#[tokio::test]
async fn an_order_makes_its_procurements_once() {
    let unlucky = Unlucky::new().await;
    let batch = [Entry::Order(order("o-1", vec![bought_line(1, "sku-a", 1), bought_line(2, "sku-b", 2)]))];
    let judged = unlucky.twice("o-1", async || unlucky.worker.record(&batch).await).await;
    assert!(matches!(judged[..], [Judgement::Repeat(_)]), "{judged:?}");
    assert_eq!(open(&unlucky.ledger).await, 2);
}

#[tokio::test]
async fn an_import_wakes_though_its_answer_was_lost() {
    let unlucky = Unlucky::new().await;
    let of = leased(&unlucky.ledger, order("o-1", vec![bought_line(1, "sku-a", 1)])).await;
    assert_eq!(release(&unlucky.ledger, &of, wait(HOUR)).await.unwrap(), Released::Waiting);
    let file = [new_key("sku-a", 1)];
    let imported = unlucky.twice("o-1", async || unlucky.worker.import(&file, BUCKETS).await).await;
    assert_eq!(imported, [Imported::Repeat]);
    let of = lease_one(&unlucky.ledger, "w-2").await;
    assert_eq!(release(&unlucky.ledger, &of, from_stock(HOUR)).await.unwrap(), Released::Filled);
}

#[tokio::test]
async fn a_decision_that_was_made_is_found_made() {
    let unlucky = Unlucky::new().await;
    let (of, _) = unlucky.sent("o-1", 1).await;
    let case = ReviewCase { kind: ReviewKind::Unsettled, evidence: "no answer".into() };
    assert_eq!(release(&unlucky.ledger, &of, Release::Review(case)).await.unwrap(), Released::InReview);
    let review = unlucky.ledger.postgres.reviews(false, ReviewId(0), 10).await.unwrap().remove(0).id;
    let goods = Resolution::Delivered(keys("sku-a", 0..1));
    unlucky.between.lose_the_next_commit();
    let lost = unlucky.worker.resolve(review, &goods, "asked by mail").await;
    assert!(matches!(lost, Err(ResolveError::Ledger(LedgerError::OutcomeUnknown(_)))), "{lost:?}");
    let again = unlucky.worker.resolve(review, &goods, "asked by mail").await;
    assert!(matches!(again, Err(ResolveError::Resolved(id)) if id == review), "{again:?}");
    assert_balance(&unlucky.ledger, 1, 0, 1).await;
}
