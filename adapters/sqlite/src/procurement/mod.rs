//! What stock can't fill, on tables. Each call is one job of the writer: a call that is refused writes nothing,
//! and what it reads stays true until it commits.

mod attempt_rows;
mod attempts;
mod delivery;
mod ending;
mod late;
mod leasing;
pub(crate) mod making;
mod release;
mod rows;
pub(crate) mod wake;

use std::{sync::Arc, time::Duration};

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
    time::Timestamp,
};

pub(crate) use self::{
    attempt_rows::{find as find_attempt, of_procurement as attempts_of},
    attempts::write as write_change,
    delivery::{must_fit, place},
    ending::{open_again, outcomes},
    release::reject,
    rows::{Row, find},
};
use crate::open::Sqlite;

#[async_trait]
impl Procurements for Sqlite {
    async fn lease(&self, worker: &WorkerId, most: u32, time: Duration) -> Result<Vec<Procurement>, LedgerError> {
        let (worker, leases) = (worker.clone(), Arc::clone(self.leases()));
        let work = move |connection: &_| leasing::lease(connection, &leases, &worker, most, time, Timestamp::now());
        Ok(self.write(work).await?)
    }

    async fn lease_over(
        &self,
        worker: &WorkerId,
        most: u32,
        time: Duration,
        line: Duration,
    ) -> Result<Vec<Procurement>, LedgerError> {
        let (worker, leases, times) = (worker.clone(), Arc::clone(self.leases()), (time, line));
        let work =
            move |connection: &_| leasing::lease_over(connection, &leases, &worker, most, times, Timestamp::now());
        Ok(self.write(work).await?)
    }

    async fn fill_waiting(&self, most: u32) -> Result<u32, LedgerError> {
        let leases = Arc::clone(self.leases());
        let work = move |connection: &_| release::fill_waiting(connection, &leases, most, Timestamp::now());
        Ok(self.write(work).await?)
    }

    async fn intend(&self, lease: &Lease, intent: &Intent) -> Result<Attempt, ProcurementError> {
        let (lease, intent) = (lease.clone(), intent.clone());
        self.decide(move |connection| attempts::intend(connection, &lease, &intent, Timestamp::now())).await
    }

    async fn change(&self, lease: &Lease, change: &Change, limits: Limits) -> Result<Attempt, ProcurementError> {
        let (lease, change, leases) = (lease.clone(), change.clone(), Arc::clone(self.leases()));
        let work =
            move |connection: &_| attempts::change(connection, &leases, &lease, &change, limits, Timestamp::now());
        self.decide(work).await
    }

    async fn deliver(&self, lease: &Lease, change: &Change, goods: &SealedGoods) -> Result<Placed, ProcurementError> {
        let (lease, change, goods, leases) = (lease.clone(), change.clone(), goods.clone(), Arc::clone(self.leases()));
        let work =
            move |connection: &_| delivery::deliver(connection, &leases, &lease, &change, &goods, Timestamp::now());
        self.decide(work).await
    }

    async fn deliver_late(
        &self,
        attempt: AttemptId,
        their_id: Option<&str>,
        goods: &SealedGoods,
    ) -> Result<Late, ProcurementError> {
        let (their_id, goods, leases) = (their_id.map(str::to_owned), goods.clone(), Arc::clone(self.leases()));
        let work =
            move |connection: &_| late::deliver_late(connection, &leases, attempt, their_id, &goods, Timestamp::now());
        self.decide(work).await
    }

    async fn release(&self, lease: &Lease, release: &Release) -> Result<Released, ProcurementError> {
        let (lease, asked, leases) = (lease.clone(), release.clone(), Arc::clone(self.leases()));
        let work = move |connection: &_| release::release(connection, &leases, &lease, &asked, Timestamp::now());
        self.decide(work).await
    }

    async fn wake(&self, supplier: &SupplierName, about: &About) -> Result<Option<Woken>, LedgerError> {
        let (supplier, about) = (supplier.clone(), about.clone());
        Ok(self.write(move |connection| wake::about(connection, &supplier, &about, Timestamp::now())).await?)
    }

    async fn counts(&self) -> Result<ProcurementCounts, LedgerError> {
        let leases = Arc::clone(self.leases());
        Ok(self.read(move |connection| leasing::counts(connection, &leases, Timestamp::now())).await?)
    }
}
