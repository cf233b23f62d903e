//! Load tests: `fulfil` as its users meet it, from outside. Nothing here uses a crate of the pool; what the
//! pool does is judged by what was sent, what came back, and (as a witness) what `fulfil audit` says.
//!
//! - [`generate`]: made-up orders and the keys that they need, the same for the same [`seed`]
//! - [`publisher`]: orders into the broker, with confirms and a log
//! - [`sent`], [`results`], [`judge`]: what was sent, what came back, and whether the two agree
//! - [`program`], [`scrape`]: the built binary as a child process, and what its admin port says
//! - [`arguments`]: what every program with a verdict takes, and how it ends; [`own_servers`]: a user's servers
//! - `unplanned`: what must stand in no worker's log
//! - [`queues`]: how many messages wait where
//! - [`proxy`]: connections cut and silent at chosen bytes; [`cuts`]: those of workers, while orders come in
//! - [`kills`]: workers killed at random moments, with a fault in the middle
//! - [`outages`]: alarms, full disks and memory, servers away, under a steady load
//! - [`server_faults`]: servers killed, rolled back, emptied, replaced, under a steady load
//! - [`signals`]: workers restarted in good order, or stopped for longer than a lease, under a steady load
//! - [`crash_points`]: every crash point, with a death, a failure and a stall
//! - [`purchases`]: what is bought from suppliers that lose answers and lie; [`market`]: their doubles
//! - [`dead_supplier`]: one supplier goes dark while orders keep coming; [`waiting`]: orders from stock while others wait
//! - [`proof`]: all of them, one after the other
//! - [`floor_ratio`]: the worker against the bare floor program, in turn, on the same servers

pub mod arguments;
pub mod crash_points;
mod crew;
pub mod cuts;
pub mod dead_supplier;
mod ending;
pub mod floor_ratio;
pub mod format;
pub mod generate;
pub mod judge;
pub mod kept;
pub mod kills;
mod load;
pub mod market;
pub mod outages;
pub mod own_servers;
mod pace;
pub mod program;
pub mod proof;
pub mod proxy;
pub mod publisher;
pub mod purchases;
pub mod queues;
pub mod results;
pub mod scrape;
pub mod seed;
pub mod sent;
pub mod server_faults;
pub mod signals;
mod stage;
mod unplanned;
pub mod waiting;
