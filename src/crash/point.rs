//! Where. Each is named for what has just happened.

macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point {
            $($(#[$doc])* $point,)*
        }

        impl Point {
            pub const ALL: &'static [Self] = &[$(Self::$point,)*];

            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }

            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|point| point.name() == name)
            }
        }
    };
}

points! {
    // The fast lane.
    /// A batch has been decoded; nothing was asked about it.
    Received = "received",
    /// The ledger was asked about redelivered messages.
    LookedUp = "looked_up",
    Screened = "screened",
    /// Stock has answered claims; nobody has the ids yet.
    ClaimAnswered = "claim_answered",
    /// The ids are dealt out.
    Claimed = "claimed",
    /// The first transaction is committed, and its settles wait.
    Recorded = "recorded",
    /// Orders that lost a key have claimed again.
    ClaimedAnew = "claimed_anew",
    RecordedAnew = "recorded_anew",
    /// Orders that lost twice were given keys by the ledger.
    Taken = "taken",
    TwinsAnswered = "twins_answered",
    /// Every delivery of the batch has a judgement.
    Answered = "answered",
    /// The broker has confirmed or refused the results; nobody knows yet.
    Published = "published",
    /// Results that the broker refused are owed.
    Owed = "owed",
    /// All results are confirmed or owed; nothing is acknowledged.
    Announced = "announced",
    /// The watermark has come to this batch.
    Acknowledging = "acknowledging",
    Acknowledged = "acknowledged",
    /// A try of each order that may be poison is counted.
    TriesCounted = "tries_counted",
    TriesForgotten = "tries_forgotten",
    /// Settles were sent by themselves.
    Settled = "settled",
    /// The sweep's results are confirmed; their rows are still there.
    Swept = "swept",
    /// The rows are deleted.
    Paid = "paid",

    // The slow lane.
    Leased = "leased",
    /// The attempt is committed, nothing is sent.
    Intended = "intended",
    /// It is committed as sent; the call begins.
    Sent = "sent",
    /// The supplier has answered; nothing of it is committed.
    Bought = "bought",
    /// The same, of a purchase that was sent before.
    Resent = "resent",
    /// A query was answered; nothing of it is committed.
    Queried = "queried",
    /// Any other outcome than goods is committed.
    Noted = "noted",
    /// The goods are committed, and the result, if the order has ended.
    Placed = "placed",
    /// Goods whose lease was lost are committed.
    PlacedLate = "placed_late",
    /// The procurement was given back.
    Released = "released",
    /// A callback has made its procurement due.
    Woken = "woken",
    /// A supplier was asked again about a final attempt.
    LookedAgain = "looked_again",

    // Stock.
    CatalogueRead = "catalogue_read",
    /// The keeper knows which life of the stock server this is.
    IdentityRead = "identity_read",
    /// Another life: every epoch is raised.
    IdentityAdopted = "identity_adopted",
    LoadingLeased = "loading_leased",
    FunctionsInstalled = "functions_installed",
    BucketsRead = "buckets_read",
    /// A bucket was missing, and its SKU has a new epoch.
    EpochRaised = "epoch_raised",
    BucketReset = "bucket_reset",
    /// Some of a bucket's ids are loaded, and more are to come.
    PartLoaded = "part_loaded",
    /// The last part of a bucket is loaded.
    Loaded = "loaded",
    /// This worker was told to be alive.
    Beaten = "beaten",
    /// Claims of others are known, and who of them lives.
    ClaimsFound = "claims_found",
    /// The ledger has judged the ids of a dead worker's claim.
    ClaimsJudged = "claims_judged",
    /// A dead worker's claims are settled.
    ClaimsFreed = "claims_freed",
    /// A chunk of a key file is committed.
    Imported = "imported",
}
