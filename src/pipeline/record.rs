//! Record: the ledger judges the batch in one transaction; only then are its claims settled, with the ids
//! that were not sold (a claim that is forgotten before its ids are judged strands them).

use std::collections::HashSet;

use fulfil_contract::{
    ids::KeyId,
    ports::ledger::{Ledger, LedgerError},
    proposal::{Entry, Fill, Proposal, UnreadableMessage},
    reason::{Reason, ReasonCode},
    recorded::{Gone, Judgement},
};

use super::batch::{Claimed, HeldClaim, Place, Recorded};
use crate::{
    ops::drain::Draining,
    patience::{Again, Ended, persist},
    stock::desk::ClaimDesk,
};

/// Records the entries and settles their claims.
///
/// # Errors
/// [`Ended`] when the grace period ends first. Nothing is settled then: the claims are taken over.
pub async fn record(
    claimed: Claimed,
    ledger: &dyn Ledger,
    desk: &ClaimDesk,
    draining: &mut Draining,
) -> Result<Recorded, Ended<LedgerError>> {
    let Claimed { entries, claims } = claimed;
    let (places, entries): (Vec<Place>, Vec<Entry>) = entries.into_iter().unzip();
    let judgements = judge(&entries, ledger, draining).await?;
    settle(claims, &judgements, desk);

    let mut recorded = Recorded::default();
    for ((place, entry), judgement) in places.into_iter().zip(entries).zip(judgements) {
        match judgement {
            Judgement::Lost(_) => recorded.losers.push((place, without_ids(entry))),
            judged @ (Judgement::New(_) | Judgement::Repeat(_) | Judgement::Conflict(_) | Judgement::Unreadable(_)) => {
                recorded.judged.push((place, judged));
            }
        }
    }
    Ok(recorded)
}

/// A part of the batch that is judged in one transaction.
struct Part {
    from: usize,
    to: usize,
}

/// Has the whole batch judged; a part that the ledger refuses for its data is halved until the bad entry
/// stands alone, and that one is recorded as refused.
async fn judge(
    entries: &[Entry],
    ledger: &dyn Ledger,
    draining: &mut Draining,
) -> Result<Vec<Judgement>, Ended<LedgerError>> {
    let mut judgements = Vec::with_capacity(entries.len());
    let mut parts = vec![Part { from: 0, to: entries.len() }];
    while let Some(Part { from, to }) = parts.pop() {
        match persist("record", draining, again, || ledger.record(&entries[from..to])).await {
            Ok(part) => judgements.extend(part),
            Err(Ended::Failed(error)) if to - from > 1 => {
                tracing::warn!(%error, entries = to - from, "the ledger refuses a batch; halving it");
                let middle = from + (to - from) / 2;
                parts.push(Part { from: middle, to });
                parts.push(Part { from, to: middle });
            }
            Err(Ended::Failed(error)) => {
                tracing::error!(%error, "the ledger refuses one order; it is rejected");
                let refused: Vec<Entry> = entries[from..to].iter().map(unrecordable).collect();
                judgements.extend(persist("record", draining, |_| Again::Yes, || ledger.record(&refused)).await?);
            }
            Err(ended @ Ended::Abandoned(_)) => return Err(ended),
        }
    }
    Ok(judgements)
}

/// An unknown outcome is tried again like an outage: the same again is a repeat (I2).
pub fn again(error: &LedgerError) -> Again {
    match error {
        LedgerError::Unavailable(_) | LedgerError::OutcomeUnknown(_) | LedgerError::Broken(_) => Again::Yes,
        LedgerError::Data(_) => Again::No,
    }
}

fn unrecordable(entry: &Entry) -> Entry {
    let reason = Reason::new(ReasonCode::Unrecordable, "the ledger refuses this order's data");
    match entry {
        Entry::Order(order) => {
            let mut order = order.clone();
            order.proposal = Proposal::Refuse(reason);
            Entry::Order(order)
        }
        Entry::Unreadable(message) => Entry::Unreadable(UnreadableMessage { reason, ..message.clone() }),
    }
}

fn without_ids(mut entry: Entry) -> Entry {
    if let Entry::Order(order) = &mut entry
        && let Proposal::Fulfil(lines) = &mut order.proposal
    {
        for line in lines {
            if matches!(line.fill, Fill::Claimed(_)) {
                line.fill = Fill::FromLedger;
            }
        }
    }
    entry
}

/// Settles every claim: ids that the ledger neither sold here nor found gone return to their bucket.
fn settle(claims: Vec<HeldClaim>, judgements: &[Judgement], desk: &ClaimDesk) {
    let (mut kept, mut sold_before) = (HashSet::<KeyId>::new(), Vec::new());
    for judgement in judgements {
        match judgement {
            Judgement::New(order) | Judgement::Repeat(order) => kept.extend(order.key_ids()),
            Judgement::Lost(gone) => {
                for key in gone {
                    kept.insert(key.id);
                    match key.why {
                        Gone::SoldAt(when) => sold_before.push((key.id, when)),
                        Gone::Quarantined | Gone::Unknown => {}
                    }
                }
            }
            Judgement::Conflict(_) | Judgement::Unreadable(_) => {}
        }
    }
    for claim in claims {
        let sold = sold_before.iter().filter(|(id, _)| claim.ids.contains(id)).map(|(_, when)| *when);
        desk.offered_sold(&claim.bucket.sku, claim.epoch, sold);
        let back = claim.ids.iter().copied().filter(|id| !kept.contains(id)).collect();
        desk.settle_later(claim, back);
    }
}
