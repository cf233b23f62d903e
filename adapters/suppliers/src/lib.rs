//! Suppliers over HTTP, one module per protocol.
//!
//! What holds here: an adapter makes one attempt per call and knows its protocol, nothing else; whatever is
//! not a clear answer of that protocol is unknown, never a guess; a purchase is written to the network at most
//! once ([`wire`]); amounts are whole minor units, and decimals of a protocol are converted as text
//! ([`decimal`]); a secret is shown nowhere ([`secret`]).
//!
//! - suppliers without code of their own, by configuration alone: [`json`]
//! - protocols: [`kasushou`] 卡速售, [`acg_faka`] shared shop, [`kinguin`], [`reloadly`] gift cards and top-ups
//! - how one is configured: [`settings`]
//! - what may stand in HTTP's place, in fuzz targets and tests: [`Carrier`]

mod acg_faka;
mod decimal;
mod digest;
mod json;
mod kasushou;
mod kinguin;
mod reloadly;
mod secret;
pub mod settings;
mod wire;

pub use wire::{Answered, Asked, Carrier, Failure};
