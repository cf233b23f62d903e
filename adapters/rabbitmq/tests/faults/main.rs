//! What happens to sessions and announcements while their broker is killed, silent or out of memory.
//! Each test has a broker of its own. A killed process's written pages survive it: this is no power cut.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod alarm;
mod broker;
mod killed;
mod plugin;
mod silent;
