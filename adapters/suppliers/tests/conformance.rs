//! kasushou, and dujiao-next by configuration, against the doubles of their suppliers, over real HTTP, through
//! the one suite of the port.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests: what can not be set up is a test that fails")]

#[path = "conformance/configured.rs"]
mod configured;
#[path = "conformance/json.rs"]
mod json;
#[path = "conformance/kasushou.rs"]
mod kasushou;
