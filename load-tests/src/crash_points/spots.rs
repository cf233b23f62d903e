//! Every crash point, and what has to go on for an order to come by there.

/// What goes on besides a hundred orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    /// Nothing else.
    Plain,
    /// Half of the orders were delivered so often before, and came back.
    Redelivered(u32),
    /// Stock offers keys that are sold, twice as many as are asked for.
    SoldOffered,
    /// The broker refuses every result.
    ResultsRefused,
    /// Replies of the supplier are lost, after the purchase.
    RepliesLost,
    /// The same of a supplier that can't be asked, and is sent the same again.
    RepliesLostBlindly,
    /// Purchases end later, and the supplier calls back then.
    CalledBack,
    /// The supplier calls back when the line has its keys already.
    CalledBackLate,
    /// Redis forgets all keys.
    Flushed,
    /// Redis forgets our functions.
    FunctionsGone,
    /// Redis is killed and started again.
    AnotherLife,
    /// Workers died with claims open; their heartbeats have lapsed.
    DeadWorkers,
    /// Goods are held up until their lease is lost.
    LeaseLost,
    /// A key file is imported.
    Import,
}

/// One point, by the name that the switch knows it under.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub(super) point: &'static str,
    pub(super) scene: Scene,
    /// What the debug text there has to hold.
    pub(super) text: &'static str,
    /// A worker that does not beat for so long is taken for dead.
    pub(super) outlasts_heartbeat: bool,
}

const fn at(point: &'static str, scene: Scene) -> Spot {
    Spot { point, scene, text: "", outlasts_heartbeat: false }
}

pub(super) const SPOTS: &[Spot] = &[
    at("received", Scene::Plain),
    Spot { text: "redelivered: true", ..at("looked_up", Scene::Redelivered(1)) },
    at("screened", Scene::Plain),
    at("claim_answered", Scene::Plain),
    at("claimed", Scene::Plain),
    at("recorded", Scene::Plain),
    at("claimed_anew", Scene::SoldOffered),
    at("recorded_anew", Scene::SoldOffered),
    at("taken", Scene::SoldOffered),
    Spot { text: "Message", ..at("twins_answered", Scene::Plain) },
    at("answered", Scene::Plain),
    at("published", Scene::Plain),
    at("owed", Scene::ResultsRefused),
    at("announced", Scene::Plain),
    at("acknowledging", Scene::Plain),
    at("acknowledged", Scene::Plain),
    at("tries_counted", Scene::Redelivered(2)),
    at("tries_forgotten", Scene::Redelivered(2)),
    at("settled", Scene::Plain),
    at("swept", Scene::Plain),
    at("paid", Scene::Plain),
    at("leased", Scene::Plain),
    at("intended", Scene::Plain),
    at("sent", Scene::Plain),
    at("bought", Scene::Plain),
    at("resent", Scene::RepliesLostBlindly),
    at("queried", Scene::RepliesLost),
    at("noted", Scene::RepliesLost),
    at("placed", Scene::Plain),
    at("placed_late", Scene::LeaseLost),
    at("released", Scene::RepliesLost),
    at("woken", Scene::CalledBack),
    at("looked_again", Scene::CalledBackLate),
    at("catalogue_read", Scene::Plain),
    at("identity_read", Scene::Plain),
    at("identity_adopted", Scene::AnotherLife),
    at("loading_leased", Scene::Plain),
    at("functions_installed", Scene::FunctionsGone),
    at("buckets_read", Scene::Plain),
    at("epoch_raised", Scene::Flushed),
    at("bucket_reset", Scene::Flushed),
    at("part_loaded", Scene::Flushed),
    at("loaded", Scene::Flushed),
    Spot { outlasts_heartbeat: true, ..at("beaten", Scene::Plain) },
    at("claims_found", Scene::DeadWorkers),
    at("claims_judged", Scene::DeadWorkers),
    at("claims_freed", Scene::DeadWorkers),
    at("imported", Scene::Import),
];

/// The names of all points that a run goes through.
#[must_use]
pub fn points() -> Vec<&'static str> {
    SPOTS.iter().map(|spot| spot.point).collect()
}
