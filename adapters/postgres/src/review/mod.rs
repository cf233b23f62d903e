//! The port `Reviews`: what people are asked, and what they decide.

mod resolve;
mod rows;

use async_trait::async_trait;
use fulfil_contract::{
    attempt::AttemptId,
    ids::Fingerprint,
    ports::{
        ledger::LedgerError,
        procurements::{ResolveError, Reviews},
    },
    procurement::{Resolution, Review, ReviewCase, ReviewId},
};

pub(crate) use self::rows::{open_for, settle_for};
use crate::{Postgres, session::Call, transaction::transact};

#[async_trait]
impl Reviews for Postgres {
    async fn reviews(&self, all: bool, after: ReviewId, most: u32) -> Result<Vec<Review>, LedgerError> {
        let call = Call::default();
        self.limited(&call, rows::reviews(self, &call, all, after, most)).await
    }

    async fn open_review(&self, attempt: AttemptId, case: &ReviewCase) -> Result<ReviewId, LedgerError> {
        let call = &Call::default();
        let work = transact!(self, call, |session| rows::open_on(session, attempt, case));
        Ok(self.limited(call, work).await?.unwrap_or_else(|never| match never {}))
    }

    async fn resolve(&self, review: ReviewId, resolution: &Resolution, reason: &str) -> Result<(), ResolveError> {
        let call = &Call::default();
        let work = transact!(self, call, |session| resolve::resolve(session, review, resolution, reason));
        Ok(self.stocked(self.limited(call, work).await)??)
    }

    async fn told_keys(&self, attempt: AttemptId) -> Result<Vec<Fingerprint>, LedgerError> {
        let call = Call::default();
        self.limited(&call, rows::told_keys(self, &call, attempt)).await
    }
}
