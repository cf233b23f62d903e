//! What is to be bought, as plain rows: who may work on it, what was tried, what is held.

use std::collections::BTreeMap;

use crate::{
    attempt::{Attempt, AttemptState, Change},
    ids::OrderId,
    procurement::{Lease, Procurement, ProcurementId},
    proposal::ProposedLine,
    recorded::LineOutcome,
};

/// Whether it may be leased now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Yes,
    /// Something woke it that may wake it.
    Perhaps,
    No,
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) order: OrderId,
    pub(super) line_no: u32,
    pub(super) sku: String,
    pub(super) quantity: usize,
    pub(super) recharge: bool,
    /// `None` while it is open. Ids of delivered keys are told with the order's result.
    pub(super) ended: Option<LineOutcome>,
    pub(super) due: Due,
    /// Of the last lease.
    pub(super) fence: u64,
    pub(super) is_leased: bool,
    /// The last lease was given back.
    pub(super) given_back: bool,
    /// Something woke it since it was leased.
    pub(super) woken: bool,
    pub(super) held: usize,
    pub(super) attempts: Vec<Attempt>,
}

impl Row {
    pub(super) fn open_attempt(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.state.is_open())
    }

    pub(super) fn holds(&self, lease: &Lease) -> bool {
        self.fence == lease.fence && !self.given_back && self.ended.is_none()
    }
}

#[derive(Debug, Default)]
pub(super) struct Bought {
    pub(super) rows: Vec<Row>,
    /// Every lease that was ever given, with its row.
    pub(super) leases: Vec<(Lease, usize)>,
    ids: BTreeMap<ProcurementId, usize>,
}

impl Bought {
    pub(super) fn made(&mut self, order: &OrderId, line: &ProposedLine) {
        self.rows.push(Row {
            order: order.clone(),
            line_no: line.line_no.0,
            sku: line.sku.as_str().to_owned(),
            quantity: line.quantity.as_usize(),
            recharge: line.need.as_ref().is_some_and(|need| need.recharge.is_some()),
            ended: None,
            due: Due::Yes,
            fence: 0,
            is_leased: false,
            given_back: false,
            woken: false,
            held: 0,
            attempts: Vec::new(),
        });
    }

    /// Procurements of this SKU that have no open attempt may be due now.
    pub(super) fn stock_came(&mut self, sku: &str) {
        let of = |row: &&mut Row| row.sku == sku && row.ended.is_none() && row.open_attempt().is_none();
        for row in self.rows.iter_mut().filter(of) {
            row.woken = true;
            if row.due == Due::No {
                row.due = Due::Perhaps;
            }
        }
    }

    /// How many can be leased now at the least, and at the most.
    pub(super) fn leasable(&self) -> (usize, usize) {
        let free = |due: &[Due]| {
            let rows = self.rows.iter();
            rows.filter(|row| row.ended.is_none() && !row.is_leased && due.contains(&row.due)).count()
        };
        (free(&[Due::Yes]), free(&[Due::Yes, Due::Perhaps]))
    }

    /// A lease that was given.
    ///
    /// # Errors
    /// It could not have been.
    pub(super) fn leased(&mut self, got: &Procurement, brief: bool) -> Result<(), String> {
        let at = self.rows.iter().position(|row| row.order == got.order_id && row.line_no == got.line_no.0);
        let at = at.ok_or_else(|| format!("leased is what nobody needs: {got:?}"))?;
        if *self.ids.entry(got.lease.procurement).or_insert(at) != at {
            return Err(format!("an id of two procurements: {got:?}"));
        }
        let row = &mut self.rows[at];
        let fits = row.ended.is_none()
            && !row.is_leased
            && row.due != Due::No
            && got.lease.fence > row.fence
            && got.sku.as_str() == row.sku
            && got.quantity.as_usize() == row.quantity
            && got.need.recharge.is_some() == row.recharge
            && got.held as usize == row.held
            && got.attempts == row.attempts;
        if !fits {
            return Err(format!("leased was {got:?}, the model has {row:?}"));
        }
        (row.fence, row.is_leased, row.given_back, row.woken) = (got.lease.fence, !brief, false, false);
        // What is leased stays due: if the lease lapses, another takes it.
        row.due = Due::Yes;
        self.leases.push((got.lease.clone(), at));
        Ok(())
    }
}

/// The attempt after a change that may be made.
pub(super) fn changed(attempt: &Attempt, change: &Change) -> Attempt {
    let sent = change.to == AttemptState::Sent;
    Attempt {
        state: change.to,
        version: attempt.version + 1,
        sends: attempt.sends + u32::from(sent),
        queries: attempt.queries + change.queries,
        not_founds: if sent { 0 } else { change.not_founds },
        their_id: change.their_id.clone().or_else(|| attempt.their_id.clone()),
        said: change.said.clone().or_else(|| attempt.said.clone()),
        refusal: change.refusal.or(attempt.refusal),
        ..attempt.clone()
    }
}
