//! The sweep: results that are owed (announcement rows) are announced until confirmed, then their rows are
//! deleted by their key. Any worker sweeps; a result announced twice is the same message twice (I9). A merchant
//! whose results are refused holds up no other merchant's.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use fulfil_contract::{
    ids::MerchantId,
    ports::{
        announcer::{Announcer, Verdict},
        ledger::{Ledger, LedgerError},
    },
    recorded::RecordedOrder,
};

use tokio::{sync::Notify, time::Instant};

use super::announce::{Mode, messages_of};
use crate::{
    crash::{self, Point},
    ops::{
        drain::{Draining, Phase},
        metrics,
    },
};

const PAUSE: Duration = Duration::from_secs(1);
const MOST: u32 = 500;

/// Sweeps until draining begins, at once when the bell is rung: whoever has just made a result announces it before
/// the others come to look.
pub async fn sweep(
    ledger: Arc<dyn Ledger>,
    announcer: Arc<dyn Announcer>,
    mode: Mode,
    bell: Arc<Notify>,
    mut draining: Draining,
) {
    let mut sweep = Sweep { ledger, announcer, mode, refused: Refused::default(), left: 0 };
    loop {
        if let Err(error) = sweep.round(&draining).await {
            tracing::warn!(error, "owed results could not be announced; trying again");
        }
        // Workers that started together do not look together.
        let pause = draining.dice().about(PAUSE, 0.25);
        tokio::select! {
            biased;
            () = bell.notified() => {}
            whole = draining.pause(pause) => if !whole { return },
        }
    }
}

struct Sweep {
    ledger: Arc<dyn Ledger>,
    announcer: Arc<dyn Announcer>,
    mode: Mode,
    refused: Refused,
    /// Of the results that this round has read, those that still wait.
    left: usize,
}

/// The merchants that something was refused of, who are left out for [`PAUSE`]: the bell may ring all the time.
#[derive(Debug, Default)]
struct Refused {
    of: Vec<Option<MerchantId>>,
    /// Of the last time that all were asked for: who is in it was told of.
    before: HashSet<Option<MerchantId>>,
    asked_for_all: Option<Instant>,
}

impl Refused {
    /// Whether a round that begins now asks for all that is owed.
    fn begin(&mut self) -> bool {
        let all = self.of.is_empty() || self.asked_for_all.is_none_or(|at| at.elapsed() >= PAUSE);
        if all {
            self.before = self.of.drain(..).collect();
            self.asked_for_all = Some(Instant::now());
        }
        all
    }

    fn add(&mut self, order: RecordedOrder, why: &str) {
        let RecordedOrder { merchant_id, order_id, .. } = order;
        if self.of.contains(&merchant_id) {
            return;
        }
        if !self.before.contains(&merchant_id) {
            let merchant = merchant_id.as_ref().map_or("none", MerchantId::as_str);
            tracing::warn!(merchant, %order_id, why, "the broker refuses owed results; they are offered again");
        }
        self.of.push(merchant_id);
    }
}

impl Sweep {
    /// One round, and how many results still wait after it: of one that leaves merchants out nobody would know.
    async fn round(&mut self, draining: &Draining) -> Result<(), String> {
        let all = self.refused.begin();
        self.left = 0;
        let offered = self.offer(draining).await;
        if all {
            metrics::owed(self.left);
        }
        offered
    }

    /// Offers what is owed, page by page, until the rest are results of merchants that something was refused of. A
    /// worker that is to end leaves them to the others as soon as something is refused.
    async fn offer(&mut self, draining: &Draining) -> Result<(), String> {
        loop {
            let page = self.page().await?;
            let ending = self.left > 0 && draining.phase() != Phase::Running;
            if page < MOST as usize || ending {
                return Ok(());
            }
        }
    }

    /// Offers the oldest; how many they were.
    async fn page(&mut self) -> Result<usize, String> {
        let told = |error: LedgerError| error.to_string();
        let owed = self.ledger.owed(MOST, &self.refused.of).await.map_err(told)?;
        if owed.is_empty() {
            return Ok(0);
        }
        let page = owed.len();
        self.left += page;
        let (publications, rows): (Vec<_>, Vec<_>) = messages_of(&owed, self.mode).into_iter().unzip();
        let publish = crash::after(Point::Swept, &rows, self.announcer.publish(publications));
        let verdicts = publish.await.map_err(|error| error.to_string())?;
        let (mut paid, mut refused) = (Vec::new(), HashMap::new());
        for (rows, verdict) in rows.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Confirmed => paid.extend(rows),
                Verdict::Refused(why) => refused.extend(rows.into_iter().map(|(order, _)| (order, why.clone()))),
            }
        }
        crash::after(Point::Paid, &paid, self.ledger.paid(&paid)).await.map_err(told)?;
        self.left -= paid.len();
        for order in owed {
            if let Some(why) = refused.get(&order.order_id) {
                self.refused.add(order, why);
            }
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use fulfil_contract::{
        ids::{BodyHash, OrderId, Revision},
        ports::announcer::{AnnounceUnavailable, Publication},
        proposal::{Entry, Proposal, ProposedOrder},
        reason::{Reason, ReasonCode},
    };
    use fulfil_memory::Memory;

    use super::*;
    use crate::ops::drain::Drain;

    /// Takes no result of the merchant `full`; how many of them it was offered.
    #[derive(Default)]
    struct FullQueue(AtomicUsize);

    #[async_trait]
    impl Announcer for FullQueue {
        async fn publish(&self, batch: Vec<Publication>) -> Result<Vec<Verdict>, AnnounceUnavailable> {
            let verdict = |publication: &Publication| match publication.routing_key.split_once('.') {
                Some(("full", _)) => {
                    self.0.fetch_add(1, Ordering::Relaxed);
                    Verdict::Refused("it is full".into())
                }
                Some(_) | None => Verdict::Confirmed,
            };
            Ok(batch.iter().map(verdict).collect())
        }
    }

    async fn owe(memory: &Memory, order: usize, merchant: &str) {
        let order_id = OrderId::parse(&format!("order-{order}")).unwrap();
        let entry = Entry::Order(ProposedOrder {
            body_hash: BodyHash::of(order_id.as_str().as_bytes()),
            merchant_id: Some(MerchantId::parse(merchant).unwrap()),
            expires_at: None,
            proposal: Proposal::Refuse(Reason::new(ReasonCode::InvalidOrder, "for the test")),
            order_id: order_id.clone(),
        });
        memory.record(&[entry]).await.unwrap();
        memory.owe(&[(order_id, Revision::FIRST)]).await.unwrap();
    }

    async fn owe_each(memory: &Memory, count: usize, of: impl Fn(usize) -> &'static str) {
        for order in 0..count {
            owe(memory, order, of(order)).await;
        }
    }

    fn sweep_of(memory: &Memory) -> (Sweep, Arc<FullQueue>) {
        let queue = Arc::new(FullQueue::default());
        let ledger = Arc::new(memory.clone());
        (Sweep { ledger, announcer: queue.clone(), mode: Mode::Single, refused: Refused::default(), left: 0 }, queue)
    }

    const A_PAGE: usize = MOST as usize;

    #[tokio::test]
    async fn a_full_queue_of_one_merchant_holds_up_no_other() {
        let memory = Memory::new(1);
        owe_each(&memory, 2 * A_PAGE, |order| if order < A_PAGE + 100 { "full" } else { "other" }).await;
        let ((mut sweep, _), (_drain, draining)) = (sweep_of(&memory), Drain::new());
        sweep.round(&draining).await.unwrap();
        assert_eq!(sweep.left, A_PAGE);
        let left = memory.owed(2 * MOST, &[]).await.unwrap();
        assert_eq!(left.len(), A_PAGE + 100);
        assert!(left.iter().all(|order| order.merchant_id.as_ref().map(MerchantId::as_str) == Some("full")));
    }

    #[tokio::test(start_paused = true)]
    async fn who_refused_is_asked_again_after_the_pause_however_often_the_bell_rings() {
        let memory = Memory::new(1);
        owe_each(&memory, 3, |order| if order < 2 { "full" } else { "other" }).await;
        let ((mut sweep, queue), (_drain, draining)) = (sweep_of(&memory), Drain::new());
        for order in 3..6 {
            owe(&memory, order, "other").await;
            sweep.round(&draining).await.unwrap();
            assert_eq!(queue.0.load(Ordering::Relaxed), 2);
            assert_eq!(memory.owed(MOST, &[]).await.unwrap().len(), 2);
        }
        tokio::time::advance(PAUSE).await;
        sweep.round(&draining).await.unwrap();
        assert_eq!(queue.0.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn nothing_waits_after_all_was_taken() {
        let memory = Memory::new(1);
        owe_each(&memory, A_PAGE + 1, |_| "other").await;
        let ((mut sweep, _), (_drain, draining)) = (sweep_of(&memory), Drain::new());
        sweep.round(&draining).await.unwrap();
        assert_eq!((sweep.left, memory.owed(MOST, &[]).await.unwrap().len()), (0, 0));
    }

    #[tokio::test]
    async fn who_is_to_end_leaves_what_waits_to_the_others_once_something_is_refused() {
        let memory = Memory::new(1);
        owe_each(&memory, A_PAGE + 1, |order| if order == 0 { "full" } else { "other" }).await;
        let ((mut sweep, _), (drain, draining)) = (sweep_of(&memory), Drain::new());
        drain.enter(Phase::Draining);
        sweep.round(&draining).await.unwrap();
        assert_eq!(memory.owed(MOST, &[]).await.unwrap().len(), 2);
    }
}
