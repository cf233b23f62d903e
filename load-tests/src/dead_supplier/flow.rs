//! When a supplier that was away has its share of the purchases again.

/// Over so long a share is taken.
pub(super) const SPAN_SECONDS: f64 = 5.0;
const STEP_SECONDS: f64 = 0.25;
/// Of its earlier share: what counts as all of it, the shares of 5 s being no steadier than that.
pub(super) const FULL: f64 = 0.8;

/// A purchase: seconds since the run began, and whether it was made at the supplier that is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bought {
    pub(super) at: f64,
    pub(super) its: bool,
}

/// Its part of the purchases from `from` up to `to`; `None` where there were none.
pub(super) fn share(purchases: &[Bought], from: f64, to: f64) -> Option<f64> {
    let within = purchases.iter().filter(|bought| (from..to).contains(&bought.at));
    let (its, all) = within.fold((0, 0), |(its, all), bought| (its + u32::from(bought.its), all + 1));
    (all > 0).then(|| f64::from(its) / f64::from(all))
}

/// Seconds from `back` to the first purchase of the first span that has the share of before; spans end at `end` at
/// the latest.
pub(super) fn seconds_to_full(purchases: &[Bought], before: f64, back: f64, end: f64) -> Option<f64> {
    let steps = ((end - SPAN_SECONDS - back) / STEP_SECONDS).floor().max(-1.0) as i64;
    let from = (0..=steps)
        .map(|step| back + step as f64 * STEP_SECONDS)
        .find(|from| share(purchases, *from, from + SPAN_SECONDS).is_some_and(|share| share >= FULL * before))?;
    seconds_to_first(purchases, from).map(|first| from + first - back)
}

/// Seconds from `back` to its first purchase.
pub(super) fn seconds_to_first(purchases: &[Bought], back: f64) -> Option<f64> {
    let its = purchases.iter().filter(|bought| bought.its && bought.at >= back);
    its.map(|bought| bought.at - back).min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten purchases a second, each third one at the supplier but from 10 s up to `back`.
    fn run(back: f64) -> Vec<Bought> {
        let bought = |number: u32| {
            let at = f64::from(number) / 10.0;
            Bought { at, its: number.is_multiple_of(3) && !(10.0..back).contains(&at) }
        };
        (0..600).map(bought).collect()
    }

    #[test]
    fn the_share_is_back_when_purchases_are() {
        let before = share(&run(30.0), 0.0, 10.0).unwrap();
        assert!((0.33..0.35).contains(&before), "{before}");
        let full = seconds_to_full(&run(33.0), before, 30.0, 60.0).unwrap();
        assert!((2.0..=3.1).contains(&full), "{full}");
        assert_eq!(seconds_to_first(&run(33.0), 30.0).unwrap(), 3.0);
    }

    #[test]
    fn a_share_that_never_comes_back_is_none() {
        assert_eq!(seconds_to_full(&run(60.0), 0.33, 30.0, 60.0), None);
        assert_eq!(seconds_to_full(&run(30.0), 0.33, 58.0, 60.0), None, "there is no whole span");
        assert_eq!(share(&[], 0.0, 1.0), None);
    }
}
