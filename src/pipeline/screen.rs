//! Screen: what may be known already is looked up before anything is claimed for it; for the rest a proposal
//! is made. Screen only proposes: a stored result wins over it (I2).

use fulfil_contract::{
    ids::BodyHash,
    order::Order,
    ports::ledger::{Asked, Ledger, LedgerError},
    procurement::Need,
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder, UnreadableMessage},
    reason::{Reason, ReasonCode},
    recorded::Judgement,
};

use super::batch::{Content, Message, Received, Screened};
use crate::procurement::assortment::Assortment;

/// What the ledger knows of the batch's redelivered messages, in their order.
///
/// # Errors
/// [`LedgerError`].
pub async fn look_up(received: &Received, ledger: &dyn Ledger) -> Result<Vec<Option<Judgement>>, LedgerError> {
    let asked: Vec<Asked> =
        received.messages.iter().filter(|message| message.redelivered).filter_map(Message::asked).collect();
    if asked.is_empty() { Ok(Vec::new()) } else { ledger.answer_known(&asked).await }
}

/// Sets apart what is known already and proposes what shall become of the rest.
pub fn screen(received: Received, known: Vec<Option<Judgement>>, assortment: &Assortment) -> Screened {
    let Received { held, messages, twins, dead } = received;
    let mut answers = known.into_iter();
    let (mut known, mut proposed) = (Vec::new(), Vec::with_capacity(messages.len()));
    for message in messages {
        let answer = if message.redelivered && message.asked().is_some() { answers.next().flatten() } else { None };
        match answer {
            Some(judgement) => known.push((message.place, judgement)),
            None => proposed.push((message.place, propose(message, assortment))),
        }
    }
    Screened { held, known, proposed, twins, dead }
}

/// What is proposed to the ledger for a message; keys come from the ledger unless a claim fills the line, and
/// from a supplier where the ledger has too few and a route is there.
pub fn propose(message: Message, assortment: &Assortment) -> Entry {
    let body_hash = message.body_hash;
    match message.content {
        Content::Order(order) => Entry::Order(propose_order(order, body_hash, assortment)),
        Content::Refused { order_id, merchant_id, reason } => Entry::Order(ProposedOrder {
            order_id,
            merchant_id,
            body_hash,
            expires_at: None,
            proposal: Proposal::Refuse(reason),
        }),
        Content::Unreadable { merchant_id, reason } => {
            Entry::Unreadable(UnreadableMessage { body_hash, merchant_id, reason })
        }
    }
}

fn propose_order(order: Order, body_hash: BodyHash, assortment: &Assortment) -> ProposedOrder {
    let currency = order.currency;
    let lines = order
        .lines
        .into_iter()
        .map(|line| {
            let routed = assortment.is_routed(&line.sku);
            let fill = match (&line.recharge, routed) {
                (None, _) => Fill::FromLedger,
                (Some(_), true) => Fill::Bought,
                (Some(_), false) => {
                    let detail =
                        format!("a top-up of {} can only be bought, and no supplier is configured for it", line.sku);
                    Fill::Refused(Reason::new(ReasonCode::NoSupplier, detail))
                }
            };
            let need = routed.then_some(Need { unit_price: line.unit_price, currency, recharge: line.recharge });
            ProposedLine { line_no: line.line_no, sku: line.sku, quantity: line.quantity, fill, need }
        })
        .collect();
    ProposedOrder {
        order_id: order.order_id,
        merchant_id: Some(order.merchant_id),
        body_hash,
        expires_at: order.expires_at,
        proposal: Proposal::Fulfil(lines),
    }
}
