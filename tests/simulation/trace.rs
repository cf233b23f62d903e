//! What happened, in order: a hash that two runs of one seed must share, and on demand the text of it.

use std::{
    fmt::Write,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard},
};

use tokio::time::Instant;

/// Who did it: the world itself, a worker by its number, or a supplier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    World,
    Worker(u32),
    Supplier(&'static str),
}

pub(crate) struct Trace {
    began: Instant,
    told: Mutex<Told>,
}

struct Told {
    /// `DefaultHasher::new` has fixed keys: every process hashes alike.
    hash: DefaultHasher,
    events: u64,
    text: Option<String>,
}

impl Trace {
    /// Begins now.
    pub(crate) fn new(with_text: bool) -> Self {
        let told = Told { hash: DefaultHasher::new(), events: 0, text: with_text.then(String::new) };
        Self { began: Instant::now(), told: Mutex::new(told) }
    }

    /// One event: who, what, to what, and a number that says how.
    pub(crate) fn tell(&self, who: Who, what: &str, of: &str, how: u64) {
        let at = self.began.elapsed().as_micros();
        let mut told = self.told();
        (at, who, what, of, how).hash(&mut told.hash);
        told.events += 1;
        let n = told.events;
        if let Some(text) = &mut told.text {
            let who = match who {
                Who::World => "world".to_owned(),
                Who::Worker(number) => format!("worker {number}"),
                Who::Supplier(name) => format!("supplier {name}"),
            };
            let seconds = at as f64 / 1e6;
            writeln!(text, "{n:>7} {seconds:>12.6} s  {who:<16} {what:<10} {of} {how}").unwrap();
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.told().hash.finish()
    }

    pub(crate) fn events(&self) -> u64 {
        self.told().events
    }

    pub(crate) fn text(&self) -> Option<String> {
        self.told().text.clone()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }
}
