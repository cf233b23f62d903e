//! The adapter against a private RabbitMQ that all tests of this file share, each in a virtual host
//! of its own.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod announcer;
mod broker;
mod examine;
mod results;
mod source;
mod topology;
