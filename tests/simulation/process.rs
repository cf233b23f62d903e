//! One worker's process as the simulation has it: its chance, what befalls its calls and its tasks, and whether it
//! is stopped.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    task::Waker,
    time::Duration,
};

use fulfil::chance::Chance;
use fulfil_memory::{Disturber, Fault};
use rand::{Rng, RngExt, SeedableRng, rngs::SmallRng};
use tokio::time::Instant;

use crate::{
    invariants::Watch,
    seen::{self, Seen},
    trace::{Trace, Who},
};

/// Which servers are away, for all workers alike, and until when.
pub(crate) type Weather = Arc<Mutex<BTreeMap<&'static str, Instant>>>;

/// How much befalls a process. Out of 100.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trouble {
    /// Calls that fail, or are late.
    pub(crate) calls: u32,
    /// Polls of a task that others go before.
    pub(crate) turns: u32,
    /// Of the troubled calls: those that take longer than anybody has patience.
    pub(crate) stalls: u32,
    /// The call that most of it befalls, so that every fault comes to calls that are seldom made.
    pub(crate) sore: Option<&'static str>,
    /// The kind of fault that the sore call meets again and again: what takes three refusals in a row happens too.
    pub(crate) habit: Option<u32>,
}

/// What befalls the sore call.
const SORE: (u32, u32) = (60, 25);
/// Of the kinds that [`roll`] tells apart.
const KINDS: u32 = 10;
/// One of each: before, swallowed, after, refused, late.
const HABITS: [u32; 5] = [0, 2, 3, 6, 9];

impl Trouble {
    pub(crate) const NONE: Self = Self { calls: 0, turns: 0, stalls: 0, sore: None, habit: None };

    pub(crate) fn roll(rng: &mut SmallRng) -> Self {
        let calls = if rng.random_bool(0.3) { 0 } else { rng.random_range(1..25) };
        let (turns, stalls) = (rng.random_range(0..20), rng.random_range(0..10));
        let sore = rng.random_bool(0.3).then(|| seen::any_call(rng));
        let habit = rng.random_bool(0.7).then(|| HABITS[rng.random_range(0..HABITS.len())]);
        Self { calls, turns, stalls, sore, habit }
    }

    /// For this call.
    fn at(self, call: &str) -> Self {
        if self.sore == Some(call) {
            Self { calls: SORE.0, stalls: SORE.1, ..self }
        } else {
            Self { habit: None, ..self }
        }
    }
}

pub(crate) struct Process {
    who: Who,
    trace: Arc<Trace>,
    seen: Seen,
    watch: Arc<Watch>,
    weather: Weather,
    state: Mutex<State>,
}

struct State {
    rng: SmallRng,
    trouble: Trouble,
    frozen: bool,
    /// Tasks that ask to go on while it is frozen.
    parked: Vec<Waker>,
}

impl Process {
    pub(crate) fn new(
        number: u32,
        seed: u64,
        trouble: Trouble,
        trace: &Arc<Trace>,
        seen: &Seen,
        watch: &Arc<Watch>,
        weather: &Weather,
    ) -> Self {
        let state = State { rng: SmallRng::seed_from_u64(seed), trouble, frozen: false, parked: Vec::new() };
        Self {
            who: Who::Worker(number),
            trace: trace.clone(),
            seen: seen.clone(),
            watch: watch.clone(),
            weather: weather.clone(),
            state: Mutex::new(state),
        }
    }

    /// As SIGSTOP does: no task of it goes on.
    pub(crate) fn freeze(&self) {
        self.tell("frozen", "", 0);
        self.state().frozen = true;
    }

    /// As SIGCONT does.
    pub(crate) fn go_on(&self) {
        let parked = {
            let mut state = self.state();
            if !std::mem::take(&mut state.frozen) {
                return;
            }
            std::mem::take(&mut state.parked)
        };
        self.tell("goes on", "", parked.len() as u64);
        self.seen.count("worker", "gone on");
        parked.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.state().frozen
    }

    pub(crate) fn trouble(&self, trouble: Trouble) {
        self.state().trouble = trouble;
    }

    pub(crate) fn tell(&self, what: &str, of: &str, how: u64) {
        self.trace.tell(self.who, what, of, how);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn away(&self, call: &str) -> bool {
        let until = self.weather.lock().unwrap().get(server_of(call)).copied();
        until.is_some_and(|until| Instant::now() < until)
    }
}

/// Which server a call goes to.
pub(crate) fn server_of(call: &str) -> &'static str {
    match call.split_once('.').map_or(call, |(port, _)| port) {
        "source" | "announcer" => "broker",
        "stock" => "stock",
        _ => "ledger",
    }
}

impl Chance for Process {
    fn bits(&self) -> u64 {
        self.state().rng.next_u64()
    }

    fn goes_on(&self, task: &'static str, waker: &Waker) -> bool {
        let mut state = self.state();
        if state.frozen {
            state.parked.push(waker.clone());
            return false;
        }
        let turns = state.trouble.turns;
        let held_back = turns > 0 && state.rng.random_range(0..100) < turns;
        drop(state);
        if held_back {
            self.tell("held back", task, 0);
            self.seen.count("task", "held back");
            waker.wake_by_ref();
        }
        !held_back
    }
}

impl Disturber for Process {
    fn fault(&self, call: &'static str) -> Fault {
        let away = self.away(call);
        let fault = {
            let mut state = self.state();
            let State { rng, trouble, .. } = &mut *state;
            roll(trouble.at(call), away, rng)
        };
        // What is read, or written by number, is no data that a ledger refuses.
        let refusable = !call.starts_with("ledger.") || call == "ledger.record";
        let fault = if fault == Fault::Refused && !refusable { Fault::Before } else { fault };
        self.seen.count("called", call);
        let (kind, how) = match fault {
            Fault::None => ("call", 0),
            Fault::Before => ("before", 0),
            Fault::After => ("after", 0),
            Fault::Swallowed => ("swallowed", 0),
            Fault::Refused => ("refused", 0),
            Fault::Yield(times) => ("yield", u64::from(times)),
            Fault::Late { before, after, lost } => {
                let kind = if before + after > STALL { "stalled" } else { "late" };
                if lost {
                    self.seen.count("lost", call);
                }
                (kind, (before.as_micros() * 2) as u64 + (after.as_micros() * 4) as u64 + u64::from(lost))
            }
        };
        self.tell(kind, call, how);
        self.seen.count(kind, call);
        if fault == Fault::Refused && call == "ledger.record" {
            self.watch.a_record_was_refused();
        }
        fault
    }

    fn came_back(&self, call: &'static str, well: bool) {
        self.tell(if well { "well" } else { "failed" }, call, 0);
        self.watch.after(call);
    }
}

/// Later than this is a stall.
const STALL: Duration = Duration::from_secs(4);

fn roll(trouble: Trouble, away: bool, rng: &mut SmallRng) -> Fault {
    if away {
        // Who talked to the server when it went may have been heard.
        return if rng.random_range(0..20) == 0 { Fault::After } else { Fault::Before };
    }
    if trouble.calls == 0 || rng.random_range(0..100) >= trouble.calls {
        let yields = trouble.turns > 0 && rng.random_range(0..100) < 25;
        return if yields { Fault::Yield(rng.random_range(1..5)) } else { Fault::None };
    }
    if rng.random_range(0..100) < trouble.stalls {
        return late(rng, 60_000_000, 5_000_000);
    }
    match trouble.habit.unwrap_or_else(|| rng.random_range(0..KINDS)) {
        0..2 => Fault::Before,
        2 => Fault::Swallowed,
        3..6 => Fault::After,
        6 => Fault::Refused,
        7..9 => late(rng, 80_000, 0),
        _ => late(rng, 1_500_000, 0),
    }
}

/// So many microseconds at least, and up to so many more, before its effect or after it.
fn late(rng: &mut SmallRng, most: u64, least: u64) -> Fault {
    let time = Duration::from_micros(least + rng.random_range(0..most));
    let (before, after) = if rng.random_bool(0.5) { (time, Duration::ZERO) } else { (Duration::ZERO, time) };
    Fault::Late { before, after, lost: rng.random_bool(0.3) }
}
