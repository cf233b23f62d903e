//! The guards around a supplier double, on a stopped clock.

mod broken_off;
mod clocks;
mod double;
mod metrics_shown;
mod pauses;
mod retries;
mod times;
mod trouble;
