//! How long a procurement waits between two looks at it.
//!
//! What holds here: pauses begin anew with each send of the attempt; what happened before it says nothing about it.

use std::time::Duration;

use fulfil_contract::{attempt::Attempt, time::Timestamp};

use crate::chance::Dice;

/// Between two looks there is never more than this, so that new stock or a supplier's return is found.
pub(super) const LONGEST: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_millis(50);

/// Before an attempt is asked about again: as long as it is since it was sent, so that the pauses double from the
/// supplier's first one, with jitter of a quarter either way, so that what was lost together does not come back
/// together.
#[must_use]
pub(super) fn before_query(attempt: &Attempt, first: Duration, now: Timestamp, dice: &Dice) -> Duration {
    let since = attempt.sent_at.and_then(|sent_at| u64::try_from(now.0 - sent_at.0).ok());
    jittered(Duration::from_micros(since.unwrap_or(0)).clamp(first.min(LONGEST), LONGEST), dice)
}

/// Before an attempt that can't be asked about is sent again: doubling with each send.
#[must_use]
pub(super) fn before_resend(attempt: &Attempt, first: Duration, dice: &Dice) -> Duration {
    doubled(first, attempt.sends.saturating_sub(1), dice)
}

/// Before an attempt is asked about again that was not found: doubling with each not-found that counts since it was
/// sent.
#[must_use]
pub(super) fn after_not_found(attempt: &Attempt, first: Duration, dice: &Dice) -> Duration {
    doubled(first, attempt.not_founds, dice)
}

fn doubled(first: Duration, times: u32, dice: &Dice) -> Duration {
    jittered(first.saturating_mul(1 << times.min(6)).min(LONGEST), dice)
}

/// Until a not-found counts, at most.
#[must_use]
pub(super) fn until_countable(attempt: &Attempt, now: Timestamp) -> Option<Duration> {
    let from = attempt.countable_from?;
    u64::try_from(from.0 - now.0).ok().filter(|micros| *micros > 0).map(Duration::from_micros)
}

/// `time` give or take a quarter, within bounds.
#[must_use]
pub(super) fn jittered(time: Duration, dice: &Dice) -> Duration {
    dice.about(time, 0.25).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use fulfil_contract::{
        attempt::{AttemptId, AttemptState, Reference},
        ids::Quantity,
        money::{Currency, MinorUnits},
        supplier::{SupplierName, SupplierProduct},
    };

    use super::*;

    const FIRST: Duration = Duration::from_secs(2);

    fn sent_at(seconds: i64) -> Attempt {
        Attempt {
            id: AttemptId(1),
            supplier: SupplierName::parse("a").unwrap(),
            product: SupplierProduct::parse("p").unwrap(),
            reference: Reference::from_bits([7; 10]),
            quantity: Quantity::ONE,
            unit_price: MinorUnits(1),
            currency: Currency::parse("USD").unwrap(),
            state: AttemptState::Unknown,
            version: 3,
            their_id: None,
            sends: 1,
            queries: 40,
            not_founds: 0,
            countable_from: None,
            intended_at: Timestamp(0),
            sent_at: Some(Timestamp(seconds * 1_000_000)),
            said: None,
            refusal: None,
        }
    }

    /// Give or take the jitter.
    fn assert_about(pause: Duration, seconds: u64) {
        let (least, most) = (seconds as f64 * 0.74, (seconds as f64 * 1.26).min(60.0));
        assert!((least..=most).contains(&pause.as_secs_f64()), "{pause:?}, not about {seconds} s");
    }

    #[test]
    fn pauses_between_queries_double_since_the_last_send() {
        let dice = Dice::default();
        for (now, about) in [(100, 2), (101, 2), (108, 8), (132, 32), (900, 60), (40, 2)] {
            assert_about(before_query(&sent_at(100), FIRST, Timestamp(now * 1_000_000), &dice), about);
        }
        assert_about(before_query(&Attempt { sent_at: None, ..sent_at(0) }, FIRST, Timestamp(9), &dice), 2);
        let slow = Duration::from_secs(3_600);
        assert_about(before_query(&sent_at(0), slow, Timestamp(0), &dice), 60);
    }

    /// However often it was asked about before.
    #[test]
    fn not_founds_after_a_re_send_begin_anew() {
        let dice = Dice::default();
        let again = Attempt { sends: 2, ..sent_at(1_000) };
        assert_about(before_query(&again, FIRST, Timestamp(1_000_000_000), &dice), 2);
        assert_about(after_not_found(&again, FIRST, &dice), 2);
        assert_about(after_not_found(&Attempt { not_founds: 1, ..again }, FIRST, &dice), 4);
    }

    #[test]
    fn what_can_only_be_sent_again_is_sent_after_growing_pauses() {
        let dice = Dice::default();
        for (sends, about) in [(1, 2), (2, 4), (4, 16), (9, 60)] {
            assert_about(before_resend(&Attempt { sends, ..sent_at(0) }, FIRST, &dice), about);
        }
    }
}
