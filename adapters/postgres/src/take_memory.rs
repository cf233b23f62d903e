//! What takes from the ledger remember, so that a flood of them does not scan the same sold keys again.
//! Everything here may be forgotten at any time; a wrong memory lasts a second, or until a scan from the top.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a take that found too few keys speaks for the next ones.
const SHORT_FOR: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct TakeMemory {
    skus: Mutex<HashMap<i32, Remembered>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Remembered {
    /// Fewer keys than this were available, until then.
    short: Option<(usize, Instant)>,
    /// Above this id everything was taken.
    below: Option<i64>,
    /// Rises with every import: what was seen before an import is not remembered after it.
    imports: u64,
}

/// What a take starts from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Take ids below this one first.
    pub(crate) below: Option<i64>,
    imports: u64,
}

impl TakeMemory {
    pub(crate) fn seen(&self, sku_id: i32) -> Seen {
        let remembered = self.remembered(sku_id);
        Seen { below: remembered.below, imports: remembered.imports }
    }

    /// Whether a take just found fewer keys than this.
    pub(crate) fn is_short_of(&self, sku_id: i32, quantity: usize) -> bool {
        self.remembered(sku_id)
            .short
            .is_some_and(|(fewer_than, until)| quantity >= fewer_than && Instant::now() < until)
    }

    /// A take found `found` keys and no more.
    pub(crate) fn found_only(&self, sku_id: i32, found: usize, seen: Seen) {
        self.change(sku_id, |remembered| {
            if remembered.imports == seen.imports {
                remembered.short = Some((found + 1, Instant::now() + SHORT_FOR));
                remembered.below = None;
            }
        });
    }

    /// A take went down to this id.
    pub(crate) fn took_down_to(&self, sku_id: i32, lowest: i64, seen: Seen) {
        self.change(sku_id, |remembered| {
            if remembered.imports == seen.imports {
                remembered.below = Some(lowest);
            }
        });
    }

    /// Keys may have been added.
    pub(crate) fn imported(&self, sku_ids: impl IntoIterator<Item = i32>) {
        for sku_id in sku_ids {
            self.change(sku_id, |remembered| {
                *remembered = Remembered { imports: remembered.imports + 1, ..Remembered::default() }
            });
        }
    }

    /// Keys may have been added, of any SKU.
    pub(crate) fn forget(&self) {
        let sku_ids: Vec<i32> = self.skus.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        self.imported(sku_ids);
    }

    fn remembered(&self, sku_id: i32) -> Remembered {
        self.skus.lock().unwrap_or_else(PoisonError::into_inner).get(&sku_id).copied().unwrap_or_default()
    }

    fn change(&self, sku_id: i32, change: impl FnOnce(&mut Remembered)) {
        change(self.skus.lock().unwrap_or_else(PoisonError::into_inner).entry(sku_id).or_default());
    }
}
