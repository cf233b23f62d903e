//! Every port's suite over the backend in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use fulfil_contract::{
    conformance::{
        announcer::{AnnouncerBench, Read, read_from},
        procurements::samples::SlowLaneBackend,
        samples::LedgerBackend,
        source::SourceBench,
    },
    ids::KeyId,
    ports::{
        announcer::Announcer,
        books::Books,
        ledger::Ledger,
        procurements::{Procurements, Reviews},
        source::Sources,
        stock_ledger::StockLedger,
    },
};
use fulfil_memory::{Fault, Memory};

mod ledger {
    fulfil_contract::ledger_suite!(super::fresh);
}
mod stock_ledger {
    fulfil_contract::stock_ledger_suite!(super::fresh);
}
mod books {
    fulfil_contract::books_suite!(super::fresh);
}
mod procurements {
    fulfil_contract::procurements_suite!(super::fresh);
}
mod stock {
    fulfil_contract::stock_suite!(super::fresh_stock);
}
mod source {
    fulfil_contract::source_suite!(super::fresh);
}
mod announcer {
    fulfil_contract::announcer_suite!(super::fresh);
}

struct Backend(Memory);

/// Calls let others go first, more or less often: nothing is settled by never giving way.
fn lingering() -> Memory {
    let memory = Memory::new(3);
    let calls = AtomicU32::new(0);
    memory.disturb(move |_| Fault::Yield(calls.fetch_add(1, Ordering::Relaxed) % 4));
    memory
}

async fn fresh() -> Backend {
    Backend(lingering())
}

async fn fresh_stock() -> (Memory, ()) {
    (lingering(), ())
}

#[async_trait]
impl LedgerBackend for Backend {
    fn ledger(&self) -> &dyn Ledger {
        &self.0
    }

    fn stock_ledger(&self) -> &dyn StockLedger {
        &self.0
    }

    fn books(&self) -> &dyn Books {
        &self.0
    }

    async fn quarantine(&self, id: KeyId) {
        assert!(self.0.quarantine(id));
    }

    async fn age_epochs(&self, by: Duration) {
        self.0.age_epochs(by);
    }
}

#[async_trait]
impl SlowLaneBackend for Backend {
    fn procurements(&self) -> &dyn Procurements {
        &self.0
    }

    fn reviews(&self) -> &dyn Reviews {
        &self.0
    }
}

#[async_trait]
impl SourceBench for Backend {
    fn sources(&self) -> &dyn Sources {
        &self.0
    }

    async fn enqueue(&self, lane: u16, bodies: Vec<Vec<u8>>) {
        bodies.into_iter().for_each(|body| self.0.enqueue(lane, body, None));
    }
}

#[async_trait]
impl AnnouncerBench for Backend {
    fn announcer(&self) -> &dyn Announcer {
        &self.0
    }

    async fn read_until(&self, _enough: &(dyn Fn(&[Read]) -> bool + Sync)) -> Vec<Read> {
        let read = |publication: fulfil_contract::ports::announcer::Publication| Read {
            destination: read_from(&publication),
            routing_key: publication.routing_key,
            kind: publication.kind.to_owned(),
            message_id: publication.message_id,
            body: publication.body,
            reason: publication.reason,
        };
        self.0.announced().into_iter().map(read).collect()
    }
}
