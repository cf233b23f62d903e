//! Announce: every judgement's message is published and confirmed; a result that the broker refuses three
//! times becomes an announcement row instead, committed before the delivery is acknowledged (I4); what no row can stand
//! for goes past the queues that refuse it, so that one full queue of the platform stops no lane.

use fulfil_contract::{
    answer::{BATCH_ROUTING_KEY, RESULT_TYPE, RESULTS_TYPE},
    ids::{OrderId, Revision},
    ports::{
        announcer::{AnnounceUnavailable, Announcer, Destination, Publication, Verdict},
        ledger::{Ledger, LedgerError},
    },
    recorded::Judgement,
};

use super::batch::{Answered, DeadBody, Published, answer_of};
use crate::{
    ops::drain::Draining,
    patience::{Again, Ended, persist},
};

/// How results are put into messages (`results.mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One message each.
    Single,
    /// Arrays of up to [`MOST_ELEMENTS`].
    Batch,
}

/// The most results of one array.
pub const MOST_ELEMENTS: usize = 300;
/// An array is closed once it has this many bytes.
const ARRAY_BYTES: usize = 256 * 1024;
/// How often a message is offered before its result becomes an announcement row.
const OFFERS: u32 = 3;

/// Why a batch's results could not be announced before the grace period ended.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    #[error(transparent)]
    Broker(#[from] Ended<AnnounceUnavailable>),
    #[error(transparent)]
    Ledger(#[from] Ended<LedgerError>),
}

/// A message, and the results whose rows can stand for it.
struct Outgoing {
    publication: Publication,
    /// Empty where no row can stand for the message (conflicts, unreadable messages, dead letters).
    owable: Vec<(OrderId, Revision)>,
}

impl Outgoing {
    /// On to where no queue of the platform can refuse it.
    fn past_the_queues(mut self) -> Self {
        self.publication.destination = match self.publication.destination {
            Destination::Results | Destination::Unrouted => Destination::Unrouted,
            Destination::DeadLetters => Destination::DeadLetters,
        };
        self
    }
}

/// Publishes the messages of a batch.
///
/// # Errors
/// [`AnnounceError`]; the batch is then not acknowledged.
pub async fn announce(
    answered: &Answered,
    mode: Mode,
    announcer: &dyn Announcer,
    ledger: &dyn Ledger,
    draining: &mut Draining,
) -> Result<Published, AnnounceError> {
    let mut waiting = outgoing(&answered.judged, mode);
    waiting.extend(answered.dead.iter().map(dead_letter));
    let mut published = Published { on_the_broker: 0, owed: Vec::new() };
    let mut pauses = draining.pauses();
    for offer in 1.. {
        let refused = offer_all(waiting, announcer, draining, &mut published).await?;
        if refused.is_empty() {
            break;
        }
        let (owable, stubborn): (Vec<_>, Vec<_>) =
            refused.into_iter().partition(|(outgoing, _)| offer >= OFFERS && !outgoing.owable.is_empty());
        if let Some((outgoing, why)) = owable.first() {
            tracing::warn!(
                messages = owable.len(),
                message_id = outgoing.publication.message_id,
                why,
                "the broker refuses results; they are owed now"
            );
            let owed: Vec<_> = owable.into_iter().flat_map(|(outgoing, _)| outgoing.owable).collect();
            persist("owe", draining, |_| Again::Yes, || ledger.owe(&owed)).await?;
            published.owed.extend(owed);
        }
        if stubborn.is_empty() {
            break;
        }
        if offer >= OFFERS {
            tracing::warn!(
                messages = stubborn.len(),
                why = stubborn[0].1,
                "the broker refuses messages that no row can stand for; results of them go to its queue results"
            );
        }
        let go_on = |outgoing: Outgoing| if offer >= OFFERS { outgoing.past_the_queues() } else { outgoing };
        waiting = stubborn.into_iter().map(|(outgoing, _)| go_on(outgoing)).collect();
        draining
            .unless_abandoned(tokio::time::sleep(pauses.next_pause()))
            .await
            .map_err(|end| AnnounceError::Broker(end.into()))?;
    }
    Ok(published)
}

/// Offers every message once; gives those that were refused, and why.
async fn offer_all(
    waiting: Vec<Outgoing>,
    announcer: &dyn Announcer,
    draining: &mut Draining,
    published: &mut Published,
) -> Result<Vec<(Outgoing, String)>, AnnounceError> {
    let publications: Vec<Publication> = waiting.iter().map(|outgoing| outgoing.publication.clone()).collect();
    let mut first = Some(publications);
    let verdicts = persist(
        "announce",
        draining,
        |_| Again::Yes,
        || {
            let publications =
                first.take().unwrap_or_else(|| waiting.iter().map(|outgoing| outgoing.publication.clone()).collect());
            announcer.publish(publications)
        },
    )
    .await?;
    let mut refused = Vec::new();
    for (outgoing, verdict) in waiting.into_iter().zip(verdicts) {
        match verdict {
            Verdict::Confirmed => published.on_the_broker += 1,
            Verdict::Refused(why) => refused.push((outgoing, why)),
        }
    }
    Ok(refused)
}

fn outgoing(judged: &[(super::batch::Place, Judgement)], mode: Mode) -> Vec<Outgoing> {
    match mode {
        Mode::Single => judged.iter().filter_map(|(_, judgement)| single(judgement)).collect(),
        Mode::Batch => {
            // Apart, so that rows can stand for every element of an array or for none.
            let (owable, others): (Vec<_>, Vec<_>) =
                judged.iter().map(|(_, judgement)| judgement).partition(|judgement| owable(judgement).is_some());
            let mut messages = arrays(&owable);
            messages.extend(arrays(&others));
            messages
        }
    }
}

fn owable(judgement: &Judgement) -> Option<(OrderId, Revision)> {
    match judgement {
        Judgement::New(order) | Judgement::Repeat(order) => Some((order.order_id.clone(), order.revision)),
        Judgement::Conflict(_) | Judgement::Unreadable(_) | Judgement::Lost(_) => None,
    }
}

fn single(judgement: &Judgement) -> Option<Outgoing> {
    let answer = answer_of(judgement)?;
    Some(Outgoing {
        publication: Publication {
            destination: Destination::Results,
            routing_key: answer.routing_key(),
            kind: RESULT_TYPE,
            message_id: answer.message_id(),
            body: answer.body(),
            reason: None,
        },
        owable: owable(judgement).into_iter().collect(),
    })
}

fn arrays(judgements: &[&Judgement]) -> Vec<Outgoing> {
    let mut messages = Vec::new();
    let (mut body, mut elements, mut rows) = (vec![b'['], 0, Vec::new());
    for judgement in judgements {
        let Some(answer) = answer_of(judgement) else { continue };
        if elements > 0 {
            body.push(b',');
        }
        answer.write_element(&answer.message_id(), &mut body);
        elements += 1;
        rows.extend(owable(judgement));
        if elements == MOST_ELEMENTS || body.len() >= ARRAY_BYTES {
            messages.push(array(std::mem::replace(&mut body, vec![b'[']), std::mem::take(&mut rows)));
            elements = 0;
        }
    }
    if elements > 0 {
        messages.push(array(body, rows));
    }
    messages
}

fn array(mut body: Vec<u8>, owable: Vec<(OrderId, Revision)>) -> Outgoing {
    body.push(b']');
    let publication = Publication {
        destination: Destination::Results,
        routing_key: BATCH_ROUTING_KEY.to_owned(),
        kind: RESULTS_TYPE,
        message_id: String::new(),
        body,
        reason: None,
    };
    Outgoing { publication, owable }
}

fn dead_letter(dead: &DeadBody) -> Outgoing {
    let code = serde_json::to_value(dead.reason.code)
        .ok()
        .and_then(|code| code.as_str().map(str::to_owned))
        .unwrap_or_default();
    let publication = Publication {
        destination: Destination::DeadLetters,
        routing_key: String::new(),
        kind: fulfil_contract::order::ORDER_TYPE,
        message_id: String::new(),
        body: dead.body.clone(),
        reason: Some((code, dead.reason.detail.clone())),
    };
    Outgoing { publication, owable: Vec::new() }
}

/// The messages of owed results, for the sweep.
#[must_use]
pub fn messages_of(
    orders: &[fulfil_contract::recorded::RecordedOrder],
    mode: Mode,
) -> Vec<(Publication, Vec<(OrderId, Revision)>)> {
    let judged: Vec<_> = orders
        .iter()
        .enumerate()
        .map(|(at, order)| (super::batch::Place(at), Judgement::Repeat(order.clone())))
        .collect();
    outgoing(&judged, mode).into_iter().map(|outgoing| (outgoing.publication, outgoing.owable)).collect()
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Instant};

    use async_trait::async_trait;
    use fulfil_contract::{
        ids::{BodyHash, MerchantId},
        ports::source::Receipt,
        recorded::RecordedConflict,
        time::Timestamp,
    };
    use fulfil_memory::Memory;

    use super::*;
    use crate::{
        ops::drain::Drain,
        pipeline::batch::{Held, Place},
    };

    /// A queue of the platform is full; where each publication went.
    #[derive(Default)]
    struct FullQueue(Mutex<Vec<Destination>>);

    #[async_trait]
    impl Announcer for FullQueue {
        async fn publish(&self, batch: Vec<Publication>) -> Result<Vec<Verdict>, AnnounceUnavailable> {
            let verdict = |publication: Publication| {
                self.0.lock().unwrap().push(publication.destination);
                match publication.destination {
                    Destination::Results => Verdict::Refused("it is full".into()),
                    Destination::Unrouted | Destination::DeadLetters => Verdict::Confirmed,
                }
            };
            Ok(batch.into_iter().map(verdict).collect())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_row_can_stand_for_goes_past_a_full_queue() {
        for mode in [Mode::Single, Mode::Batch] {
            let (order_id, merchant) = (OrderId::parse("o-1").unwrap(), MerchantId::parse("m-02").unwrap());
            let conflict = Judgement::Conflict(RecordedConflict {
                order_id,
                merchant_id: Some(merchant),
                body_hash: BodyHash::of(b"another"),
                decided_at: Timestamp(1),
            });
            let held = Held::new(vec![Receipt::new(1, 1)], Instant::now());
            let answered = Answered::new(held, vec![(Place(0), conflict)], Vec::new()).unwrap();
            let (queue, (_drain, mut draining)) = (FullQueue::default(), Drain::new());
            let published = announce(&answered, mode, &queue, &Memory::new(1), &mut draining).await.unwrap();
            assert_eq!((published.on_the_broker, published.owed), (1, vec![]));
            let [Destination::Results, Destination::Results, Destination::Results, Destination::Unrouted] =
                queue.0.lock().unwrap()[..]
            else {
                panic!("offered three times, then past the queue");
            };
        }
    }
}
