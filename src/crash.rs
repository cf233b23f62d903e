//! Named points on the order's way where a test makes the process die, as a defect of ours or a `kill -9`
//! would. They exist only with the feature `crash-points`; in other builds every call is empty.
//!
//! `FULFIL_CRASH=POINT:TEXT` dies at POINT when the batch's debug text holds TEXT (an order id, say).

use std::fmt::Debug;

/// Where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    Received,
    Claimed,
    Recorded,
    Announced,
    /// Slow lane: the attempt is committed, nothing is sent.
    Intended,
    /// It is committed as sent; the call begins.
    Sent,
    /// The supplier has answered; nothing of it is committed.
    Bought,
    /// A query was answered; nothing of it is committed.
    Queried,
    /// The goods are committed.
    Placed,
    /// The procurement was given back.
    Released,
}

impl Point {
    pub const ALL: [Self; 10] = [
        Self::Received,
        Self::Claimed,
        Self::Recorded,
        Self::Announced,
        Self::Intended,
        Self::Sent,
        Self::Bought,
        Self::Queried,
        Self::Placed,
        Self::Released,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Claimed => "claimed",
            Self::Recorded => "recorded",
            Self::Announced => "announced",
            Self::Intended => "intended",
            Self::Sent => "sent",
            Self::Bought => "bought",
            Self::Queried => "queried",
            Self::Placed => "placed",
            Self::Released => "released",
        }
    }
}

/// Dies here if the environment says so.
#[cfg(feature = "crash-points")]
pub fn at(point: Point, batch: &impl Debug) {
    let Ok(order) = std::env::var("FULFIL_CRASH") else { return };
    let Some((name, text)) = order.split_once(':') else { return };
    if name == point.name() && format!("{batch:?}").contains(text) {
        eprintln!("crash point {name}: dying");
        std::process::abort();
    }
}

/// Nothing, in builds without crash points.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub fn at(_point: Point, _batch: &impl Debug) {}
