//! RabbitMQ as the pool's broker: the ports `Sources`, `Source` and `Announcer` over AMQP 0.9.1.
//!
//! What holds here:
//! - One connection per session and one per announcer; nothing is shared between lanes. Nothing
//!   reconnects by itself: a session that ended says so, and a receipt of it acknowledges nothing
//!   in the next one.
//! - Every wait has the limit that its maker was given. A connection that is dropped is cut at
//!   once, so neither a frozen broker nor an alarm leaves anything behind.
//! - A verdict `Confirmed` means routed and on the broker's disks. Which message was returned is
//!   told by its own content, never by the confirmation it came with.
//! - No password and no body is in an error or a log of this crate. (The client library logs
//!   returned messages whole: keep its target `lapin` at `error`, or off.)
//!
//! RabbitMQ 3.10 and newer, with its feature flag `stream_queue` (on wherever it was installed anew), or
//! dead-lettering is not at-least-once. More than one lane needs its plugin `rabbitmq_consistent_hash_exchange`.
//!
//! - [`declare`]: exchanges, queues and bindings, safe to repeat
//! - [`examine()`]: whether the broker is as the pool needs it
//! - [`RabbitSources`]: deliveries in, acknowledgements back
//! - [`RabbitAnnouncer`]: results and dead letters out
//! - [`RabbitSubmitter`]: orders in, as the platform publishes them
//! - [`RabbitResults`]: results as they come

mod announcer;
mod errors;
mod examine;
mod link;
mod publisher;
mod results;
mod session;
mod sources;
mod submit;
mod topology;
mod url;

pub use announcer::RabbitAnnouncer;
pub use errors::{TopologyError, UrlError};
pub use examine::examine;
pub use results::{RabbitResults, ResultMessage, Tap};
pub use sources::RabbitSources;
pub use submit::{RabbitSubmitter, Submission, SubmitUnavailable};
pub use topology::declare;
pub use url::BrokerUrl;
