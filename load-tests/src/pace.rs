//! Orders at a steady rate, whatever becomes of the earlier ones.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep_until};

use crate::publisher::Publisher;

/// When each order is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) begin: Instant,
    pub(crate) per_second: u32,
}

impl Pace {
    /// Of the order of this number, counted from 0.
    pub(crate) fn due(self, number: usize) -> Instant {
        self.begin + Duration::from_secs_f64(number as f64 / f64::from(self.per_second))
    }
}

/// Publishes each order when it is due, those that became due meanwhile at once; how late the latest was
/// confirmed.
pub(crate) async fn feed(publisher: &mut Publisher, bodies: &[Vec<u8>], pace: Pace) -> Result<Duration> {
    let (mut next, mut latest) = (0, Duration::ZERO);
    while next < bodies.len() {
        sleep_until(pace.due(next)).await;
        let now = Instant::now();
        let end = (next + 1..bodies.len()).find(|&number| pace.due(number) > now).unwrap_or(bodies.len());
        publisher.publish(&bodies[next..end]).await?;
        latest = latest.max(pace.due(next).elapsed());
        next = end;
    }
    Ok(latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn orders_are_due_at_a_steady_rate() {
        let pace = Pace { begin: Instant::now(), per_second: 4 };
        assert_eq!(pace.due(0), pace.begin);
        assert_eq!(pace.due(6) - pace.begin, Duration::from_millis(1500));
    }
}
