//! AMQP 0.9.1: frames of a type, a channel, a length, a payload and an end byte; a client begins with eight bytes of
//! its own.

use std::collections::HashMap;

use super::wire::{Answer, Moment, Said, Sent, u16_at, u32_at, u64_at};

const PREFACE: usize = 8;
/// Type, channel, length; and the end byte after the payload.
const HEAD: usize = 7;
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;

/// Class and method.
const CONNECTION_BLOCKED: (u16, u16) = (10, 60);
const CONNECTION_UNBLOCKED: (u16, u16) = (10, 61);
const CHANNEL_OPEN: (u16, u16) = (20, 10);
const PUBLISH: (u16, u16) = (60, 40);
const DELIVER: (u16, u16) = (60, 60);
const ACK: (u16, u16) = (60, 80);
const NACK: (u16, u16) = (60, 120);

struct Frame<'a> {
    length: usize,
    kind: u8,
    channel: u16,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let size = usize::try_from(u32_at(bytes, 3)?).ok()?;
        let length = HEAD + size + 1;
        let payload = bytes.get(..length)?.get(HEAD..HEAD + size)?;
        Some(Self { length, kind: bytes[0], channel: u16_at(bytes, 1)?, payload })
    }

    fn method(&self) -> Option<(u16, u16)> {
        if self.kind != METHOD {
            return None;
        }
        Some((u16_at(self.payload, 0)?, u16_at(self.payload, 2)?))
    }
}

/// Reads what a client sends.
#[derive(Debug, Default)]
pub(super) struct Client {
    started: bool,
    channels: HashMap<u16, Channel>,
}

#[derive(Debug, Default)]
struct Channel {
    /// Bytes of the published message's body that are still to come.
    body_left: u64,
    /// The highest delivery tag that was acknowledged.
    acknowledged: u64,
}

impl Client {
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<Sent> {
        if !self.started {
            bytes.get(..PREFACE)?;
            self.started = true;
            return Some(Sent { length: PREFACE, moment: Moment::Other });
        }
        let frame = Frame::read(bytes)?;
        let channel = self.channels.entry(frame.channel).or_default();
        let published = Moment::Publish { channel: frame.channel };
        let moment = match frame.kind {
            METHOD => match frame.method() {
                Some(CHANNEL_OPEN) => {
                    *channel = Channel::default();
                    Moment::Other
                }
                Some(ACK) => Moment::Acknowledge { deliveries: channel.acknowledge(frame.payload) },
                // Header and body of a published message follow.
                Some(PUBLISH) | Some(_) | None => Moment::Other,
            },
            HEADER => {
                channel.body_left = u64_at(frame.payload, 4).unwrap_or(0);
                if channel.body_left == 0 { published } else { Moment::Other }
            }
            BODY => {
                channel.body_left = channel.body_left.saturating_sub(frame.payload.len() as u64);
                if channel.body_left == 0 { published } else { Moment::Other }
            }
            _ => Moment::Other,
        };
        Some(Sent { length: frame.length, moment })
    }
}

impl Channel {
    /// How many deliveries it covers that none covered before.
    fn acknowledge(&mut self, payload: &[u8]) -> u64 {
        let (Some(tag), Some(bits)) = (u64_at(payload, 4), payload.get(12)) else { return 0 };
        if bits & 1 == 0 {
            return 1;
        }
        let before = self.acknowledged;
        self.acknowledged = before.max(tag);
        self.acknowledged - before
    }
}

/// Reads what a broker sends.
#[derive(Debug)]
pub(super) struct Broker;

impl Broker {
    pub(super) fn next(&self, bytes: &[u8]) -> Option<Said> {
        let frame = Frame::read(bytes)?;
        let what = match frame.method() {
            Some(ACK | NACK) => Answer::Confirm { channel: frame.channel },
            Some(DELIVER) => Answer::Deliver,
            Some(CONNECTION_BLOCKED) => Answer::Blocked,
            Some(CONNECTION_UNBLOCKED) => Answer::Unblocked,
            Some(_) | None => Answer::Other,
        };
        Some(Said { length: frame.length, what })
    }
}
