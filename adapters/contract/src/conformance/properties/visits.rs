//! The steps that are made under a lease: intents, changes, goods, and how a lease is given back.

use std::time::Duration;

use super::{
    Mismatch,
    bought::{Due, Row, changed},
    failed,
    ledger_model::State,
    ledger_steps::{LAPSE, Visit, World, picked},
    must, same,
};
use crate::{
    attempt::{Attempt, AttemptState, Change},
    conformance::procurements::samples::*,
    ids::{KeyId, OrderId, Revision},
    ports::{
        books::{OrderFile, ProcurementState},
        procurements::ProcurementError,
    },
    procurement::{Lease, Placed, Release, Released, SealedGoods},
    reason::{Reason, ReasonCode},
    recorded::{LineOutcome, OrderStatus, RecordedOrder},
    supplier::About,
};

impl World<'_> {
    pub(super) async fn lease(&mut self, worker_no: usize, most: u32, brief: bool) -> Result<(), Mismatch> {
        let time = if brief { Duration::from_millis(1) } else { HOUR };
        let by = worker(&format!("w-{worker_no}"));
        let leased = self.backend.procurements().lease(&by, most, time).await.map_err(failed("lease"))?;
        let (least, at_most) = self.model.bought.leasable();
        let most = most as usize;
        let fits = (least.min(most)..=at_most.min(most)).contains(&leased.len());
        must(&format!("{least} to {at_most} are due, up to {most} asked for"), fits, &leased)?;
        for procurement in &leased {
            must("it is leased to who asked", procurement.lease.worker == by, procurement)?;
            self.model.bought.leased(procurement, brief)?;
        }
        if brief && !leased.is_empty() {
            tokio::time::sleep(LAPSE).await;
        }
        Ok(())
    }

    pub(super) async fn wake(&mut self, pick: usize) -> Result<(), Mismatch> {
        let bought = &mut self.model.bought;
        let all: Vec<(usize, Attempt)> = (0..bought.rows.len())
            .flat_map(|at| bought.rows[at].attempts.iter().map(move |attempt| (at, attempt.clone())))
            .collect();
        let Some((at, attempt)) = picked(&all, pick) else { return Ok(()) };
        let about = About::Reference(attempt.reference.clone());
        let woken = self.backend.procurements().wake(&attempt.supplier, &about).await.map_err(failed("wake"))?;
        let row = &mut bought.rows[*at];
        let told = woken.map(|woken| (woken.attempt, woken.sku.as_str().to_owned(), woken.recharge));
        same("who is woken", &told, &Some((attempt.clone(), row.sku.clone(), row.recharge)))?;
        if row.ended.is_none() && attempt.state.is_open() {
            row.woken = true;
            row.due = Due::Yes;
        }
        Ok(())
    }

    pub(super) async fn visit(&mut self, pick: usize, does: &Visit) -> Result<(), Mismatch> {
        let leases = &self.model.bought.leases;
        let Some(last) = leases.len().checked_sub(1) else { return Ok(()) };
        let (lease, at) = leases[last - pick.min(last)].clone();
        let row = &self.model.bought.rows[at];
        if !row.holds(&lease) {
            // What was given back, and taken by nobody since, is the fence's all the same.
            let others = row.fence != lease.fence;
            return if others || row.ended.is_some() { self.in_vain(&lease, others).await } else { Ok(()) };
        }
        match does {
            Visit::Intend { again, quantity } => self.intend(&lease, at, *again, *quantity).await,
            Visit::Change { to, stale } => self.change(&lease, at, *to, *stale).await,
            Visit::Buy { quantity, told } => {
                if self.model.bought.rows[at].open_attempt().is_none() {
                    self.intend(&lease, at, false, *quantity).await?;
                }
                self.change(&lease, at, AttemptState::Sent, false).await?;
                self.deliver(&lease, at, told, false).await
            }
            Visit::Deliver { told, of_the_other_kind } => self.deliver(&lease, at, told, *of_the_other_kind).await,
            Visit::Wait { long } => {
                let time = if *long { HOUR } else { Duration::ZERO };
                let released = self.release(&lease, wait(time)).await?;
                self.waits(at, &released, *long)
            }
            Visit::FromStock => self.fill(&lease, at).await,
            Visit::Reject => self.reject(&lease, at).await,
        }
    }

    /// Under a lease that is over nothing is done.
    async fn in_vain(&mut self, lease: &Lease, others: bool) -> Result<(), Mismatch> {
        self.references += 1;
        let intent = intent(&format!("{}", self.references), 1);
        let answer = self.backend.procurements().intend(lease, &intent).await;
        must("an intent under a lease that is over", answer.is_err(), &answer)?;
        if others {
            let answer = self.backend.procurements().release(lease, &wait(HOUR)).await;
            must("another has it", matches!(answer, Err(ProcurementError::LeaseLost)), &answer)?;
        }
        Ok(())
    }

    async fn intend(&mut self, lease: &Lease, at: usize, again: bool, count: usize) -> Result<(), Mismatch> {
        let row = &mut self.model.bought.rows[at];
        let count = if row.recharge { 1 } else { count };
        let earlier = row.attempts.last().filter(|_| again).cloned();
        let mut intent = intent(&format!("{}", self.references + 1), count);
        match &earlier {
            Some(earlier) => intent.reference = earlier.reference.clone(),
            None => self.references += 1,
        }
        let answer = self.backend.procurements().intend(lease, &intent).await;
        match (earlier, row.open_attempt().is_some(), answer) {
            (Some(earlier), _, Ok(attempt)) => same("an intent made again", &attempt, &earlier),
            (None, true, Err(ProcurementError::Refused(_))) => Ok(()),
            (None, false, Ok(attempt)) => {
                let fits = attempt.state == AttemptState::Intended
                    && (attempt.sends, attempt.queries, attempt.not_founds) == (0, 0, 0)
                    && (&attempt.reference, attempt.quantity) == (&intent.reference, intent.quantity)
                    && (attempt.unit_price, &attempt.product) == (intent.unit_price, &intent.product);
                must("an intent", fits, &attempt)?;
                row.attempts.push(attempt);
                Ok(())
            }
            (earlier, open, answer) => Err(format!("an intent, earlier {earlier:?}, another open: {open}: {answer:?}")),
        }
    }

    /// Of the newest attempt.
    async fn change(&mut self, lease: &Lease, at: usize, to: AttemptState, stale: bool) -> Result<(), Mismatch> {
        let row = &mut self.model.bought.rows[at];
        let Some(attempt) = row.attempts.last_mut() else { return Ok(()) };
        let mut change = Change { queries: 1, not_founds: attempt.not_founds + 1, ..Change::of(attempt, to) };
        if stale {
            change.version = change.version.saturating_sub(1);
        }
        let made = attempt.state == to && attempt.version == change.version + 1;
        let allowed = attempt.version == change.version && attempt.state.may_become(to);
        let answer = self.backend.procurements().change(lease, &change, LIMITS).await;
        match answer {
            Ok(_) if to == AttemptState::Delivered => Err("delivered without goods".into()),
            Ok(told) if made => same("a change made again", &told, attempt),
            Ok(told) if allowed => {
                let mut model = changed(attempt, &change);
                if to == AttemptState::Sent {
                    must("when it was sent", told.sent_at.is_some() && told.countable_from > told.sent_at, &told)?;
                    (model.sent_at, model.countable_from) = (told.sent_at, told.countable_from);
                    row.is_leased = true;
                }
                same("a change", &told, &model)?;
                *attempt = told;
                Ok(())
            }
            Err(ProcurementError::Refused(_)) if to == AttemptState::Delivered || !(made || allowed) => Ok(()),
            answer => Err(format!("a change to {to:?} of {attempt:?}: the backend says {answer:?}")),
        }
    }

    async fn deliver(&mut self, lease: &Lease, at: usize, told: &[usize], other: bool) -> Result<(), Mismatch> {
        let row = &self.model.bought.rows[at];
        let Some(attempt) = row.attempts.last().cloned() else { return Ok(()) };
        let (sku, recharge) = (row.sku.clone(), row.recharge);
        let goods = if recharge == other {
            SealedGoods::Keys(told.iter().map(|number| bought_key(&sku, *number)).collect())
        } else {
            SealedGoods::Recharge { receipt: Some("R-7".into()) }
        };
        let change = Change::of(&attempt, AttemptState::Delivered);
        let answer = self.backend.procurements().deliver(lease, &change, &goods).await;
        let allowed = attempt.state.may_become(AttemptState::Delivered) && !other;
        let placed = match answer {
            Ok(placed) if allowed => placed,
            Err(ProcurementError::Refused(_)) if !allowed => return Ok(()),
            answer => return Err(format!("goods, allowed: {allowed}: the backend says {answer:?}")),
        };
        let model = self.placed(at, &attempt, told);
        same("what was placed", &placed, &model)?;
        let row = &mut self.model.bought.rows[at];
        if let Some(attempt) = row.attempts.last_mut() {
            *attempt = changed(attempt, &change);
        }
        let again = self.backend.procurements().deliver(lease, &change, &goods).await;
        must("the same goods again", matches!(&again, Ok(again) if *again == placed), &again)?;
        self.new_in_stock(&sku, placed.surplus as usize).await?;
        if placed.complete {
            let outcome = match goods {
                SealedGoods::Keys(_) => LineOutcome::Delivered(Vec::new()),
                SealedGoods::Recharge { receipt } => LineOutcome::Recharged { receipt },
            };
            self.end(at, outcome).await?;
        }
        Ok(())
    }

    /// What has to come of goods.
    fn placed(&mut self, at: usize, attempt: &Attempt, told: &[usize]) -> Placed {
        let row = &mut self.model.bought.rows[at];
        if row.recharge {
            return Placed { complete: true, known: 0, surplus: 0, missing: 0 };
        }
        let fresh = told.iter().filter(|number| self.model.known.insert((row.sku.clone(), **number))).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (all, wanted) = (row.held + fresh, row.quantity);
        let complete = all >= wanted;
        let surplus = if complete { count(all - wanted) } else { 0 };
        row.held = if complete { 0 } else { all };
        if complete {
            self.model.sold_untold += wanted as u64;
            self.model.skus.insert(row.sku.clone());
        }
        let missing = attempt.quantity.get().saturating_sub(count(fresh));
        Placed { complete, known: count(told.len() - fresh), surplus, missing }
    }

    async fn fill(&mut self, lease: &Lease, at: usize) -> Result<(), Mismatch> {
        let row = &self.model.bought.rows[at];
        let (sku, wanted, held) = (row.sku.clone(), row.quantity, row.held);
        let answer = self.backend.procurements().release(lease, &from_stock(HOUR)).await;
        if row.recharge || row.open_attempt().is_some() {
            must("stock is in no question", matches!(answer, Err(ProcurementError::Refused(_))), &answer)?;
            return Ok(());
        }
        let before: Vec<KeyId> = self.model.available(&sku).collect();
        let released = answer.map_err(failed("release"))?;
        if before.len() < wanted {
            return self.waits(at, &released, true);
        }
        same("a line that stock fills", &released, &Released::Filled)?;
        self.new_in_stock(&sku, held).await?;
        let balance = self.backend.books().balance().await.map_err(failed("balance"))?;
        let now = |id: &KeyId| balance.available_ids.contains(id);
        let sold: Vec<KeyId> = self.model.available(&sku).filter(|id| !now(id)).collect();
        same("as many as the line wants", &sold.len(), &wanted)?;
        if held == 0 {
            same("the highest", &sold, &before[before.len() - wanted..].to_vec())?;
        }
        let keys = sold.into_iter().map(|id| {
            self.model.set(id, State::Sold);
            crate::recorded::DeliveredKey { id, sealed: self.model.keys[&id].sealed.clone() }
        });
        let outcome = LineOutcome::Delivered(keys.collect());
        self.model.bought.rows[at].held = 0;
        self.end(at, outcome).await
    }

    async fn reject(&mut self, lease: &Lease, at: usize) -> Result<(), Mismatch> {
        let reason = Reason::new(ReasonCode::SuppliersRefused, "every supplier gave a final no");
        let answer = self.backend.procurements().release(lease, &Release::Reject(reason.clone())).await;
        let row = &mut self.model.bought.rows[at];
        if row.open_attempt().is_some() {
            return must("an open attempt", matches!(answer, Err(ProcurementError::Refused(_))), &answer);
        }
        same("a line that fails", &answer.map_err(failed("release"))?, &Released::Rejected)?;
        let (sku, held) = (row.sku.clone(), std::mem::take(&mut row.held));
        self.new_in_stock(&sku, held).await?;
        self.end(at, LineOutcome::Rejected(reason)).await
    }

    async fn release(&self, lease: &Lease, release: Release) -> Result<Released, Mismatch> {
        self.backend.procurements().release(lease, &release).await.map_err(failed("release"))
    }

    fn waits(&mut self, at: usize, released: &Released, long: bool) -> Result<(), Mismatch> {
        same("it waits", released, &Released::Waiting)?;
        let row = &mut self.model.bought.rows[at];
        row.due = match (long, row.woken) {
            (false, _) => Due::Yes,
            (true, true) => Due::Perhaps,
            (true, false) => Due::No,
        };
        (row.is_leased, row.given_back) = (false, true);
        Ok(())
    }

    /// So many keys of a SKU came into stock just now.
    async fn new_in_stock(&mut self, sku: &str, count: usize) -> Result<(), Mismatch> {
        if count == 0 {
            return Ok(());
        }
        let balance = self.backend.books().balance().await.map_err(failed("balance"))?;
        let new: Vec<KeyId> =
            balance.available_ids.into_iter().filter(|id| !self.model.keys.contains_key(id)).collect();
        same("what came into stock", &new.len(), &count)?;
        for id in new {
            // Its sealed bytes are seen when it is sold.
            self.model.put(id, sku, crate::ids::SealedKey(Vec::new()))?;
        }
        self.model.bought.stock_came(sku);
        Ok(())
    }

    /// A procurement has ended; if it was its order's last, the order is decided.
    async fn end(&mut self, at: usize, outcome: LineOutcome) -> Result<(), Mismatch> {
        let row = &mut self.model.bought.rows[at];
        (row.ended, row.is_leased) = (Some(outcome), false);
        let id = row.order.clone();
        let file = self.file_of(&id).await?;
        let open = self.model.bought.rows.iter().any(|row| row.order == id && row.ended.is_none());
        if open {
            return same("an order with an open line", &file.order, &self.model.orders[&id]);
        }
        self.decided(&id, file.order).await
    }

    async fn decided(&mut self, id: &OrderId, told: RecordedOrder) -> Result<(), Mismatch> {
        let before = &self.model.orders[id];
        let mut model =
            RecordedOrder { revision: Revision(before.revision.0 + 1), decided_at: told.decided_at, ..before.clone() };
        must("a result for each line", told.lines.len() == model.lines.len(), &told)?;
        for (line, seen) in model.lines.iter_mut().zip(&told.lines) {
            let rows = &self.model.bought.rows;
            let Some(row) = rows.iter().find(|row| row.order == *id && row.line_no == line.line_no.0) else { continue };
            line.outcome = row.ended.clone().unwrap_or(LineOutcome::Processing);
            // Bought keys are told now.
            if let (LineOutcome::Delivered(own), LineOutcome::Delivered(keys)) = (&mut line.outcome, &seen.outcome)
                && own.is_empty()
            {
                let fits = keys.len() == row.quantity && keys.iter().all(|key| !self.model.keys.contains_key(&key.id));
                must("keys that were bought", fits, keys)?;
                self.model.sold_untold -= keys.len() as u64;
                own.clone_from(keys);
            }
        }
        model.status = OrderStatus::of_lines(model.lines.iter().map(|line| &line.outcome));
        let first = model.lines.iter().find_map(|line| line.outcome.reason().cloned());
        model.reason = first.filter(|_| model.status == OrderStatus::Rejected);
        self.model.learn_sealed(&told, &mut model)?;
        same("a decided order", &told, &model)?;
        for line in &told.lines {
            if let LineOutcome::Delivered(keys) = &line.outcome {
                for key in keys {
                    let sku = line.sku.as_str().to_owned();
                    let sold = super::ledger_model::Key { sku, sealed: key.sealed.clone(), state: State::Sold };
                    self.model.keys.insert(key.id, sold);
                }
            }
        }
        self.model.orders.insert(id.clone(), told.clone());
        self.model.owed.push(told);
        self.compare_owed().await
    }

    /// The procurements in an order's file.
    pub(super) fn compare_bought(&self, file: &OrderFile) -> Result<(), Mismatch> {
        let id = &file.order.order_id;
        let of = |row: &&Row| row.order == *id;
        let rows: Vec<&Row> = self.model.bought.rows.iter().filter(of).collect();
        same("procurements", &file.procurements.len(), &rows.len())?;
        for (told, row) in file.procurements.iter().zip(rows) {
            let state = match &row.ended {
                None => ProcurementState::Open,
                Some(LineOutcome::Rejected(_)) => ProcurementState::Rejected,
                Some(_) => ProcurementState::Delivered,
            };
            same("a procurement", &(told.line_no.0, told.state), &(row.line_no, state))?;
            same("its attempts", &told.attempts, &row.attempts)?;
        }
        Ok(())
    }
}
