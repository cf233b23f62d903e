//! What the ledger last said of every SKU: epoch, buckets, highest id. A SKU that is not here yet is no
//! unknown one: the ledger takes for it, and says so itself.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use fulfil_contract::{ids::Sku, ports::stock_ledger::SkuState, stock::Bucket};

#[derive(Debug, Default)]
pub struct Catalogue {
    skus: RwLock<HashMap<Sku, SkuState>>,
}

impl Catalogue {
    #[must_use]
    pub fn get(&self, sku: &Sku) -> Option<SkuState> {
        self.skus.read().unwrap_or_else(PoisonError::into_inner).get(sku).cloned()
    }

    pub fn replace(&self, skus: Vec<SkuState>) {
        let skus = skus.into_iter().map(|state| (state.sku.clone(), state)).collect();
        *self.skus.write().unwrap_or_else(PoisonError::into_inner) = skus;
    }

    pub fn update(&self, state: SkuState) {
        self.skus.write().unwrap_or_else(PoisonError::into_inner).insert(state.sku.clone(), state);
    }

    #[must_use]
    pub fn all(&self) -> Vec<SkuState> {
        let mut skus: Vec<SkuState> =
            self.skus.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        skus.sort_by(|a, b| a.sku.cmp(&b.sku));
        skus
    }
}

/// The buckets of a SKU in its epoch.
pub fn buckets(state: &SkuState) -> impl Iterator<Item = Bucket> + '_ {
    (0..state.buckets.max(1)).map(|index| Bucket { sku: state.sku.clone(), index })
}
