//! What readers of protocols say: where a message ends, and what it is as far as faults and counts care.

use super::{Protocol, amqp, postgres, resp};

/// A whole message from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) length: usize,
    pub(super) moment: Moment,
}

/// What a message from the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Postgres: COMMIT, and whether its transaction inserted orders.
    Commit {
        of_orders: bool,
    },
    /// AMQP: the last frame of a published message.
    Publish {
        channel: u16,
    },
    /// AMQP: an acknowledgement of so many deliveries.
    Acknowledge {
        deliveries: u64,
    },
    /// Redis: a call of the claim function, the nth command of its connection.
    Claim {
        command: u64,
    },
    Other,
}

/// A whole message from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) length: usize,
    pub(super) what: Answer,
}

/// What a message from the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Postgres: a command has ended, and whether it was a commit that took place.
    Complete {
        committed: bool,
    },
    /// Postgres: an error.
    Error,
    /// AMQP: the broker confirms or refuses what was published on a channel.
    Confirm {
        channel: u16,
    },
    /// AMQP: a delivery to a consumer.
    Deliver,
    /// AMQP: the broker takes no publications now, or takes them again.
    Blocked,
    Unblocked,
    /// Redis: the answer to the nth command of the connection.
    Reply {
        command: u64,
    },
    Other,
}

impl Moment {
    /// Whether this is the server's word on it.
    pub(super) fn is_answered_by(self, answer: Answer) -> bool {
        match self {
            Self::Commit { .. } => matches!(answer, Answer::Complete { .. } | Answer::Error),
            Self::Publish { channel } => answer == Answer::Confirm { channel },
            Self::Claim { command } => answer == Answer::Reply { command },
            Self::Acknowledge { .. } | Self::Other => false,
        }
    }
}

/// Reads what a client sends.
#[derive(Debug)]
pub(super) enum FromClient {
    Postgres(postgres::Frontend),
    Amqp(amqp::Client),
    Redis(resp::Commands),
}

impl FromClient {
    pub(super) fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Postgres => Self::Postgres(postgres::Frontend::default()),
            Protocol::Amqp => Self::Amqp(amqp::Client::default()),
            Protocol::Redis => Self::Redis(resp::Commands::default()),
        }
    }

    /// The first message of `bytes`, if all of it is there. It is taken then: the next call begins after it.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<Sent> {
        match self {
            Self::Postgres(reader) => reader.next(bytes),
            Self::Amqp(reader) => reader.next(bytes),
            Self::Redis(reader) => reader.next(bytes),
        }
    }
}

/// Reads what a server sends.
#[derive(Debug)]
pub(super) enum FromServer {
    Postgres(postgres::Backend),
    Amqp(amqp::Broker),
    Redis(resp::Replies),
}

impl FromServer {
    pub(super) fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Postgres => Self::Postgres(postgres::Backend::default()),
            Protocol::Amqp => Self::Amqp(amqp::Broker),
            Protocol::Redis => Self::Redis(resp::Replies::default()),
        }
    }

    /// The same as [`FromClient::next`].
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<Said> {
        match self {
            Self::Postgres(reader) => reader.next(bytes),
            Self::Amqp(reader) => reader.next(bytes),
            Self::Redis(reader) => reader.next(bytes),
        }
    }
}

/// Big-endian numbers at a place; `None` where the bytes end before.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
