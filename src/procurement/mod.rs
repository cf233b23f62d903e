//! The slow lane: what stock can't fill is bought from a supplier, once, whatever happens on the way.
//!
//! The way of a procurement: [`buyer`] leases it, [`visit`] takes it step by step, each step decided by [`step`]
//! from committed rows alone: the supplier chosen by [`route`] (at a price that
//! [`price`] allows), the purchase sent by [`purchase`], settled by
//! [`question`]s; what it told is sealed by [`goods`]. Goods that come
//! when the lease is lost: `late`.
//!
//! - what ends procurements without a supplier, in every worker: [`unaided`]
//! - what stands around one supplier (breaker, pause, rate, bulkhead, budget, health): [`guard`]
//! - which suppliers may fill which SKU: [`assortment`]
//! - what suppliers tell without being asked: [`callbacks`], and the second look that they cause
//! - how long is waited: [`pace`]; prices, stock and counts for people: [`watch`]

pub mod assortment;
mod bounded_port;
pub mod buyer;
pub mod callbacks;
pub mod goods;
pub mod guard;
mod late;
mod pace;
mod price;
mod purchase;
mod question;
mod route;
mod second_look;
pub mod step;
pub mod unaided;
mod visit;
pub mod watch;
