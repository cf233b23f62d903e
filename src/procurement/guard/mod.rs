//! What stands around one supplier. An adapter makes one attempt per call; here it is decided whether a call may
//! be made now, how long it may take, and what its outcome says about the supplier.
//!
//! What holds here: every configured supplier has a [`Guarded`] of its own and nothing is shared between two of
//! them; a purchase is never retried; whoever is refused is told why and until when, and never waits in here.
//!
//! - [`guarded`]: the calls, with their time limits; alone reads the clock, everything else takes `now`
//! - [`gate`]: asks breaker, pause, rate and bulkhead in this order; a [`Permit`] holds what they gave
//! - [`breaker`] (over a [`window`]), [`pause`], [`rate`], [`bulkhead`], [`budget`]: one rule each
//! - [`turns`]: those who are refused come back one after another
//! - [`meaning`]: what an answer says about the supplier; [`health`]: what is remembered of it

mod breaker;
mod budget;
mod bulkhead;
mod closed;
mod gate;
mod guarded;
mod health;
mod meaning;
mod pause;
mod rate;
mod settings;
mod turns;
mod window;

pub use closed::{Closed, ClosedWhy};
pub use gate::Permit;
pub use guarded::Guarded;
pub use health::{BreakerState, Health, Measured, Paused};
pub use pause::PauseReason;
pub use settings::{BreakerSettings, BudgetSettings, GuardSettings};

#[cfg(test)]
mod tests;
