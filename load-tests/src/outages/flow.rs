//! What flows, second by second, and how soon all of it flows again.

use serde::Serialize;

/// Sums since the run began, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sample {
    /// Seconds since the run began.
    pub(super) at: f64,
    /// Orders that were due to be published by then.
    pub(super) due: u64,
    /// By the broker to workers.
    pub(super) delivered: u64,
    /// By workers.
    pub(super) acknowledged: u64,
    /// Results that the judge has read.
    pub(super) results: u64,
    /// Orders that have a result.
    pub(super) answered: u64,
}

/// One second of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Second {
    /// Its end, since the run began.
    pub at: f64,
    pub consumed: u64,
    pub acknowledged: u64,
    pub results: u64,
}

/// When the outage began, and when it was over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Span {
    pub began: f64,
    pub over: f64,
}

/// Of the results that a second brings when all is well: what counts as full flow.
const FULL: f64 = 0.8;
/// Over so many seconds.
const WINDOW: usize = 3;

pub(super) fn seconds(samples: &[Sample]) -> Vec<Second> {
    let between = |pair: &[Sample]| Second {
        at: pair[1].at,
        consumed: pair[1].delivered - pair[0].delivered,
        acknowledged: pair[1].acknowledged - pair[0].acknowledged,
        results: pair[1].results - pair[0].results,
    };
    samples.windows(2).map(between).collect()
}

/// From the outage's end until the end of the first second from which on results come at the rate of the load.
pub(super) fn seconds_to_full(seconds: &[Second], over: f64, rate: u32) -> Option<f64> {
    let after = seconds.iter().position(|second| second.at > over)?;
    let full = seconds[after..].windows(WINDOW).find(|window| {
        let results: u64 = window.iter().map(|second| second.results).sum();
        results as f64 >= FULL * f64::from(rate) * WINDOW as f64
    })?;
    Some(full[0].at - over)
}

/// From the outage's end until no more orders wait than come in a second.
pub(super) fn seconds_to_drained(samples: &[Sample], over: f64, rate: u32) -> Option<f64> {
    let drained = |sample: &&Sample| sample.at >= over && sample.due <= sample.answered + u64::from(rate);
    samples.iter().find(drained).map(|sample| sample.at - over)
}

/// From the outage's end until as much was acknowledged as had been delivered by then.
pub(super) fn seconds_to_acknowledged(samples: &[Sample], over: f64) -> Option<f64> {
    let delivered = samples.iter().rfind(|sample| sample.at <= over)?.delivered;
    let done = |sample: &&Sample| sample.at >= over && sample.acknowledged >= delivered;
    samples.iter().find(done).map(|sample| sample.at - over)
}

/// The seconds that lie wholly between.
pub(super) fn within(seconds: &[Second], from: f64, to: f64) -> &[Second] {
    let begin = seconds.iter().position(|second| second.at - 1.0 >= from).unwrap_or(seconds.len());
    let end = seconds.iter().rposition(|second| second.at <= to).map_or(begin, |last| last + 1);
    &seconds[begin..end.max(begin)]
}

pub(super) fn median(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten orders a second; nothing is answered from 10 s up to 20 s, and what waited in the second that begins with
    /// `back`.
    fn run(back: u32) -> Vec<Sample> {
        let sample = |second: u32| {
            let due = u64::from(second) * 10;
            let answered = if second <= 10 || second > back { due } else { 100 };
            Sample {
                at: f64::from(second),
                due,
                delivered: due.min(answered + 40),
                acknowledged: answered,
                results: answered,
                answered,
            }
        };
        (0..40).map(sample).collect()
    }

    #[test]
    fn full_flow_is_seen_when_it_is_there() {
        let samples = run(23);
        let seconds = seconds(&samples);
        assert_eq!(seconds_to_full(&seconds, 20.0, 10), Some(2.0), "three seconds are looked at together");
        assert_eq!(seconds_to_drained(&samples, 20.0, 10), Some(4.0));
        assert_eq!(seconds_to_acknowledged(&samples, 20.0), Some(4.0));
        assert_eq!(seconds_to_full(&seconds, 38.0, 10), None, "there are not enough seconds");
        assert_eq!(seconds_to_drained(&run(50), 20.0, 10), None);
    }

    #[test]
    fn seconds_of_the_outage_are_those_wholly_in_it() {
        let seconds = seconds(&run(23));
        let inside = within(&seconds, 10.5, 20.5);
        assert_eq!((inside[0].at, inside[inside.len() - 1].at), (12.0, 20.0));
        assert!(inside.iter().all(|second| second.results == 0));
        assert!(within(&seconds, 50.0, 60.0).is_empty());
        assert_eq!((median(vec![3, 1, 2]), median(Vec::new())), (2, 0));
    }
}
