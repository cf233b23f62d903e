//! The port `Ledger`: each call within its limit.

use async_trait::async_trait;
use fulfil_contract::{
    ids::{BodyHash, MerchantId, OrderId, Revision},
    ports::ledger::{Asked, Ledger, LedgerError, Tries},
    proposal::Entry,
    recorded::{Judgement, RecordedOrder},
};

use crate::{Postgres, announcement, known, record, session::Call, tries};

#[async_trait]
impl Tries for Postgres {
    async fn tries(&self, bodies: &[BodyHash]) -> Result<Vec<u32>, LedgerError> {
        let call = Call::default();
        self.limited(&call, tries::read(self, &call, bodies)).await
    }

    async fn count_tries(&self, bodies: &[BodyHash], number: u32) -> Result<(), LedgerError> {
        let call = Call::default();
        self.limited(&call, tries::count(self, &call, bodies, number)).await
    }

    async fn take_back_tries(&self, bodies: &[BodyHash], number: u32) -> Result<(), LedgerError> {
        let call = Call::default();
        self.limited(&call, tries::take_back(self, &call, bodies, number)).await
    }

    async fn forget_tries(&self, bodies: &[BodyHash]) -> Result<(), LedgerError> {
        let call = Call::default();
        self.limited(&call, tries::forget(self, &call, bodies)).await
    }
}

#[async_trait]
impl Ledger for Postgres {
    async fn record(&self, batch: &[Entry]) -> Result<Vec<Judgement>, LedgerError> {
        let call = Call::default();
        self.limited(&call, record::record(self, &call, batch)).await
    }

    async fn answer_known(&self, asked: &[Asked]) -> Result<Vec<Option<Judgement>>, LedgerError> {
        let call = Call::default();
        self.limited(&call, known::answer_known(self, &call, asked)).await
    }

    async fn owe(&self, results: &[(OrderId, Revision)]) -> Result<(), LedgerError> {
        let call = Call::default();
        self.limited(&call, announcement::owe(self, &call, results)).await
    }

    async fn owed(&self, most: u32, but_of: &[Option<MerchantId>]) -> Result<Vec<RecordedOrder>, LedgerError> {
        let call = Call::default();
        self.limited(&call, announcement::owed(self, &call, most, but_of)).await
    }

    async fn paid(&self, results: &[(OrderId, Revision)]) -> Result<(), LedgerError> {
        let call = Call::default();
        self.limited(&call, announcement::paid(self, &call, results)).await
    }
}
