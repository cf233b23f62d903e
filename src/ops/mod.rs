//! What an SRE sees and does: metrics, the admin port, draining.

pub mod admin;
pub mod drain;
pub mod metrics;
pub mod procurement_metrics;
pub mod signals;
pub mod supplier_metrics;
