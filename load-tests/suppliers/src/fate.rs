//! What becomes of a purchase: a pure function of the mood's seed, the reference and the kind of question.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::{
    journal::Lie,
    mood::{Millis, Mood},
};

/// What becomes of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyFate {
    /// The connection is closed without an answer.
    Lost,
    Html,
    Error,
    Throttled,
}

/// Whether the reply's fate strikes before or after buying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strikes {
    Before(ReplyFate),
    After(ReplyFate),
}

impl Strikes {
    pub(crate) fn fate(self) -> ReplyFate {
        match self {
            Self::Before(fate) | Self::After(fate) => fate,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    OutOfStock,
    LowBalance,
    PriceMoved,
}

/// How an order goes on after it was bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    Done,
    PendingQueries(u32),
    PendingTime(Duration),
    PendingForEver,
    WithoutKeys,
    Cancelled,
    Refunded,
    RefundedInPart,
}

/// `nth`: the send of this number under the reference.
pub(crate) fn of_reply(mood: &Mood, reference: &str, nth: u32) -> Option<Strikes> {
    use ReplyFate::{Error, Html, Lost, Throttled};
    use Strikes::{After, Before};
    let bands = [
        (mood.lost_before, Before(Lost)),
        (mood.lost_after, After(Lost)),
        (mood.html_before, Before(Html)),
        (mood.html_after, After(Html)),
        (mood.error_before, Before(Error)),
        (mood.error_after, After(Error)),
        (mood.throttled, Before(Throttled)),
    ];
    pick(draw(mood.seed, reference, &format!("reply {nth}")), &bands)
}

pub(crate) fn of_query(mood: &Mood, about: &str, nth: u32) -> Option<ReplyFate> {
    let bands =
        [(mood.query_lost, ReplyFate::Lost), (mood.query_html, ReplyFate::Html), (mood.query_error, ReplyFate::Error)];
    pick(draw(mood.seed, about, &format!("query {nth}")), &bands)
}

pub(crate) fn of_stock(mood: &Mood, reference: &str) -> Option<Refusal> {
    let bands = [
        (mood.out_of_stock, Refusal::OutOfStock),
        (mood.low_balance, Refusal::LowBalance),
        (mood.price_moved, Refusal::PriceMoved),
    ];
    pick(draw(mood.seed, reference, "refusal"), &bands)
}

pub(crate) fn of_goods(mood: &Mood, reference: &str) -> Option<Lie> {
    let bands = [
        (mood.known_keys, Lie::KnownKey),
        (mood.too_few, Lie::TooFew),
        (mood.too_many, Lie::TooMany),
        (mood.another_answer, Lie::AnotherAnswer),
        (mood.refused_but_bought, Lie::RefusedButBought),
    ];
    pick(draw(mood.seed, reference, "lie"), &bands)
}

pub(crate) fn of_order(mood: &Mood, reference: &str) -> Course {
    let time = span(mood.pending_time.millis, draw(mood.seed, reference, "pending time"));
    let bands = [
        (mood.pending_queries.share, Course::PendingQueries(mood.pending_queries.queries)),
        (mood.pending_time.share, Course::PendingTime(time)),
        (mood.pending_for_ever, Course::PendingForEver),
        (mood.without_keys, Course::WithoutKeys),
        (mood.cancelled, Course::Cancelled),
        (mood.refunded, Course::Refunded),
        (mood.refunded_in_part, Course::RefundedInPart),
    ];
    pick(draw(mood.seed, reference, "course"), &bands).unwrap_or(Course::Done)
}

pub(crate) fn latency(mood: &Mood, about: &str, nth: u32, buys: bool) -> Duration {
    let every = span(mood.latency, draw(mood.seed, about, &format!("latency {nth}")));
    let more = span(mood.buy_latency, draw(mood.seed, about, &format!("buy latency {nth}")));
    if buys { every + more } else { every }
}

pub(crate) fn calls_back(seed: u64, share: f64, reference: &str) -> bool {
    draw(seed, reference, "callback") < share
}

/// Which of `count` earlier keys is sold again.
pub(crate) fn known_key(seed: u64, reference: &str, count: usize) -> usize {
    ((draw(seed, reference, "known key") * count as f64) as usize).min(count.saturating_sub(1))
}

/// From 0 up to, without, 1.
fn draw(seed: u64, reference: &str, kind: &str) -> f64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update((reference.len() as u64).to_be_bytes());
    hash.update(reference);
    hash.update(kind);
    let digest = hash.finalize();
    let number = digest.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    (number >> 11) as f64 / (1u64 << 53) as f64
}

fn pick<T: Copy>(drawn: f64, bands: &[(f64, T)]) -> Option<T> {
    let mut up_to = 0.0;
    bands.iter().find_map(|(share, fate)| {
        up_to += share;
        (drawn < up_to).then_some(*fate)
    })
}

fn span(millis: Millis, drawn: f64) -> Duration {
    let width = millis.to.saturating_sub(millis.from);
    Duration::from_millis(millis.from + (drawn * (width + 1) as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_again_and_in_the_right_share() {
        let mood = Mood { lost_after: 0.3, throttled: 0.1, ..Mood::default() };
        let count =
            |wanted| (0..10_000).filter(|number| of_reply(&mood, &format!("f{number}"), 1) == Some(wanted)).count();
        assert!((2_800..3_200).contains(&count(Strikes::After(ReplyFate::Lost))));
        assert!((900..1_100).contains(&count(Strikes::Before(ReplyFate::Throttled))));
        assert_eq!(of_reply(&mood, "f1", 1), of_reply(&mood, "f1", 1));
        let differ = (0..100).filter(|number| {
            let reference = format!("f{number}");
            of_reply(&mood, &reference, 1) != of_reply(&mood, &reference, 2)
        });
        assert!(differ.count() > 20, "a second send has a fate of its own");
    }

    #[test]
    fn certain_is_certain() {
        let mood = Mood { cancelled: 1.0, ..Mood::default() };
        assert!((0..1_000).all(|number| of_order(&mood, &number.to_string()) == Course::Cancelled));
        assert!((0..1_000).all(|number| of_reply(&mood, &number.to_string(), 1).is_none()));
        let slow = Mood { buy_latency: Millis { from: 10, to: 12 }, ..Mood::default() };
        assert!(
            (0..1_000).all(|number| { (10..=12).contains(&latency(&slow, &number.to_string(), 1, true).as_millis()) })
        );
    }
}
