//! The port `Procurements`: each call is one transaction, within its limit.
//!
//! What holds here: locks are taken in one order (the order's row, the procurement's, the attempt's, its SKU's), so
//! nobody waits in a circle; every write names the lease's fence or the attempt's version; a call whose outcome was
//! lost finds what it did.

pub(crate) mod attempts;
mod deliver;
mod end;
mod fill;
pub(crate) mod goods;
mod late;
mod lease;
mod release;
mod rows;
pub(crate) mod waking;

use std::time::Duration;

use async_trait::async_trait;
use fulfil_contract::{
    attempt::{Attempt, AttemptId, Change, Intent},
    ids::WorkerId,
    ports::{
        ledger::LedgerError,
        procurements::{Limits, ProcurementError, Procurements, Woken},
    },
    procurement::{Late, Lease, Placed, Procurement, ProcurementCounts, Release, Released, SealedGoods},
    supplier::{About, SupplierName},
};

use self::goods::Stocked;
pub(crate) use self::{
    deliver::{mismatch, settle},
    end::{End, reopen},
    release::end_otherwise,
    rows::{ProcurementRow, with_order},
};
use crate::{
    Postgres,
    session::Call,
    transaction::{Halt, transact},
};

/// Why the rows do not allow what was asked.
#[derive(Debug)]
pub(crate) enum Refused {
    LeaseLost,
    Because(String),
}

impl Refused {
    pub(crate) fn because(why: impl Into<String>) -> Halt<Self> {
        Halt::Refused(Self::Because(why.into()))
    }
}

impl From<Refused> for ProcurementError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::LeaseLost => Self::LeaseLost,
            Refused::Because(why) => Self::Refused(why),
        }
    }
}

#[async_trait]
impl Procurements for Postgres {
    async fn lease(&self, worker: &WorkerId, most: u32, time: Duration) -> Result<Vec<Procurement>, LedgerError> {
        let call = Call::default();
        self.limited(&call, lease::lease(self, &call, worker, most, time)).await
    }

    async fn lease_over(
        &self,
        worker: &WorkerId,
        most: u32,
        time: Duration,
        line: Duration,
    ) -> Result<Vec<Procurement>, LedgerError> {
        let call = Call::default();
        self.limited(&call, lease::lease_over(self, &call, worker, most, (time, line))).await
    }

    async fn fill_waiting(&self, most: u32) -> Result<u32, LedgerError> {
        fill::fill_waiting(self, most).await
    }

    async fn intend(&self, lease: &Lease, intent: &Intent) -> Result<Attempt, ProcurementError> {
        let call = &Call::default();
        let work = transact!(self, call, |session| attempts::intend(session, lease, intent));
        Ok(self.limited(call, work).await??)
    }

    async fn change(&self, lease: &Lease, change: &Change, limits: Limits) -> Result<Attempt, ProcurementError> {
        let call = &Call::default();
        let work = transact!(self, call, |session| attempts::change(session, lease, change, limits));
        Ok(self.limited(call, work).await??)
    }

    async fn deliver(&self, lease: &Lease, change: &Change, goods: &SealedGoods) -> Result<Placed, ProcurementError> {
        let call = &Call::default();
        let work = transact!(self, call, |session| deliver::deliver(session, lease, change, goods));
        Ok(self.stocked(self.limited(call, work).await)??)
    }

    async fn deliver_late(
        &self,
        attempt: AttemptId,
        their_id: Option<&str>,
        goods: &SealedGoods,
    ) -> Result<Late, ProcurementError> {
        let call = &Call::default();
        let work = transact!(self, call, |session| late::deliver_late(session, attempt, their_id, goods));
        Ok(self.stocked(self.limited(call, work).await)??)
    }

    async fn release(&self, lease: &Lease, how: &Release) -> Result<Released, ProcurementError> {
        let call = &Call::default();
        let work = transact!(self, call, |session| release::release(self, session, lease, how));
        Ok(self.stocked(self.limited(call, work).await)??)
    }

    async fn wake(&self, supplier: &SupplierName, about: &About) -> Result<Option<Woken>, LedgerError> {
        let call = &Call::default();
        let work = transact!(self, call, |session| waking::wake(session, supplier, about));
        Ok(self.limited(call, work).await?.unwrap_or_else(|never| match never {}))
    }

    async fn counts(&self) -> Result<ProcurementCounts, LedgerError> {
        let call = Call::default();
        self.limited(&call, lease::counts(self, &call)).await
    }
}

impl Postgres {
    /// What takes remember ends where keys may have come into stock: after a failure too, it may have been
    /// committed all the same.
    pub(crate) fn stocked<T, E>(
        &self,
        outcome: Result<Result<(T, Option<Stocked>), E>, LedgerError>,
    ) -> Result<Result<T, E>, LedgerError> {
        match &outcome {
            Ok(Ok((_, stocked))) => self.take_memory.imported(stocked.iter().map(|stocked| stocked.sku_id)),
            Ok(Err(_)) => {}
            Err(_) => self.take_memory.forget(),
        }
        outcome.map(|inner| inner.map(|(value, _)| value))
    }
}
