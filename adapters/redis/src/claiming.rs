//! The order's way: claims and settles of a batch in one round trip.

use std::collections::HashMap;

use async_trait::async_trait;
use fulfil_contract::{
    ports::stock::{Stock, StockError},
    stock::{Bucket, ClaimAnswer, ClaimRequest, GoBack, Settle},
};
use redis::{Cmd, Pipeline};

use crate::{Redis, answers, library::Function};

#[async_trait]
impl Stock for Redis {
    /// When one bucket's call fails, the others' answers are not told. What they took stays under the same
    /// claims, so the call can be made again.
    async fn claim(&self, settles: &[Settle], claims: &[ClaimRequest]) -> Result<Vec<ClaimAnswer>, StockError> {
        let mut riding = by_bucket(settles);
        let claims: Vec<_> = claims.iter().map(|claim| (claim, riding.remove(&claim.bucket))).collect();
        let mut commands = Pipeline::with_capacity(claims.len() + riding.len());
        self.add_settles(riding, &mut commands);
        let settled = commands.len();
        for (request, settles) in claims {
            let mut call = Function::Claim.on_bucket(&self.keys(&request.bucket));
            call.arg(request.epoch.0).arg(request.claim.to_string()).arg(request.most);
            for settle in settles.into_iter().flatten() {
                add(settle, &mut call);
            }
            commands.add_command(call);
        }
        let answers = self.link.call(&commands).await?;
        answers[settled..].iter().map(answers::claim).collect()
    }

    async fn settle(&self, settles: &[Settle]) -> Result<(), StockError> {
        let mut commands = Pipeline::new();
        self.add_settles(by_bucket(settles), &mut commands);
        self.link.call(&commands).await?;
        Ok(())
    }
}

impl Redis {
    /// One call per bucket.
    fn add_settles(&self, settles: HashMap<&Bucket, Vec<&Settle>>, commands: &mut Pipeline) {
        for (bucket, settles) in settles {
            let mut call = Function::Settle.on_bucket(&self.keys(bucket));
            for settle in settles {
                add(settle, &mut call);
            }
            commands.add_command(call);
        }
    }
}

/// In their order within each bucket.
fn by_bucket(settles: &[Settle]) -> HashMap<&Bucket, Vec<&Settle>> {
    let mut buckets = HashMap::<_, Vec<_>>::with_capacity(settles.len());
    for settle in settles {
        buckets.entry(&settle.bucket).or_default().push(settle);
    }
    buckets
}

fn add(settle: &Settle, call: &mut Cmd) {
    call.arg(settle.epoch.0).arg(settle.claim.to_string());
    match &settle.back {
        GoBack::These(ids) => call.arg(answers::joined(ids)),
        GoBack::All => call.arg("*"),
    };
}
