//! kasushou, and dujiao-next by configuration, against the doubles of their suppliers, over real HTTP, through
//! the one suite of the port.

#[path = "conformance/configured.rs"]
mod configured;
#[path = "conformance/json.rs"]
mod json;
#[path = "conformance/kasushou.rs"]
mod kasushou;
