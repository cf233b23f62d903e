//! Whose claims are whose, and who is alive by the server's clock.

use std::time::Duration;

use async_trait::async_trait;
use fulfil_contract::{
    ids::WorkerId,
    ports::stock::{StockClaims, StockError},
    stock::{Bucket, OpenClaim},
};
use redis::{Pipeline, Value, pipe};

use crate::{Redis, answers, keys, library::Function};

#[async_trait]
impl StockClaims for Redis {
    async fn beat(&self, worker: &WorkerId, ttl: Duration) -> Result<(), StockError> {
        let milliseconds = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut call = Function::Beat.on_key(&keys::heartbeat(&self.prefix, worker));
        call.arg(milliseconds);
        self.link.call(pipe().add_command(call)).await?;
        Ok(())
    }

    async fn living(&self, workers: &[WorkerId]) -> Result<Vec<bool>, StockError> {
        let mut commands = Pipeline::with_capacity(workers.len());
        for worker in workers {
            commands.cmd("EXISTS").arg(keys::heartbeat(&self.prefix, worker));
        }
        let answers = self.link.call(&commands).await?;
        let lives = |answer: &Value| match answer {
            Value::Int(count) => Ok(*count > 0),
            other => Err(answers::unexpected("EXISTS", other)),
        };
        answers.iter().map(lives).collect()
    }

    async fn open_claims(&self, bucket: &Bucket) -> Result<Vec<OpenClaim>, StockError> {
        let answers = self.link.call(pipe().cmd("HGETALL").arg(self.keys(bucket).claims)).await?;
        answers::open_claims(&answers)
    }
}
