use super::*;

const SETTINGS: BreakerSettings = BreakerSettings {
    window: 10,
    least_calls: 4,
    failure_percent: 50,
    slow_percent: 75,
    slow: Duration::from_secs(2),
    open: Duration::from_secs(1),
    longest_open: Duration::from_secs(6),
    probes: 3,
};
const FAST: Duration = Duration::from_millis(20);
const SLOW: Duration = Duration::from_secs(3);

/// One call from admission to report.
fn call(breaker: &mut Breaker, failed: bool, took: Duration, now: Instant) -> Change {
    let admission = breaker.admit(now).unwrap();
    breaker.report(admission, failed, took, now)
}

fn until(breaker: &Breaker) -> Instant {
    match breaker.stands() {
        Stands::Open { until } => until,
        other @ (Stands::Closed | Stands::HalfOpen) => panic!("{other:?}"),
    }
}

/// A breaker that has opened, and when it lets somebody through.
fn opened(seed: u64) -> (Breaker, Instant) {
    let (mut breaker, now) = (Breaker::new(SETTINGS, seed), Instant::now());
    for _ in 0..4 {
        let _change = call(&mut breaker, true, FAST, now);
    }
    let until = until(&breaker);
    (breaker, until)
}

#[test]
fn it_opens_by_the_share_of_failed_or_slow_calls_and_not_before_the_least_number() {
    // f failed, s slow, x failed and slow, . good; after which call it opens.
    for (calls, opens) in [
        ("fff", None),
        ("ffff", Some(4)),
        (".f.f", Some(4)),
        ("..f.f.f.f", None),
        ("..f.ff", Some(6)),
        ("sss", None),
        ("ssss", Some(4)),
        (".sss", Some(4)),
        ("s.s.s.s.s.", None),
        (".s.sf", None),
        ("xxxx", Some(4)),
        ("....................", None),
        // The window forgets: ten good calls, then it takes five of ten.
        ("..........fffff", Some(15)),
        ("..........ffff.", None),
        ("....fff......ff", None),
    ] {
        let (mut breaker, now) = (Breaker::new(SETTINGS, 1), Instant::now());
        let mut opened = None;
        for (at, kind) in calls.chars().enumerate() {
            let (failed, slow) = ("fx".contains(kind), "sx".contains(kind));
            match call(&mut breaker, failed, if slow { SLOW } else { FAST }, now) {
                Change::None => {}
                Change::Opened(..) => {
                    opened = Some(at + 1);
                    break;
                }
                Change::Closed => panic!("{calls}: closed"),
            }
        }
        assert_eq!(opened, opens, "{calls}");
    }
}

#[test]
fn nobody_calls_while_it_is_open_and_one_does_after() {
    let (mut breaker, until) = opened(1);
    let just_before = until - Duration::from_nanos(1);
    assert_eq!(breaker.admit(just_before).unwrap_err(), Duration::from_nanos(1));
    let first = breaker.admit(until).unwrap();
    assert_eq!(breaker.stands(), Stands::HalfOpen);
    assert_eq!(breaker.admit(until).unwrap_err(), SETTINGS.slow);
    assert!(matches!(breaker.report(first, true, FAST, until), Change::Opened(..)));
    assert!(breaker.admit(until).is_err());
}

#[test]
fn a_trial_lets_the_first_alone_then_the_others_and_no_more() {
    let (mut breaker, now) = opened(1);
    assert_eq!(call(&mut breaker, false, FAST, now), Change::None);
    let probes = [breaker.admit(now).unwrap(), breaker.admit(now).unwrap()];
    assert!(breaker.admit(now).is_err());
    let changes = probes.map(|probe| breaker.report(probe, false, FAST, now));
    assert_eq!(changes, [Change::None, Change::Closed]);
    assert_eq!(breaker.stands(), Stands::Closed);
}

#[test]
fn a_trial_is_judged_by_its_shares() {
    for (first, second, third, closes) in [
        ((false, FAST), (false, FAST), (true, FAST), true),
        ((false, FAST), (true, FAST), (false, FAST), false),
        ((false, FAST), (false, SLOW), (false, SLOW), true),
        ((false, SLOW), (false, FAST), (false, FAST), false),
    ] {
        let (mut breaker, now) = opened(1);
        let mut changes = Vec::new();
        for (failed, took) in [first, second, third] {
            if let Ok(probe) = breaker.admit(now) {
                changes.push(breaker.report(probe, failed, took, now));
            }
        }
        let closed = changes.last() == Some(&Change::Closed);
        assert_eq!(closed, closes, "{first:?} {second:?} {third:?}: {changes:?}");
        assert_eq!(closed, breaker.stands() == Stands::Closed);
    }
}

#[test]
fn the_open_time_doubles_to_its_bound_less_a_quarter_at_most_and_begins_small_again() {
    let mut times = Vec::new();
    for seed in 0..50 {
        let (mut breaker, mut now) = opened(seed);
        for plain in [2, 4, 6, 6, 6] {
            let Change::Opened(time, _) = call(&mut breaker, true, FAST, now) else { panic!("it stays closed") };
            let plain = Duration::from_secs(plain);
            assert!(time <= plain && time >= plain * 3 / 4, "seed {seed}: {time:?} of {plain:?}");
            now += time;
            times.push(time);
        }
        for _ in 0..3 {
            let _change = call(&mut breaker, false, FAST, now);
        }
        assert_eq!(breaker.stands(), Stands::Closed);
        for _ in 0..4 {
            let _change = call(&mut breaker, true, FAST, now);
        }
        assert!(until(&breaker) - now <= SETTINGS.open);
    }
    times.sort();
    times.dedup();
    assert!(times.len() > 200, "jitter: {} of 250 times differ", times.len());
}

#[test]
fn permits_that_were_never_used_are_counted_back() {
    let (mut breaker, now) = opened(1);
    for _ in 0..100 {
        let unused = breaker.admit(now).unwrap();
        assert!(breaker.admit(now).is_err());
        breaker.withdraw(unused);
    }
    assert_eq!(call(&mut breaker, false, FAST, now), Change::None);
    for _ in 0..100 {
        let unused = [breaker.admit(now).unwrap(), breaker.admit(now).unwrap()];
        assert!(breaker.admit(now).is_err());
        unused.into_iter().for_each(|unused| breaker.withdraw(unused));
    }
}

#[test]
fn what_an_earlier_round_reports_counts_for_nothing() {
    let (mut breaker, now) = (Breaker::new(SETTINGS, 1), Instant::now());
    let late: Vec<_> = (0..20).map(|_| breaker.admit(now).unwrap()).collect();
    let mut late = late.into_iter();
    for _ in 0..4 {
        let _change = call(&mut breaker, true, FAST, now);
    }
    let until = until(&breaker);
    for (admission, failed) in late.by_ref().take(10).zip([true, false].into_iter().cycle()) {
        assert_eq!(breaker.report(admission, failed, FAST, now), Change::None);
    }
    // Nor in the trial, where a withdrawal would make room that is not there.
    let probe = breaker.admit(until).unwrap();
    for admission in late.by_ref().take(5) {
        breaker.withdraw(admission);
    }
    assert!(breaker.admit(until).is_err());
    for admission in late {
        assert_eq!(breaker.report(admission, true, FAST, until), Change::None);
    }
    assert_eq!(breaker.report(probe, false, FAST, until), Change::None);
    assert_eq!(breaker.stands(), Stands::HalfOpen);
}

#[test]
fn settings_at_their_edges_lock_nobody_out() {
    let nothing = BreakerSettings {
        window: 0,
        least_calls: 0,
        failure_percent: 0,
        slow_percent: 0,
        slow: Duration::ZERO,
        open: Duration::ZERO,
        longest_open: Duration::ZERO,
        probes: 0,
    };
    let most = BreakerSettings {
        window: u32::MAX,
        least_calls: u32::MAX,
        failure_percent: u32::MAX,
        slow_percent: u32::MAX,
        slow: Duration::from_secs(1),
        open: Duration::from_secs(5),
        longest_open: Duration::from_secs(1),
        probes: 1,
    };
    for settings in [nothing, most] {
        let (mut breaker, mut now) = (Breaker::new(settings, 1), Instant::now());
        for round in 0..3000 {
            now += Duration::from_secs(6);
            assert!(breaker.admit(now).is_ok_and(|admission| {
                let _change = breaker.report(admission, round % 2 == 0, Duration::from_secs(2), now);
                true
            }));
        }
    }
}

/// Whatever happens: never more probes out than a trial has, nobody through while it is open, never open for longer
/// than the bound, and once everything out has come back somebody gets through again.
#[test]
fn no_order_of_events_breaks_it_or_locks_it() {
    for seed in 0..200 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (mut breaker, mut now) = (Breaker::new(SETTINGS, seed), Instant::now());
        let mut out: Vec<(Admission, bool)> = Vec::new();
        for _ in 0..500 {
            now += Duration::from_millis(rng.random_range(0..200));
            let before = breaker.stands();
            if rng.random_bool(0.5) {
                match (before, breaker.admit(now)) {
                    (Stands::Closed, Ok(admission)) => out.push((admission, false)),
                    (Stands::HalfOpen, Ok(admission)) => out.push((admission, true)),
                    (Stands::Open { until }, Ok(admission)) => {
                        assert!(now >= until, "seed {seed}");
                        out.iter_mut().for_each(|(_, probe)| *probe = false);
                        out.push((admission, true));
                    }
                    (Stands::Closed, Err(_)) => panic!("seed {seed}: closed, and refuses"),
                    (Stands::Open { until }, Err(wait)) => assert_eq!(now + wait, until),
                    (Stands::HalfOpen, Err(wait)) => assert_eq!(wait, SETTINGS.slow),
                }
            } else if !out.is_empty() {
                let (admission, _) = out.swap_remove(rng.random_range(0..out.len()));
                if rng.random_bool(0.2) {
                    breaker.withdraw(admission);
                } else {
                    let took = if rng.random_bool(0.3) { SLOW } else { FAST };
                    let _change = breaker.report(admission, rng.random_bool(0.4), took, now);
                }
            }
            match breaker.stands() {
                Stands::HalfOpen => {
                    let probes = out.iter().filter(|(_, probe)| *probe).count();
                    assert!(probes <= SETTINGS.probes as usize, "seed {seed}: {probes} probes");
                }
                Stands::Open { until } => {
                    assert!(until <= now + SETTINGS.longest_open, "seed {seed}");
                    out.iter_mut().for_each(|(_, probe)| *probe = false);
                }
                Stands::Closed => out.iter_mut().for_each(|(_, probe)| *probe = false),
            }
        }
        out.into_iter().for_each(|(admission, _)| breaker.withdraw(admission));
        assert!(breaker.admit(now + SETTINGS.longest_open).is_ok(), "seed {seed}: locked");
    }
}
