//! The doubles as a buyer sees them, over real HTTP.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: a call that fails is a test that fails")]

mod buyers;
mod callbacks;
mod client;
mod lies;
mod mishaps;
mod program;
mod purchases;
mod refusals;

use supplier_doubles::{Double, Mood, Protocol, Setup};

/// A runtime with a thread of its own for the double, so that a test may block on a client.
struct Stage {
    double: Double,
    runtime: tokio::runtime::Runtime,
}

impl Stage {
    fn of(protocol: Protocol, mood: Mood) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let setup = Setup { mood, ..Setup::of(protocol) };
        let double = runtime.block_on(Double::start(protocol, setup)).unwrap();
        Self { double, runtime }
    }
}

/// Once for each protocol.
fn each(mood: &Mood, case: impl Fn(&Stage, buyers::Buyer)) {
    for protocol in Protocol::ALL {
        let stage = Stage::of(protocol, mood.clone());
        let buyer = buyers::Buyer::of(&stage.double);
        case(&stage, buyer);
    }
}
