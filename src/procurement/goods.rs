//! What a supplier told is sealed as soon as it is here (I7).
//!
//! What holds here: the plain keys are wiped when this is done, whatever came of it; nothing of them is in an
//! error.

use fulfil_contract::{
    ids::Sku,
    procurement::{BoughtKey, SealedGoods},
    supplier::{Goods, PlainKey},
};

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::{
    sealing::{CardKey, CardKeyError},
    stock::import::Vault,
};

/// Why goods can't be put into the ledger; a person has to look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GoodsError {
    #[error("{bad} of {all} keys are none: {first}")]
    NoKeys { bad: usize, all: usize, first: CardKeyError },
    #[error("keys came for a top-up")]
    KeysForRecharge,
    #[error("a top-up was made for a line that wants keys")]
    RechargeForKeys,
    #[error("sealing ended early: {0}")]
    Sealing(String),
}

/// Seals keys away from the threads that drive the lanes: a thousand keys take a tenth of a second.
///
/// # Errors
/// [`GoodsError`].
pub async fn seal(goods: Goods, sku: &Sku, recharge: bool, vault: &Vault) -> Result<SealedGoods, GoodsError> {
    match (goods, recharge) {
        (Goods::Recharge { receipt }, true) => Ok(SealedGoods::Recharge { receipt }),
        (Goods::Recharge { .. }, false) => Err(GoodsError::RechargeForKeys),
        (Goods::Keys(_), true) => Err(GoodsError::KeysForRecharge),
        (Goods::Keys(keys), false) => {
            let (sku, vault) = (sku.clone(), vault.clone());
            if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
                // One thread drives everything here: another would only race it.
                return seal_keys(&keys, &sku, &vault).map(SealedGoods::Keys);
            }
            let sealed = tokio::task::spawn_blocking(move || seal_keys(&keys, &sku, &vault)).await;
            sealed.map_err(|error| GoodsError::Sealing(error.to_string()))?.map(SealedGoods::Keys)
        }
    }
}

fn seal_keys(keys: &[PlainKey], sku: &Sku, vault: &Vault) -> Result<Vec<BoughtKey>, GoodsError> {
    let mut sealed = Vec::with_capacity(keys.len());
    let (mut bad, mut first) = (0, None);
    for key in keys {
        match CardKey::parse(key.expose()) {
            Ok(key) => sealed.push(BoughtKey {
                fingerprint: vault.fingerprinter.fingerprint(sku, key),
                sealed: vault.sealer.seal(sku, key),
            }),
            Err(error) => {
                bad += 1;
                first.get_or_insert(error);
            }
        }
    }
    match first {
        Some(first) => Err(GoodsError::NoKeys { bad, all: keys.len(), first }),
        None => Ok(sealed),
    }
}
