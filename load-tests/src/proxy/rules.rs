//! Which moments are struck, and how: a function of the seed and of the moment's number.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::sync::watch;

use super::{Plan, wire::Moment};
use crate::seed::{Random, mixed};

/// What a proxy does to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Postgres: COMMIT is passed on, and its answer lost.
    CommitAnswerLost,
    /// Postgres: cut before COMMIT is passed on.
    CommitNotSent,
    /// AMQP: a publication is passed on, and its confirm lost.
    ConfirmLost,
    /// AMQP: an acknowledgement is passed on, then cut.
    CutAfterAcknowledgement,
    /// Redis: a claim is passed on, and its answer lost.
    ClaimAnswerLost,
    /// Cut after so many bytes in one direction, in the middle of a message or not.
    CutAnywhere,
    /// After so many bytes nothing passes either way, until somebody closes or this time is over; then it goes on, or
    /// is cut.
    Silence(Duration),
}

/// How one moment is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strike {
    pub(super) how: How,
    /// The client sees a reset instead of an end.
    pub(super) reset: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// The message is not passed on.
    Before,
    After,
    /// The client's connection ends at once, while the server may still be at work.
    LoseAnswer,
    /// The client's connection ends once the server has answered.
    LoseAnswerOnceGiven,
}

/// Where a connection is struck, by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AtByte {
    pub(super) direction: Direction,
    pub(super) bytes: u64,
    pub(super) reset: bool,
    /// Not cut, but silent for so long.
    pub(super) silence: Option<Duration>,
    /// After a silence.
    pub(super) goes_on: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    ToServer,
    ToClient,
}

/// Offsets are below 2 to a power between these, each power as likely: handshakes, single messages, whole batches.
const SMALLEST_POWER: u64 = 4;
const POWERS: u64 = 15;

#[derive(Debug)]
pub(super) struct Rules {
    plan: Option<Plan>,
    /// Moments that the fault waits for, or connections.
    seen: AtomicU64,
    struck: AtomicU64,
    armed: watch::Sender<bool>,
}

impl Rules {
    pub(super) fn new(plan: Option<Plan>) -> Self {
        Self { plan, seen: AtomicU64::new(0), struck: AtomicU64::new(0), armed: watch::Sender::new(false) }
    }

    pub(super) fn arm(&self, armed: bool) {
        self.armed.send_replace(armed);
    }

    pub(super) fn armed(&self) -> watch::Receiver<bool> {
        self.armed.subscribe()
    }

    /// Whether this message is struck. One that is counts as struck.
    pub(super) fn at(&self, moment: Moment) -> Option<Strike> {
        let plan = self.plan.as_ref()?;
        let waited_for = match (plan.fault, moment) {
            (Fault::CommitAnswerLost | Fault::CommitNotSent, Moment::Commit { .. })
            | (Fault::ConfirmLost, Moment::Publish { .. })
            | (Fault::CutAfterAcknowledgement, Moment::Acknowledge { .. })
            | (Fault::ClaimAnswerLost, Moment::Claim { .. }) => true,
            (_, _) => false,
        };
        let mut random = if waited_for { self.next(plan)? } else { return None };
        let reset = random.below(2) == 0;
        let once_given = random.below(2) == 0;
        let how = match plan.fault {
            Fault::CommitNotSent => How::Before,
            Fault::CutAfterAcknowledgement => How::After,
            Fault::CommitAnswerLost | Fault::ConfirmLost | Fault::ClaimAnswerLost if once_given => {
                How::LoseAnswerOnceGiven
            }
            Fault::CommitAnswerLost | Fault::ConfirmLost | Fault::ClaimAnswerLost => How::LoseAnswer,
            Fault::CutAnywhere | Fault::Silence(_) => return None,
        };
        self.strike(plan).then_some(Strike { how, reset })
    }

    /// Where a new connection is to be struck, if at all. It counts when it gets there ([`Rules::reached`]).
    pub(super) fn of_connection(&self) -> Option<AtByte> {
        let plan = self.plan.as_ref()?;
        let silence = match plan.fault {
            Fault::CutAnywhere => None,
            Fault::Silence(lasts) => Some(lasts),
            Fault::CommitAnswerLost
            | Fault::CommitNotSent
            | Fault::ConfirmLost
            | Fault::CutAfterAcknowledgement
            | Fault::ClaimAnswerLost => return None,
        };
        let mut random = self.next(plan)?;
        let direction = if random.below(2) == 0 { Direction::ToServer } else { Direction::ToClient };
        let power = SMALLEST_POWER + random.below(POWERS);
        let bytes = 1 + random.below(1 << power);
        let (reset, goes_on) = (random.below(2) == 0, random.below(2) == 0);
        Some(AtByte { direction, bytes, reset, silence, goes_on })
    }

    /// A connection has come to its byte: whether it is struck after all.
    pub(super) fn reached(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| self.is_armed() && self.strike(plan))
    }

    /// What the next moment brings, where it is struck.
    fn next(&self, plan: &Plan) -> Option<Random> {
        if !self.is_armed() || self.struck.load(Ordering::Relaxed) >= plan.most {
            return None;
        }
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        let mut random = Random::new(mixed(plan.seed).wrapping_add(mixed(number)));
        (random.below(100) < plan.percent).then_some(random)
    }

    fn strike(&self, plan: &Plan) -> bool {
        let counted = self
            .struck
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |struck| (struck < plan.most).then_some(struck + 1));
        counted.is_ok()
    }

    /// What was to be struck was gone by itself.
    pub(super) fn take_back(&self) {
        self.struck.fetch_sub(1, Ordering::Relaxed);
    }

    fn is_armed(&self) -> bool {
        *self.armed.borrow()
    }
}
