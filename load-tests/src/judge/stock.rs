//! How many keys of each SKU were there to sell: the key file, repeats left out.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use anyhow::{Context, Result};

use crate::sent::lines;

/// Keys per SKU.
#[derive(Debug, Default)]
pub struct Stock(HashMap<String, u64>);

impl Stock {
    /// Reads a file of plain `sku,key` lines, with or without that header, as `generate` writes it.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read(path: &Path) -> Result<Self> {
        let mut seen = HashSet::new();
        let mut stock = Self::default();
        for line in lines(path)? {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            let Some((sku, _)) = line.split_once(',').filter(|&(sku, key)| (sku, key) != ("sku", "key")) else {
                continue;
            };
            let sku = sku.to_owned();
            if seen.insert(line) {
                *stock.0.entry(sku).or_default() += 1;
            }
        }
        Ok(stock)
    }

    #[must_use]
    pub fn keys(&self, sku: &str) -> u64 {
        self.0.get(sku).copied().unwrap_or(0)
    }

    #[must_use]
    pub fn all(&self) -> u64 {
        self.0.values().sum()
    }
}
