//! One seed, run in a runtime of one thread under a paused clock; and what is told of one that fails.

use std::{
    cell::RefCell,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Once,
};

use crate::{seen::Counts, world::World};

/// What a seed came to.
pub(crate) struct Came {
    pub(crate) seed: u64,
    pub(crate) hash: u64,
    pub(crate) events: u64,
    pub(crate) seen: Counts,
    pub(crate) text: Option<String>,
}

/// A seed that broke something.
pub(crate) struct Broke {
    pub(crate) seed: u64,
    /// The invariant by its number, and what differs.
    pub(crate) what: String,
    text: String,
}

/// Lines of the trace that a failure shows.
const LAST: usize = 60;

impl Broke {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Broke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, what, text } = self;
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST)..].join("\n");
        let again =
            format!("FULFIL_SEED={seed} FULFIL_TRACE=trace.txt cargo test --features crash-points --test simulation");
        write!(
            f,
            "\nseed {seed} breaks {what}\n\nthe end of its trace:\n{last}\n\nthe same again, with the whole trace:\n  {again}"
        )
    }
}

/// Runs a seed; one that breaks something is run once more for its text.
pub(crate) fn run(seed: u64, with_text: bool) -> Result<Came, Broke> {
    match once(seed, with_text) {
        Ok(came) => Ok(came),
        Err((what, text)) if with_text => Err(Broke { seed, what, text }),
        Err((what, _)) => {
            let text = match once(seed, true) {
                Err((again, text)) if again == what => text,
                Err((again, text)) => format!("{text}\nNOT REPLAYED: the second run broke {again}"),
                Ok(_) => "NOT REPLAYED: the second run broke nothing".into(),
            };
            Err(Broke { seed, what, text })
        }
    }
}

thread_local! {
    /// The first panic of the seed that this thread runs: a task's would be lost in its handle.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn once(seed: u64, with_text: bool) -> Result<Came, (String, String)> {
    keep_panics();
    PANIC.take();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let mut world = None;
    let lived = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let world = world.insert(World::new(seed, with_text));
            world.live().await;
        });
    }));
    let world = world.unwrap();
    let text = world.trace.text();
    let panicked = PANIC.take().map(|panic| format!("the code, which panicked: {panic}"));
    match world.watch.broken().or(panicked).or_else(|| lived.err().map(|_| "the simulation itself".into())) {
        Some(what) => Err((what, text.unwrap_or_default())),
        None => {
            Ok(Came { seed, hash: world.trace.hash(), events: world.trace.events(), seen: world.seen.counts(), text })
        }
    }
}

/// Panics of seeds' threads are kept for their seed instead of being printed.
fn keep_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() == Some(THREAD) {
                PANIC.with_borrow_mut(|kept| {
                    kept.get_or_insert_with(|| panic.to_string());
                });
            } else {
                print(panic);
            }
        }));
    });
}

/// What threads that run seeds are called.
pub(crate) const THREAD: &str = "seeds";
