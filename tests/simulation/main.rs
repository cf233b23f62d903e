//! The pipeline and the slow lane over ports in memory: one thread a seed, a paused clock. At every call of a port a
//! fault, a delay or a reordering; at every other await point a reordering; several workers at once, killed, stopped
//! beyond their leases and continued, drained; servers cut, emptied, put back to an older state; suppliers that lose
//! answers and lie. A seed decides all of it. `invariants` holds what happens against I1–I9.
//!
//! A failure names its seed, the invariant, and how to see the same again:
//! `FULFIL_SEED=7 FULFIL_TRACE=trace.txt cargo test --features crash-points --test simulation`.
//! `FULFIL_SEEDS=200000` runs more of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on ends here")]

mod invariants;
mod orders;
mod person;
mod process;
mod seed;
mod seen;
mod supplier;
mod trace;
mod worker;
mod world;

use std::{
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, available_parallelism},
    time::Instant,
};

use seed::{Broke, Came, THREAD};

/// Seeds of a usual run. From so many on, everything that can happen has happened at least once.
const SEEDS: u64 = 20_000;
/// Seeds that are replayed.
const REPLAYED: u64 = 100;

/// Of the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

#[test]
fn no_seed_breaks_an_invariant() {
    if let Some(seed) = number("FULFIL_SEED") {
        return one(seed);
    }
    let (seeds, began) = (number("FULFIL_SEEDS").unwrap_or(SEEDS), Instant::now());
    let (mut seen, mut events) = (seen::Counts::new(), 0);
    let broke = each(seeds, |came| {
        events += came.events;
        seen::add(&mut seen, came.seen);
    });
    let time = began.elapsed().as_secs();
    if let Some(broke) = broke {
        panic!("{broke}");
    }
    eprintln!("{seeds} seeds, {events} events, {time} s: clean");
    if seeds >= SEEDS {
        seen::assert_that_everything_happened(&seen);
    }
}

/// The same seed gives the same trace: in another thread beside it, and in another process.
#[test]
fn a_seed_is_the_same_history_again() {
    const CHILD: &str = "FULFIL_TELL_HASHES";
    let mut hashes = vec![0; REPLAYED as usize];
    let broke = each(REPLAYED, |came| hashes[came.seed as usize - 1] = came.hash);
    assert!(broke.is_none(), "{}", broke.unwrap());
    if std::env::var_os(CHILD).is_some() {
        hashes.iter().for_each(|hash| println!("hash {hash:016x}"));
        return;
    }
    let mut again = vec![0; REPLAYED as usize];
    let broke = each(REPLAYED, |came| again[came.seed as usize - 1] = came.hash);
    assert!(broke.is_none(), "{}", broke.unwrap());
    let told = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_seed_is_the_same_history_again", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let child: Vec<u64> = told
        .lines()
        .filter_map(|line| line.split_once("hash ").map(|(_, hash)| u64::from_str_radix(hash, 16).unwrap()))
        .collect();
    let differ: Vec<usize> =
        (0..hashes.len()).filter(|at| hashes[*at] != again[*at] || child.get(*at) != Some(&hashes[*at])).collect();
    let first = differ.first().map(|at| at + 1);
    assert!(differ.is_empty(), "{} of {REPLAYED} seeds were not the same again; the first is {first:?}", differ.len());
    eprintln!("{REPLAYED} seeds, each three times, in two processes: the same traces");
}

fn one(seed: u64) {
    let ran = thread::Builder::new().name(THREAD.into()).spawn(move || seed::run(seed, true)).unwrap().join().unwrap();
    let path = std::env::var("FULFIL_TRACE").ok();
    let write = |text: &str| path.iter().for_each(|path| std::fs::write(path, text).unwrap());
    match ran {
        Ok(came) => {
            write(came.text.as_deref().unwrap_or_default());
            eprintln!("seed {seed}: {} events, trace {:016x}: clean", came.events, came.hash);
        }
        Err(broke) => {
            write(broke.text());
            panic!("{broke}");
        }
    }
}

/// Runs seeds 1 to `seeds` on all cores, until one breaks something: the lowest of those that were under way.
fn each(seeds: u64, mut came: impl FnMut(Came) + Send) -> Option<Broke> {
    let (next, last, broke) = (AtomicU64::new(1), AtomicU64::new(seeds), Mutex::new(None::<Broke>));
    let came = Mutex::new(&mut came);
    thread::scope(|scope| {
        for _ in 0..available_parallelism().map_or(1, usize::from) {
            let run = || loop {
                let seed = next.fetch_add(1, Relaxed);
                if seed > last.load(Relaxed) {
                    return;
                }
                match seed::run(seed, false) {
                    Ok(one) => came.lock().unwrap()(one),
                    Err(one) => {
                        last.fetch_min(seed, Relaxed);
                        let mut broke = broke.lock().unwrap();
                        if broke.as_ref().is_none_or(|other| one.seed < other.seed) {
                            *broke = Some(one);
                        }
                    }
                }
            };
            thread::Builder::new().name(THREAD.into()).spawn_scoped(scope, run).unwrap();
        }
    });
    broke.into_inner().unwrap()
}
