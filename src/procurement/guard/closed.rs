//! Why a supplier may not be called now, and until when, as logs and waiting procurements say it.

use std::{fmt, time::Duration};

use super::pause::PauseReason;

/// No call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    pub why: ClosedWhy,
    /// After so long it is worth asking again; those who are refused together are told different times.
    pub until: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedWhy {
    BreakerOpen,
    Paused(PauseReason),
    /// The calls of this moment are used up.
    Rate,
    /// As many calls are under way as may be.
    Full,
}

impl ClosedWhy {
    /// For a metric's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BreakerOpen => "breaker_open",
            Self::Paused(_) => "paused",
            Self::Rate => "rate",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for ClosedWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BreakerOpen => f.write_str("breaker open"),
            Self::Paused(reason) => write!(f, "paused, {reason}"),
            Self::Rate => f.write_str("rate limit reached"),
            Self::Full => f.write_str("all its calls taken"),
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, asked again in {:.1} s", self.why, self.until.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_why_and_until_when() {
        let until = Duration::from_millis(2500);
        for (why, text) in [
            (ClosedWhy::BreakerOpen, "breaker open, asked again in 2.5 s"),
            (ClosedWhy::Paused(PauseReason::Balance), "paused, our balance there is too low, asked again in 2.5 s"),
            (ClosedWhy::Rate, "rate limit reached, asked again in 2.5 s"),
            (ClosedWhy::Full, "all its calls taken, asked again in 2.5 s"),
        ] {
            assert_eq!(Closed { why, until }.to_string(), text);
        }
    }
}
