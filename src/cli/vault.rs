//! What commands that bring keys into the ledger seal them with. A data folder has sealing keys of its own; the
//! servers' recipient holds the private key elsewhere.

use std::sync::Arc;

use super::{
    context::{Context, Needed},
    failure::Failure,
    failure_of,
};
use crate::{
    compose::{self, LedgerSide},
    sealing::{Fingerprinter, OwnKeys, Sealer},
    stock::import::Vault,
};

/// # Errors
/// [`Failure`]: 78 when the configured servers' recipient or secret is not set.
pub fn ledger_and_vault(context: &Context) -> Result<(LedgerSide, Vault), Failure> {
    let (ledger, sealer, fingerprinter) = match context.data() {
        Some(path) => {
            let folder = compose::embedded(path).map_err(failure_of::compose)?;
            let own = OwnKeys::open_or_make(path).map_err(failure_of::own_keys)?;
            (folder.stores().into(), own.sealer, own.fingerprinter)
        }
        None => {
            let config = context.config_with(&[Needed::LedgerUrl, Needed::Recipient, Needed::FingerprintSecret])?;
            let recipient = config.sealing_recipient().map_err(failure_of::config)?;
            let secret = config.fingerprint_secret().map_err(failure_of::config)?;
            let ledger = compose::ledger_side(config).map_err(failure_of::compose)?;
            (ledger, Sealer::new(recipient.clone()), Fingerprinter::new(secret))
        }
    };
    Ok((ledger, Vault { sealer: Arc::new(sealer), fingerprinter: Arc::new(fingerprinter) }))
}
