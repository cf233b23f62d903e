//! The announcers' suite over a data folder's results and dead letters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use async_trait::async_trait;
use fulfil_contract::{
    conformance::announcer::{AnnouncerBench, Read},
    ports::announcer::{Announcer, Destination},
};
use fulfil_sqlite::{Announced, Sqlite};
use tempfile::TempDir;

fulfil_contract::announcer_suite!(fresh);

struct Bench {
    store: Sqlite,
    _folder: TempDir,
}

async fn fresh() -> Bench {
    let folder = TempDir::new().unwrap();
    Bench { store: Sqlite::open(folder.path()).unwrap(), _folder: folder }
}

#[async_trait]
impl AnnouncerBench for Bench {
    fn announcer(&self) -> &dyn Announcer {
        &self.store
    }

    async fn read_until(&self, _enough: &(dyn Fn(&[Read]) -> bool + Sync)) -> Vec<Read> {
        let mut reads = Vec::new();
        // In pages, as a tail reads.
        let mut after = 0;
        loop {
            let page = self.store.results(after, 300).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.number;
            reads.extend(page.into_iter().map(|announced| read(Destination::Results, announced)));
        }
        let dead = self.store.dead_letters(0, u32::MAX).await.unwrap();
        reads.extend(dead.into_iter().map(|announced| read(Destination::DeadLetters, announced)));
        reads
    }
}

fn read(destination: Destination, announced: Announced) -> Read {
    let Announced { message_id, routing_key, kind, body, reason, .. } = announced;
    Read { destination, routing_key, kind, message_id, body, reason }
}
