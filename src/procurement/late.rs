//! Goods that are here, and whose lease was lost: the ledger was away for too long, or this process stood still. They
//! are paid for, and where a supplier can't be asked again they are nowhere else: the ledger judges by the attempt what
//! becomes of them.
//!
//! What holds here: as long as the process lives, goods in hand are not dropped.

use fulfil_contract::{
    attempt::Attempt,
    procurement::{Late, SealedGoods},
};

use super::visit::{BrokenOff, Then, Visit, again};
use crate::{
    crash::{self, Point},
    ops::procurement_metrics as metrics,
    patience::persist,
};

impl Visit<'_> {
    /// Has the ledger take goods without a lease. The procurement is another's, or has ended.
    pub(super) async fn deliver_late(
        &mut self,
        attempt: &Attempt,
        their_id: Option<&str>,
        goods: &SealedGoods,
    ) -> Result<Then, BrokenOff> {
        let ledger = &self.buyer.ledger;
        let take = || crash::after(Point::PlacedLate, attempt, ledger.deliver_late(attempt.id, their_id, goods));
        let late = persist("place bought goods that come late", &mut self.draining, again, take).await?;
        let (supplier, reference) = (&attempt.supplier, &attempt.reference);
        match late {
            Late::Placed(placed) => {
                metrics::placed(supplier, &placed);
                tracing::warn!(%supplier, %reference, ?placed, "goods were placed after their lease was lost");
                if placed.complete {
                    self.ended("delivered");
                    return Ok(Then::Whole);
                }
            }
            Late::Known => {
                tracing::info!(%supplier, %reference, "goods came after their lease was lost, and were placed before");
            }
            Late::Kept { stocked, apart } => {
                tracing::warn!(
                    %supplier,
                    %reference,
                    stocked,
                    apart,
                    "goods came after their attempt was settled otherwise; `fulfil review list` has it"
                );
            }
        }
        Ok(Then::Left)
    }
}
