//! What ends procurements without any supplier: their time is over, or stock fills them.

use std::time::Duration;

use fulfil_contract::{
    ids::WorkerId,
    procurement::{Procurement, ProcurementId},
    recorded::LineOutcome,
};

use super::ProcurementRow;
use crate::{Moment, ledger::Tables, micros};

impl Tables {
    pub(super) fn lease_over(
        &mut self,
        worker: &WorkerId,
        most: u32,
        time: Duration,
        line: Duration,
        at: Moment,
    ) -> Vec<Procurement> {
        let over = |id: ProcurementId, row: &ProcurementRow| {
            let expired = row.expires_at.is_some_and(|expires_at| expires_at <= at.time);
            row.made_at.0.saturating_add(micros(line)) <= at.time.0 || expired && self.open_attempt(id).is_none()
        };
        let free = self.procurements.iter().filter(|(_, row)| row.is_open() && !row.is_leased(at));
        let ids: Vec<_> = free.filter(|(id, row)| over(**id, row)).map(|(id, _)| *id).take(most as usize).collect();
        ids.into_iter().filter_map(|id| self.take_lease(id, worker, time, at)).collect()
    }

    pub(super) fn fill_waiting(&mut self, most: u32, at: Moment) -> u32 {
        let waits = |row: &ProcurementRow| row.is_open() && !row.is_leased(at) && row.need.recharge.is_none();
        let ids: Vec<_> = self.procurements.iter().filter(|(_, row)| waits(row)).map(|(id, _)| *id).collect();
        let mut filled = 0;
        for id in ids {
            if filled == most {
                break;
            }
            if self.open_attempt(id).is_some() {
                continue;
            }
            let Some(keys) = self.take_for(id, at) else { continue };
            if let Some(row) = self.procurements.get_mut(&id) {
                (row.outcome, row.worker) = (LineOutcome::Delivered(keys), None);
            }
            self.stock_held(id, at);
            self.decide(id, at);
            filled += 1;
        }
        filled
    }
}
