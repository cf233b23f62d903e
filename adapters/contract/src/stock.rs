//! Stock: buckets, epochs, claims. Ids here are hints; the ledger alone decides that a key is sold (I1).

use std::fmt;

use crate::ids::{KeyId, Sku, WorkerId};

/// A part of one SKU's stock.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket {
    pub sku: Sku,
    pub index: u16,
}

impl Bucket {
    /// Which of a SKU's `buckets` a key belongs to: blocks of 1,024 consecutive ids go round the buckets,
    /// so that one claim's ids stay together in the ledger's heap.
    #[must_use]
    pub fn index_of(key: KeyId, buckets: u16) -> u16 {
        let buckets = i64::from(buckets.max(1));
        u16::try_from((key.0 >> 10).rem_euclid(buckets)).unwrap_or(0)
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.sku, self.index)
    }
}

/// Which loading of a SKU's stock is in force; the ledger issues it by compare-and-set. Starts at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub i64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One claim of one worker: unique for ever, since a worker id is one run of one process.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimId {
    pub worker: WorkerId,
    pub number: u64,
}

/// `worker/number`; a worker id holds no slash.
impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.worker, self.number)
    }
}

impl ClaimId {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (worker, number) = text.rsplit_once('/')?;
        Some(Self { worker: WorkerId::parse(worker).ok()?, number: number.parse().ok()? })
    }
}

/// "Give me up to `most` ids of this bucket under this claim." Sent again, it gives the same ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    pub bucket: Bucket,
    pub epoch: Epoch,
    pub claim: ClaimId,
    /// 1–10,000.
    pub most: u32,
}

/// What a bucket says to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimAnswer {
    /// Lowest ids first. Fewer than asked for is no verdict on the stock: the ledger is asked before that.
    Claimed(Vec<KeyId>),
    /// The bucket is not of the epoch that the claim names (`None`: it has none, it was lost).
    WrongEpoch(Option<Epoch>),
}

/// "Forget this claim; these of its ids go back." Under another epoch, or for a claim that is not there
/// (settled or taken over already), it does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settle {
    pub bucket: Bucket,
    pub epoch: Epoch,
    pub claim: ClaimId,
    pub back: GoBack,
}

/// Which ids of a settled claim return to the bucket, at its front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoBack {
    /// The ledger judged the claim's ids; these were not sold and are available.
    These(Vec<KeyId>),
    /// The claim's answer never arrived, so none of its ids was offered to anybody.
    All,
}

/// A bucket as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketState {
    /// `None`: there is no such bucket (never loaded, or lost).
    pub epoch: Option<Epoch>,
    /// The highest id that was loaded in this epoch; 0 before the first.
    pub loaded_to: KeyId,
    /// The loading of this epoch has reached its end once. Before that, short means nothing.
    pub complete: bool,
    /// How many ids it offers now.
    pub offered: u64,
}

/// "These are all the available ids in (`from`, `to`]." Refused unless the bucket has this epoch and
/// `from` is its `loaded_to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    pub bucket: Bucket,
    pub epoch: Epoch,
    pub from: KeyId,
    pub to: KeyId,
    /// Rising; at most 5,000.
    pub ids: Vec<KeyId>,
    /// This load reaches the end of what the ledger had when the epoch began.
    pub complete: bool,
}

/// Whether a load or a reset took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Loaded {
    Done,
    /// Another epoch is in force, or another loader was faster: read the bucket's state again.
    Refused,
}

/// A claim that has not been settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenClaim {
    pub claim: ClaimId,
    pub ids: Vec<KeyId>,
}

/// Tells one life of the stock server from another: run id and replication id. When it changes, what the
/// server holds may be older than what it said before.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StockIdentity(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_take_blocks_in_turn() {
        assert_eq!(Bucket::index_of(KeyId(1), 4), 0);
        assert_eq!(Bucket::index_of(KeyId(1024), 4), 1);
        assert_eq!(Bucket::index_of(KeyId(4096), 4), 0);
        assert_eq!(Bucket::index_of(KeyId(5000), 1), 0);
        assert_eq!(Bucket::index_of(KeyId(5000), 0), 0);
    }

    #[test]
    fn a_claim_id_reads_what_it_writes() {
        let claim = ClaimId { worker: WorkerId::parse("w-1.2").unwrap(), number: 7 };
        assert_eq!(ClaimId::parse(&claim.to_string()), Some(claim));
        assert_eq!(ClaimId::parse("w-1"), None);
    }
}
