//! The sweep: results that are owed (announcement rows) are announced until confirmed, then their rows are
//! deleted by their key. Any worker sweeps; a result announced twice is the same message twice (I9). A merchant
//! whose results are refused holds up no other merchant's.

use std::{collections::HashSet, sync::Arc, time::Duration};

use fulfil_contract::ports::{
    announcer::{Announcer, Verdict},
    ledger::{Ledger, LedgerError},
};

use tokio::sync::Notify;

use super::announce::{Mode, messages_of};
use crate::{
    crash::{self, Point},
    ops::{drain::Draining, metrics},
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
    loop {
        if let Err(error) = round(&*ledger, &*announcer, mode).await {
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

/// Offers what is owed, page by page, until the rest are results of merchants that something was refused of in this
/// round.
async fn round(ledger: &dyn Ledger, announcer: &dyn Announcer, mode: Mode) -> Result<(), String> {
    let told = |error: LedgerError| error.to_string();
    let (mut refused_of, mut seen) = (Vec::new(), 0);
    loop {
        let owed = ledger.owed(MOST, &refused_of).await.map_err(told)?;
        seen += owed.len();
        metrics::owed(seen);
        if owed.is_empty() {
            return Ok(());
        }
        let (publications, rows): (Vec<_>, Vec<_>) = messages_of(&owed, mode).into_iter().unzip();
        let publish = crash::after(Point::Swept, &rows, announcer.publish(publications));
        let verdicts = publish.await.map_err(|error| error.to_string())?;
        let (mut paid, mut refused) = (Vec::new(), HashSet::new());
        for (rows, verdict) in rows.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Confirmed => paid.extend(rows),
                Verdict::Refused(_) => refused.extend(rows.into_iter().map(|(order, _)| order)),
            }
        }
        crash::after(Point::Paid, &paid, ledger.paid(&paid)).await.map_err(told)?;
        if owed.len() < MOST as usize {
            return Ok(());
        }
        for order in owed.into_iter().filter(|order| refused.contains(&order.order_id)) {
            if !refused_of.contains(&order.merchant_id) {
                refused_of.push(order.merchant_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use fulfil_contract::{
        ids::{BodyHash, MerchantId, OrderId, Revision},
        ports::announcer::{AnnounceUnavailable, Publication},
        proposal::{Entry, Proposal, ProposedOrder},
        reason::{Reason, ReasonCode},
    };
    use fulfil_memory::Memory;

    use super::*;

    /// Takes no result of the merchant `full`.
    struct FullQueue;

    #[async_trait]
    impl Announcer for FullQueue {
        async fn publish(&self, batch: Vec<Publication>) -> Result<Vec<Verdict>, AnnounceUnavailable> {
            let verdict = |publication: &Publication| match publication.routing_key.split_once('.') {
                Some(("full", _)) => Verdict::Refused("it is full".into()),
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

    #[tokio::test]
    async fn a_full_queue_of_one_merchant_holds_up_no_other() {
        let memory = Memory::new(1);
        let of = |order: usize| if order < MOST as usize + 100 { "full" } else { "other" };
        for order in 0..2 * MOST as usize {
            owe(&memory, order, of(order)).await;
        }
        round(&memory, &FullQueue, Mode::Single).await.unwrap();
        let left = memory.owed(2 * MOST, &[]).await.unwrap();
        assert_eq!(left.len(), MOST as usize + 100);
        assert!(left.iter().all(|order| order.merchant_id.as_ref().map(MerchantId::as_str) == Some("full")));
    }
}
