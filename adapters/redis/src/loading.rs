//! The loader's side: what the ledger has becomes what buckets offer.

use std::collections::HashSet;

use async_trait::async_trait;
use fulfil_contract::{
    ids::KeyId,
    ports::stock::{StockError, StockLoading},
    stock::{Bucket, BucketState, Epoch, Load, Loaded, StockIdentity},
};
use redis::{Pipeline, pipe};

use crate::{Redis, answers, library, library::Function};

/// How many ids an audit reads at once: one page keeps the server busy for some milliseconds.
const PAGE: usize = 10_000;

#[async_trait]
impl StockLoading for Redis {
    async fn install(&self) -> Result<(), StockError> {
        library::install(&self.link).await
    }

    async fn identity(&self) -> Result<StockIdentity, StockError> {
        let mut commands = pipe();
        commands.cmd("INFO").arg("server").cmd("INFO").arg("replication");
        let answers = self.link.call(&commands).await?;
        let [run, replication] = answers::info(&answers, ["run_id", "master_replid"])?;
        Ok(StockIdentity(format!("{run}/{replication}")))
    }

    async fn states(&self, buckets: &[Bucket]) -> Result<Vec<BucketState>, StockError> {
        let mut commands = Pipeline::with_capacity(buckets.len());
        for bucket in buckets {
            commands.add_command(Function::State.on_bucket(&self.keys(bucket)));
        }
        self.link.call(&commands).await?.iter().map(answers::state).collect()
    }

    /// One whose answer was lost may have taken place; made again, it is refused then.
    async fn reset(&self, bucket: &Bucket, epoch: Epoch) -> Result<Loaded, StockError> {
        let mut call = Function::Reset.on_bucket(&self.keys(bucket));
        call.arg(epoch.0);
        answers::loaded(&self.link.call(pipe().add_command(call)).await?)
    }

    /// One whose answer was lost may have taken place; made again, it is refused then.
    async fn load(&self, load: &Load) -> Result<Loaded, StockError> {
        let mut call = Function::Load.on_bucket(&self.keys(&load.bucket));
        call.arg(load.epoch.0).arg(load.from.0).arg(load.to.0).arg(u8::from(load.complete));
        for id in &load.ids {
            call.arg(id.0);
        }
        answers::loaded(&self.link.call(pipe().add_command(call)).await?)
    }

    /// Read in pages, each within the time-out. An id that is offered throughout is told, once; of those that
    /// come or go meanwhile some are.
    async fn offered(&self, bucket: &Bucket) -> Result<Vec<KeyId>, StockError> {
        let key = self.keys(bucket).stock;
        let (mut pages, mut read) = (Vec::new(), 0);
        loop {
            // From the end, since claims take from the front. What a load appends meanwhile moves the pages
            // over ids that were read already, never past any.
            let (first, last) =
                (-i64::try_from(read + PAGE).unwrap_or(i64::MAX), -1 - i64::try_from(read).unwrap_or(0));
            let answers = self.link.call(pipe().cmd("LRANGE").arg(&key).arg(first).arg(last)).await?;
            let page = answers::page(&answers)?;
            let full = page.len() == PAGE;
            read += page.len();
            pages.push(page);
            if !full {
                break;
            }
        }
        let mut seen = HashSet::with_capacity(read);
        Ok(pages.into_iter().rev().flatten().filter(|id| seen.insert(*id)).collect())
    }
}
