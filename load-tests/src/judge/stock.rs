//! Which keys of each SKU were there to sell: the key file, repeats left out.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::Path,
};

use anyhow::{Context, Result};

use crate::sent::lines;

/// Keys per SKU, as they were given: the first writing of each.
#[derive(Default)]
pub struct Stock(HashMap<String, HashSet<String>>);

/// Never a key.
impl fmt::Debug for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stock({} keys)", self.all())
    }
}

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
            let Some((sku, key)) = line.split_once(',').filter(|&(sku, key)| (sku, key) != ("sku", "key")) else {
                continue;
            };
            if seen.insert((sku.to_owned(), plain_form(key))) {
                stock.0.entry(sku.to_owned()).or_default().insert(key.to_owned());
            }
        }
        Ok(stock)
    }

    #[must_use]
    pub fn keys(&self, sku: &str) -> u64 {
        self.0.get(sku).map_or(0, |keys| keys.len() as u64)
    }

    #[must_use]
    pub fn all(&self) -> u64 {
        self.0.values().map(|keys| keys.len() as u64).sum()
    }

    /// Whether it is one of them, letter for letter.
    #[must_use]
    pub fn has(&self, sku: &str, key: &str) -> bool {
        self.0.get(sku).is_some_and(|keys| keys.contains(key))
    }
}

/// The form in which two writings of one key are equal, of those that a key file here has: without white space and
/// dashes, in capitals.
#[must_use]
pub(crate) fn plain_form(key: &str) -> String {
    key.chars().filter(|sign| !sign.is_whitespace() && *sign != '-').map(|sign| sign.to_ascii_uppercase()).collect()
}
