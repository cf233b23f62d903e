//! Doubles of suppliers: faithful to their protocols, over real HTTP on loopback.
//!
//! What holds here:
//! - A double checks signatures and credentials by code of its own; it shares none with the adapters.
//! - It keeps a log of every purchase and of every call: what was bought under which reference, not what was
//!   answered. Outside judges read it, in process ([`Double::log`]) or over HTTP (`GET /double/log`).
//! - How it behaves ([`Mood`]) is decided by seed, reference and kind alone, so a run can be played again.
//!
//! | protocol | [`Double::base_url`] ends in | same reference again |
//! |---|---|---|
//! | [`Protocol::Kasushou`] | nothing | refused, free text |
//! | [`Protocol::AcgFaka`] | nothing | refused |
//! | [`Protocol::Kinguin`] | `/esa/api` | buys again (it is not documented) |
//! | [`Protocol::Reloadly`] | nothing; `/auth`, `/giftcards`, `/topups` are its hosts | refused |
//! | [`Protocol::Dujiao`] | `/api/v1/upstream` | the first order again |

mod asked;
#[cfg(feature = "bench")]
pub mod bench;
mod callback;
mod control;
mod double;
mod fate;
mod form;
mod hex;
mod journal;
mod line;
mod money;
mod mood;
mod order;
mod protocol;
mod protocols;
mod reply;
mod shelf;
mod shop;

pub use callback::CallbackMessage;
pub use double::{Double, Setup};
pub use journal::{Call, Key, Lie, Log, Mishap, Outcome, Purchase};
pub use mood::{Callbacks, Duplicates, Millis, Mood, PendingQueries, PendingTime};
pub use protocol::{Credentials, Protocol};
pub use shelf::{Goods, Product};
