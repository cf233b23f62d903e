//! What a proxy did, and what passed through it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::wire::{Answer, Moment};

/// What a proxy did, from its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// That reached the server.
    pub connections: u64,
    /// That ended at once because the server was away.
    pub without_server: u64,
    /// Connections that were cut.
    pub cuts: u64,
    /// Of them: after COMMIT (or before it) of a transaction that inserted orders.
    pub of_orders: u64,
    /// Of them: the answer was to be lost.
    pub answers_lost: u64,
    /// Of these: the server gave its answer, and it was read here and not passed on.
    pub answers_given: u64,
    /// Of these: a COMMIT that took place.
    pub committed: u64,
    /// Bytes that reached a client after the moment from which nothing was to reach it: none, or the proxy is wrong.
    pub bytes_after: u64,
    /// Connections that fell silent.
    pub silences: u64,
    /// Of them: went on afterwards.
    pub went_on: u64,
    /// Cut by the bytes that went to the server, and to the client.
    pub at_bytes_to_server: u64,
    pub at_bytes_to_client: u64,
    /// Of this proxy alone.
    #[serde(skip)]
    pub traffic: Traffic,
}

/// Messages that passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// To consumers.
    pub delivered: u64,
    /// Deliveries that were acknowledged.
    pub acknowledged: u64,
    pub published: u64,
    /// The broker said that it takes no publications.
    pub blocked: u64,
    pub unblocked: u64,
    pub commits: u64,
    pub claims: u64,
}

impl Counts {
    /// Of several proxies.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.connections += other.connections;
        self.without_server += other.without_server;
        self.cuts += other.cuts;
        self.of_orders += other.of_orders;
        self.answers_lost += other.answers_lost;
        self.answers_given += other.answers_given;
        self.committed += other.committed;
        self.bytes_after += other.bytes_after;
        self.silences += other.silences;
        self.went_on += other.went_on;
        self.at_bytes_to_server += other.at_bytes_to_server;
        self.at_bytes_to_client += other.at_bytes_to_client;
        self
    }
}

impl Traffic {
    fn add_sent(&mut self, moment: Moment) {
        match moment {
            Moment::Commit { .. } => self.commits += 1,
            Moment::Publish { .. } => self.published += 1,
            Moment::Acknowledge { deliveries } => self.acknowledged += deliveries,
            Moment::Claim { .. } => self.claims += 1,
            Moment::Other => {}
        }
    }

    fn add_said(&mut self, answer: Answer) {
        match answer {
            Answer::Deliver => self.delivered += 1,
            Answer::Blocked => self.blocked += 1,
            Answer::Unblocked => self.unblocked += 1,
            Answer::Complete { .. } | Answer::Error | Answer::Confirm { .. } | Answer::Reply { .. } | Answer::Other => {
            }
        }
    }
}

/// The counts, shared by a proxy's connections.
#[derive(Debug, Default)]
pub(super) struct Book(Mutex<Counts>);

impl Book {
    pub(super) fn counts(&self) -> Counts {
        *self.lock()
    }

    pub(super) fn note(&self, note: impl FnOnce(&mut Counts)) {
        note(&mut self.lock());
    }

    pub(super) fn sent(&self, moment: Moment) {
        self.lock().traffic.add_sent(moment);
    }

    pub(super) fn said(&self, answer: Answer) {
        self.lock().traffic.add_said(answer);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
