//! The sources' suite over a data folder's inbox.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use fulfil_contract::{conformance::source::SourceBench, ports::source::Sources};
use fulfil_sqlite::Sqlite;
use tempfile::TempDir;

fulfil_contract::source_suite!(fresh);

struct Bench {
    store: Sqlite,
    lines: AtomicU64,
    _folder: TempDir,
}

async fn fresh() -> Bench {
    let folder = TempDir::new().unwrap();
    Bench { store: Sqlite::open(folder.path()).unwrap(), lines: AtomicU64::new(0), _folder: folder }
}

#[async_trait]
impl SourceBench for Bench {
    fn sources(&self) -> &dyn Sources {
        &self.store
    }

    async fn enqueue(&self, lane: u16, bodies: Vec<Vec<u8>>) {
        assert_eq!(lane, 0, "a data folder has one lane");
        let lines: Vec<_> = bodies.into_iter().map(|body| (self.lines.fetch_add(1, Ordering::Relaxed), body)).collect();
        let count = lines.len() as u64;
        assert_eq!(self.store.inbox().ingest("suite", lines).await.unwrap(), count);
    }
}
