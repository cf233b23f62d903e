//! A batch as it is judged: checked, and with each order's standing after the rounds so far.

use std::collections::HashSet;

use fulfil_contract::{
    ids::KeyId,
    ports::ledger::LedgerError,
    proposal::{Entry, Fill, Proposal, ProposedLine, ProposedOrder, UnreadableMessage},
    reason::{Reason, ReasonCode},
    recorded::{GoneKey, Judgement},
    time::Timestamp,
};

/// One order and its place in the caller's batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrderEntry<'a> {
    pub(super) at: usize,
    pub(super) order: &'a ProposedOrder,
}

#[derive(Debug)]
pub(super) struct Batch<'a> {
    /// In the caller's order.
    pub(super) orders: Vec<OrderEntry<'a>>,
    pub(super) unreadables: Vec<(usize, &'a UnreadableMessage)>,
}

/// What earlier rounds found out about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Open,
    /// Its id is in the ledger.
    Known,
    Lost(Vec<GoneKey>),
}

/// What this round tries to record for an order.
#[derive(Debug)]
pub(super) struct Open<'a> {
    /// Among the batch's orders.
    pub(super) place: usize,
    pub(super) effect: Effect<'a>,
}

#[derive(Debug)]
pub(super) enum Effect<'a> {
    Lines(&'a [ProposedLine]),
    Refusal(Reason),
}

impl<'a> Batch<'a> {
    /// # Errors
    /// [`LedgerError::Data`] when the batch breaks the port's contract: an id twice, or a claim that is not
    /// exactly its line's quantity.
    pub(super) fn of(entries: &'a [Entry]) -> Result<Self, LedgerError> {
        let mut batch = Self { orders: Vec::with_capacity(entries.len()), unreadables: Vec::new() };
        for (at, entry) in entries.iter().enumerate() {
            match entry {
                Entry::Order(order) => batch.orders.push(OrderEntry { at, order }),
                Entry::Unreadable(message) => batch.unreadables.push((at, message)),
            }
        }
        batch.check()?;
        Ok(batch)
    }

    fn check(&self) -> Result<(), LedgerError> {
        let (mut orders, mut bodies, mut keys) = (HashSet::new(), HashSet::new(), HashSet::new());
        for OrderEntry { order, .. } in &self.orders {
            if !orders.insert(&order.order_id) {
                return Err(LedgerError::Data(format!("order {} stands twice in one batch", order.order_id)));
            }
            if let Some(line) = bought_without_need(order) {
                return Err(LedgerError::Data(format!(
                    "line {} of order {} is to be bought, and nothing says at which price",
                    line.line_no.0, order.order_id
                )));
            }
            for (line, ids) in claims(order) {
                if ids.len() != line.quantity.as_usize() {
                    let (line_no, quantity) = (line.line_no.0, line.quantity.get());
                    return Err(LedgerError::Data(format!(
                        "line {line_no} of order {} wants {quantity} keys and claims {}",
                        order.order_id,
                        ids.len()
                    )));
                }
                if let Some(id) = ids.iter().find(|id| !keys.insert(**id)) {
                    return Err(LedgerError::Data(format!(
                        "key {id} is claimed twice in one batch, the second time by order {}",
                        order.order_id
                    )));
                }
            }
        }
        match self.unreadables.iter().find(|(_, message)| !bodies.insert(message.body_hash)) {
            Some((_, twice)) => {
                Err(LedgerError::Data(format!("the unreadable body {:?} stands twice in one batch", twice.body_hash)))
            }
            None => Ok(()),
        }
    }

    pub(super) fn any_expires(&self) -> bool {
        self.orders.iter().any(|entry| entry.order.expires_at.is_some())
    }

    /// Whether nothing is left to judge.
    pub(super) fn is_all_lost(&self, standings: &[Standing]) -> bool {
        self.unreadables.is_empty() && standings.iter().all(|standing| matches!(standing, Standing::Lost(_)))
    }

    /// The orders that this round tries to record, in the caller's order. `now` is there if any expires.
    pub(super) fn open(&self, standings: &[Standing], now: Option<Timestamp>) -> Vec<Open<'a>> {
        let open = self.orders.iter().enumerate().filter(|&(place, _)| standings[place] == Standing::Open);
        open.map(|(place, entry)| Open { place, effect: effect(entry.order, now) }).collect()
    }

    /// Every judgement in the caller's order.
    pub(super) fn answer(
        &self,
        judged: Vec<(usize, Judgement)>,
        standings: Vec<Standing>,
    ) -> Result<Vec<Judgement>, LedgerError> {
        let mut answers: Vec<Option<Judgement>> =
            std::iter::repeat_with(|| None).take(self.orders.len() + self.unreadables.len()).collect();
        for (at, judgement) in judged {
            answers[at] = Some(judgement);
        }
        for (entry, standing) in self.orders.iter().zip(standings) {
            if let Standing::Lost(gone) = standing {
                answers[entry.at] = Some(Judgement::Lost(gone));
            }
        }
        let all: Option<Vec<Judgement>> = answers.into_iter().collect();
        all.ok_or_else(|| {
            LedgerError::Broken(
                "an entry of a batch was left without a judgement: this is an error in the program".into(),
            )
        })
    }
}

/// The claimed lines of an order.
pub(super) fn claims(order: &ProposedOrder) -> impl Iterator<Item = (&ProposedLine, &[KeyId])> {
    let lines = match &order.proposal {
        Proposal::Fulfil(lines) => lines.as_slice(),
        Proposal::Refuse(_) => &[],
    };
    lines.iter().filter_map(|line| match &line.fill {
        Fill::Claimed(ids) => Some((line, ids.as_slice())),
        Fill::FromLedger | Fill::Bought | Fill::Refused(_) => None,
    })
}

fn bought_without_need(order: &ProposedOrder) -> Option<&ProposedLine> {
    match &order.proposal {
        Proposal::Fulfil(lines) => lines.iter().find(|line| line.fill == Fill::Bought && line.need.is_none()),
        Proposal::Refuse(_) => None,
    }
}

fn effect(order: &ProposedOrder, now: Option<Timestamp>) -> Effect<'_> {
    match (&order.proposal, order.expires_at, now) {
        (Proposal::Refuse(reason), _, _) => Effect::Refusal(reason.clone()),
        (Proposal::Fulfil(_), Some(expires_at), Some(now)) if expires_at <= now => Effect::Refusal(Reason::new(
            ReasonCode::Expired,
            format!("expires_at was {expires_at}; the order came to be judged at {now}"),
        )),
        (Proposal::Fulfil(lines), _, _) => Effect::Lines(lines),
    }
}
