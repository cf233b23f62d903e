//! Acknowledge: one call for every delivery up to the watermark. It takes the receipt that the watermark
//! gave, and that one came out of an announced batch (I4).

use fulfil_contract::ports::source::{Receipt, Source, SourceError};

/// Acknowledges up to and including `last`.
///
/// # Errors
/// [`SourceError`]: the session is over, and what was acknowledged of it unknown; redelivery ends in I2.
pub async fn acknowledge(source: &mut dyn Source, last: Receipt) -> Result<(), SourceError> {
    source.acknowledge_up_to(last).await
}
