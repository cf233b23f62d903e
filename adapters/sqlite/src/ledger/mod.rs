//! The ledger on tables. The writer's thread is the only one that writes, each job in a transaction, so
//! that what a job reads stays true until it commits; unique constraints and the state of rows judge all the
//! same.

pub(crate) mod announcements;
mod judge;
pub(crate) mod keys;
pub(crate) mod stored;
mod tries;

use async_trait::async_trait;
use fulfil_contract::{
    ids::{BodyHash, MerchantId, OrderId, Revision},
    ports::ledger::{Asked, Ledger, LedgerError, Tries},
    proposal::Entry,
    recorded::{Judgement, RecordedOrder},
    time::Timestamp,
};

use crate::open::Sqlite;

#[async_trait]
impl Tries for Sqlite {
    async fn tries(&self, bodies: &[BodyHash]) -> Result<Vec<u32>, LedgerError> {
        let bodies = bodies.to_vec();
        Ok(self.read(move |connection| tries::read(connection, &bodies)).await?)
    }

    async fn count_tries(&self, bodies: &[BodyHash], number: u32) -> Result<(), LedgerError> {
        let bodies = bodies.to_vec();
        Ok(self.write(move |connection| tries::count(connection, &bodies, number)).await?)
    }

    async fn take_back_tries(&self, bodies: &[BodyHash], number: u32) -> Result<(), LedgerError> {
        let bodies = bodies.to_vec();
        Ok(self.write(move |connection| tries::take_back(connection, &bodies, number)).await?)
    }

    async fn forget_tries(&self, bodies: &[BodyHash]) -> Result<(), LedgerError> {
        let bodies = bodies.to_vec();
        Ok(self.write(move |connection| tries::forget(connection, &bodies)).await?)
    }
}

#[async_trait]
impl Ledger for Sqlite {
    async fn record(&self, batch: &[Entry]) -> Result<Vec<Judgement>, LedgerError> {
        let batch = batch.to_vec();
        Ok(self.write(move |connection| judge::judge(connection, &batch, Timestamp::now())).await?)
    }

    async fn answer_known(&self, asked: &[Asked]) -> Result<Vec<Option<Judgement>>, LedgerError> {
        let asked = asked.to_vec();
        Ok(self
            .write(move |connection| {
                asked.iter().map(|asked| stored::known(connection, asked, Timestamp::now())).collect()
            })
            .await?)
    }

    async fn owe(&self, results: &[(OrderId, Revision)]) -> Result<(), LedgerError> {
        let results = results.to_vec();
        Ok(self.write(move |connection| announcements::owe(connection, &results)).await?)
    }

    async fn owed(&self, most: u32, but_of: &[Option<MerchantId>]) -> Result<Vec<RecordedOrder>, LedgerError> {
        let but_of = but_of.to_vec();
        Ok(self.read(move |connection| announcements::owed(connection, most, &but_of)).await?)
    }

    async fn paid(&self, results: &[(OrderId, Revision)]) -> Result<(), LedgerError> {
        let results = results.to_vec();
        Ok(self.write(move |connection| announcements::paid(connection, &results)).await?)
    }
}

#[cfg(test)]
mod tests {
    use fulfil_contract::{
        ports::{
            announcer::{Announcer, Destination, Publication},
            books::Books,
        },
        proposal::{Proposal, ProposedOrder},
        reason::{Reason, ReasonCode},
    };
    use tempfile::TempDir;

    use super::*;

    fn refused(id: &str) -> Entry {
        Entry::Order(ProposedOrder {
            order_id: OrderId::parse(id).unwrap(),
            merchant_id: None,
            body_hash: BodyHash::of(id.as_bytes()),
            expires_at: None,
            proposal: Proposal::Refuse(Reason::new(ReasonCode::InvalidOrder, "x".repeat(250))),
        })
    }

    /// To SQLite a limit of the file's pages is a full disk.
    async fn limit_pages(store: &Sqlite, pages: i64) {
        let set = move |connection: &rusqlite::Connection| {
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
            Ok(())
        };
        store.write(set).await.unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_loses_nothing_and_ends() {
        let folder = TempDir::new().unwrap();
        let store = Sqlite::open(folder.path()).unwrap();
        store.record(&[refused("before")]).await.unwrap();
        limit_pages(&store, 1).await;
        let batch: Vec<Entry> = (0..500).map(|number| refused(&format!("o-{number}"))).collect();
        let result = Publication {
            destination: Destination::Results,
            routing_key: "m.rejected".into(),
            kind: "order.result.v1",
            message_id: "before:1".into(),
            body: vec![b'x'; 100_000],
            reason: None,
        };
        for _ in 0..3 {
            let error = store.record(&batch).await.unwrap_err();
            assert!(matches!(&error, LedgerError::Unavailable(text) if text.contains("disk is full")), "{error:?}");
            let error = store.publish(vec![result.clone()]).await.unwrap_err().to_string();
            assert!(error.contains("disk is full"), "{error}");
            let error = store.inbox().ingest("file", vec![(1, vec![b'x'; 100_000])]).await.unwrap_err().to_string();
            assert!(error.contains("disk is full"), "{error}");
        }
        assert_eq!(store.balance().await.unwrap().orders, 1, "nothing of it was committed");
        limit_pages(&store, i64::from(u32::MAX) - 1).await;
        let judgements = store.record(&batch).await.unwrap();
        assert!(judgements.iter().all(|judgement| matches!(judgement, Judgement::New(_))));
        assert_eq!(store.balance().await.unwrap().orders, 501);
    }
}
