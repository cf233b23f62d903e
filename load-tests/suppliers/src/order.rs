//! An order that was bought, and where it stands.

use std::time::Instant;

use crate::{
    fate::Course,
    journal::{Key, Lie},
    shelf::Goods,
};

#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// The supplier's number of it.
    pub(crate) number: u64,
    pub(crate) reference: String,
    pub(crate) product: String,
    pub(crate) goods: Goods,
    pub(crate) quantity: u32,
    pub(crate) account: Option<String>,
    pub(crate) unit_price: u64,
    pub(crate) charged: u64,
    pub(crate) paid_back: u64,
    pub(crate) keys: Vec<Key>,
    /// The keys that are told from the second time on, where that is the lie.
    pub(crate) other_keys: Vec<Key>,
    pub(crate) lie: Option<Lie>,
    pub(crate) course: Course,
    pub(crate) queries: u32,
    pub(crate) told: u32,
    pub(crate) closed: bool,
    pub(crate) made: Instant,
    pub(crate) made_us: u64,
    pub(crate) callback_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Pending,
    Done,
    WithoutKeys,
    Cancelled,
    Refunded,
    RefundedInPart,
}

impl Order {
    pub(crate) fn stage(&self) -> Stage {
        let pending_until = |done: bool| if done { Stage::Done } else { Stage::Pending };
        if self.closed {
            return Stage::Cancelled;
        }
        match self.course {
            Course::Done => Stage::Done,
            Course::PendingQueries(queries) => pending_until(self.queries >= queries),
            Course::PendingTime(time) => pending_until(self.made.elapsed() >= time),
            Course::PendingForEver => Stage::Pending,
            Course::WithoutKeys => Stage::WithoutKeys,
            Course::Cancelled => Stage::Cancelled,
            Course::Refunded => Stage::Refunded,
            Course::RefundedInPart => Stage::RefundedInPart,
        }
    }

    pub(crate) fn is_top_up(&self) -> bool {
        self.goods == Goods::TopUp
    }

    /// The keys that can be read at this stage.
    pub(crate) fn readable(&self) -> &[Key] {
        let keys = if self.told > 1 && !self.other_keys.is_empty() { &self.other_keys } else { &self.keys };
        match self.stage() {
            Stage::Done => keys,
            Stage::Pending => match self.course {
                // Half of them come early.
                Course::PendingQueries(_) | Course::PendingTime(_) => &keys[..keys.len() / 2],
                Course::Done
                | Course::PendingForEver
                | Course::WithoutKeys
                | Course::Cancelled
                | Course::Refunded
                | Course::RefundedInPart => &[],
            },
            Stage::RefundedInPart => &keys[..keys.len() / 2],
            Stage::WithoutKeys | Stage::Cancelled | Stage::Refunded => &[],
        }
    }
}

/// Keys as most protocols write them: one a line, number and password with a space between.
pub(crate) fn lines(keys: &[Key]) -> String {
    let line = |key: &Key| match &key.number {
        Some(number) => format!("{number} {}", key.secret),
        None => key.secret.clone(),
    };
    keys.iter().map(line).collect::<Vec<_>>().join("\n")
}
