//! What a double sells.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// As the protocol calls it in a purchase. Reloadly: a gift card's product id, or a top-up's operator id.
    pub id: String,
    pub goods: Goods,
    /// In minor units.
    pub unit_price: u64,
    pub stock: u64,
    pub on_sale: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goods {
    Keys,
    /// Keys of a number and a password, where the protocol has both.
    Pairs,
    TopUp,
}
