//! The names of our keys. The keys of one bucket share a hash tag, so that they lie in one slot of a
//! cluster; SKUs and worker ids hold no braces.

use fulfil_contract::{ids::WorkerId, stock::Bucket};

/// What all names begin with.
pub(crate) const PREFIX: &str = "fulfil";

/// The keys of one bucket.
#[derive(Debug)]
pub(crate) struct BucketKeys {
    /// Hash: epoch, loaded_to, complete.
    pub(crate) bucket: String,
    /// List of the ids that are offered.
    pub(crate) stock: String,
    /// Hash: claim id → ids.
    pub(crate) claims: String,
}

impl BucketKeys {
    pub(crate) fn of(prefix: &str, bucket: &Bucket) -> Self {
        let named = |what| format!("{prefix}:{{{bucket}}}:{what}");
        Self { bucket: named("bucket"), stock: named("stock"), claims: named("claims") }
    }
}

/// The key of a worker's heartbeat.
pub(crate) fn heartbeat(prefix: &str, worker: &WorkerId) -> String {
    format!("{prefix}:worker:{worker}")
}

#[cfg(test)]
mod tests {
    use fulfil_contract::ids::Sku;

    use super::*;

    #[test]
    fn the_keys_of_a_bucket_share_its_tag() {
        let keys = BucketKeys::of(PREFIX, &Bucket { sku: Sku::parse("music-12").unwrap(), index: 0 });
        assert_eq!(keys.bucket, "fulfil:{music-12.0}:bucket");
        assert_eq!(keys.stock, "fulfil:{music-12.0}:stock");
        assert_eq!(keys.claims, "fulfil:{music-12.0}:claims");
    }
}
