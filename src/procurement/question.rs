//! Asking a supplier about an attempt. It buys nothing, and what it finds out is committed before anything else is
//! done with it.

use std::time::Duration;

use fulfil_contract::{
    attempt::{Attempt, AttemptState, Change},
    supplier::{Found, Sought},
};
use tokio::time::Instant;

use super::{
    pace, step,
    visit::{BrokenOff, Then, Visit, wait},
};
use crate::crash::{self, Point};

impl Visit<'_> {
    /// Asks the supplier about the open attempt.
    pub(super) async fn query(&mut self) -> Result<Then, BrokenOff> {
        let (Some(supply), Some(attempt)) = (self.supply(), self.open().cloned()) else { return Ok(Then::Step) };
        let permit = match supply.guarded.admit_query(Instant::now().into_std()) {
            Ok(permit) => permit,
            Err(closed) => return Ok(Then::Release(wait(closed.until, &closed.to_string()))),
        };
        let sought = Sought {
            reference: &attempt.reference,
            their_id: attempt.their_id.as_deref(),
            product: &attempt.product,
            quantity: attempt.quantity,
            recharge: self.procurement.need.recharge.is_some(),
        };
        let found = crash::after(Point::Queried, &self.procurement, supply.guarded.query(permit, sought)).await;
        match found {
            Found::Delivered { goods, their_id } => self.deliver(goods, their_id, 1).await,
            Found::Pending { their_id, so_far: _ } => {
                let mut change = Change::of(&attempt, AttemptState::Accepted).said("pending");
                change.their_id = their_id;
                change.queries = 1;
                change.not_founds = 0;
                self.change(&change).await?;
                Ok(Then::Release(self.wait_for_query("the supplier to deliver")))
            }
            Found::Refused(refusal) => self.refused(refusal, 1).await,
            Found::NotFound => self.not_found(&attempt).await,
            Found::Unclear { why } => {
                self.note(attempt.state, &why, None, 1).await?;
                Ok(Then::Release(self.wait_for_query("an answer about a purchase")))
            }
        }
    }

    /// A not-found counts once the purchase can't be on its way any more; one that is known to have been accepted
    /// and is not found is in doubt.
    async fn not_found(&mut self, attempt: &Attempt) -> Result<Then, BrokenOff> {
        let mut change = Change::of(attempt, AttemptState::Unknown).said("not found");
        change.queries = 1;
        let counts = step::counts(attempt, self.now());
        change.not_founds = attempt.not_founds + u32::from(counts);
        self.change(&change).await?;
        let first = !counts || change.not_founds == 1;
        if !first {
            return Ok(Then::Step);
        }
        let countable = pace::until_countable(attempt, self.now()).unwrap_or(Duration::ZERO);
        let dice = self.draining.dice();
        let pause =
            self.open().zip(self.supply()).map(|(attempt, supply)| pace::after_not_found(attempt, supply.poll, dice));
        let time = countable.max(pause.unwrap_or(pace::LONGEST));
        Ok(Then::Release(wait(time, "a not-found that counts")))
    }
}
