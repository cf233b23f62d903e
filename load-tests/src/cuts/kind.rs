//! The kinds of cuts: where each strikes, how often, and what counts as done.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use crate::proxy::{Counts, Fault, Protocol};

/// When connections are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// After COMMIT was sent to Postgres: its answer is lost.
    Commit,
    /// Before COMMIT is sent to Postgres.
    CommitUnsent,
    /// After a result was published to RabbitMQ: its confirm is lost.
    Publish,
    /// After deliveries were acknowledged to RabbitMQ.
    Ack,
    /// After a claim was sent to Redis: its answer is lost.
    Claim,
    /// Connections to all three servers, anywhere in their bytes.
    Random,
    /// The same, but they fall silent both ways for some seconds, and then go on or end.
    Blackhole,
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::Commit, Self::CommitUnsent, Self::Publish, Self::Ack, Self::Claim, Self::Random, Self::Blackhole];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::CommitUnsent => "commit-unsent",
            Self::Publish => "publish",
            Self::Ack => "ack",
            Self::Claim => "claim",
            Self::Random => "random",
            Self::Blackhole => "blackhole",
        }
    }

    /// Unless asked for otherwise.
    pub(super) fn usual_cuts(self) -> u64 {
        match self {
            Self::Commit => 1000,
            Self::CommitUnsent | Self::Publish | Self::Ack | Self::Claim | Self::Random => 200,
            Self::Blackhole => 40,
        }
    }

    /// Of a hundred moments, or connections, so many are struck: few enough that work goes on between them.
    pub(super) fn percent(self) -> u64 {
        match self {
            Self::Commit | Self::CommitUnsent => 30,
            Self::Publish => 2,
            Self::Ack => 20,
            Self::Claim => 10,
            // Each connection has its byte, however far away.
            Self::Random | Self::Blackhole => 100,
        }
    }

    /// What its proxies do, before these servers.
    pub(super) fn fault(self, silence: Duration) -> (Fault, &'static [Protocol]) {
        const ALL: &[Protocol] = &[Protocol::Postgres, Protocol::Amqp, Protocol::Redis];
        match self {
            Self::Commit => (Fault::CommitAnswerLost, &[Protocol::Postgres]),
            Self::CommitUnsent => (Fault::CommitNotSent, &[Protocol::Postgres]),
            Self::Publish => (Fault::ConfirmLost, &[Protocol::Amqp]),
            Self::Ack => (Fault::CutAfterAcknowledgement, &[Protocol::Amqp]),
            Self::Claim => (Fault::ClaimAnswerLost, &[Protocol::Redis]),
            Self::Random => (Fault::CutAnywhere, ALL),
            Self::Blackhole => (Fault::Silence(silence), ALL),
        }
    }

    /// How many of what was asked for were done.
    pub(super) fn done(self, counts: &Counts) -> u64 {
        match self {
            // COMMITs of other transactions are cut too, and not counted.
            Self::Commit | Self::CommitUnsent => counts.of_orders,
            Self::Publish | Self::Ack | Self::Claim | Self::Random => counts.cuts,
            Self::Blackhole => counts.silences,
        }
    }

    /// What was done, in words.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Commit => "connections cut after COMMIT was sent",
            Self::CommitUnsent => "connections cut before COMMIT was sent",
            Self::Publish => "connections cut after a publication, before its confirm",
            Self::Ack => "connections cut after an acknowledgement",
            Self::Claim => "connections cut between a claim and its answer",
            Self::Random => "connections cut at random bytes",
            Self::Blackhole => "connections silent",
        }
    }

    /// Whether a connection may be struck while its worker starts; a worker then may end, and is started again.
    pub(super) fn strikes_starts(self) -> bool {
        matches!(self, Self::Random | Self::Blackhole)
    }
}
