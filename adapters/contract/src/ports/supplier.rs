//! One supplier, one attempt per call. An adapter knows its protocol and nothing else: time limits, retries,
//! breaker, rate and bulkhead wrap it.

use async_trait::async_trait;

use crate::supplier::{
    Bought, Callback, Found, Hint, Offer, Promises, Purchase, Sought, SupplierBalance, SupplierProduct,
};

/// Why a supplier gave no information; nothing depends on it but what people see and how routes are ordered.
#[derive(Debug, thiserror::Error)]
pub enum SupplierError {
    #[error("can't be reached: {0}")]
    Unreachable(String),
    #[error("gave no clear answer: {0}")]
    Unclear(String),
    #[error("does not accept our credentials: {0}")]
    Credentials(String),
    /// The protocol has no such call.
    #[error("the protocol does not tell")]
    NotTold,
}

/// Why a callback is not acted on. None of these is told to the sender in more words than its status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackRefused {
    #[error("the supplier sends no callbacks that we read")]
    NotSpoken,
    #[error("the callback can't be read: {0}")]
    Unreadable(String),
    #[error("the callback's signature is wrong or missing")]
    Signature,
    #[error("the callback is too old or from the future: {0} s")]
    Age(i64),
}

#[async_trait]
pub trait Supplier: Send + Sync {
    fn promises(&self) -> Promises;

    /// Sends one purchase. Never retries by itself; every outcome that is not clear is
    /// [`Bought::Unknown`].
    async fn buy(&self, purchase: Purchase<'_>) -> Bought;

    /// Asks about an attempt by our reference, or by the supplier's id where its protocol wants that. Buys
    /// nothing.
    async fn query(&self, sought: Sought<'_>) -> Found;

    /// What these products cost and whether there are any, in any order; products that are not told are
    /// left out.
    ///
    /// # Errors
    /// [`SupplierError`].
    async fn offers(&self, products: &[SupplierProduct]) -> Result<Vec<Offer>, SupplierError>;

    /// # Errors
    /// [`SupplierError`].
    async fn balance(&self) -> Result<SupplierBalance, SupplierError>;

    /// Checks a callback's signature (in constant time) and age.
    ///
    /// # Errors
    /// [`CallbackRefused`].
    fn read_callback(&self, callback: Callback<'_>) -> Result<Hint, CallbackRefused>;
}
