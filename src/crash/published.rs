//! The announcer that the pipeline hands to its announce step, which touches no global itself.

use std::ops::Deref;

use fulfil_contract::ports::announcer::Announcer;

/// With the crash point [`Published`](super::Point::Published) behind every call.
#[cfg(feature = "crash-points")]
pub fn published<'a>(announcer: &'a dyn Announcer) -> impl Deref<Target = dyn Announcer + 'a> {
    with_point::Pointed(announcer)
}

/// The announcer itself, in builds without crash points.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub fn published<'a>(announcer: &'a dyn Announcer) -> impl Deref<Target = dyn Announcer + 'a> {
    announcer
}

#[cfg(feature = "crash-points")]
mod with_point {
    use std::ops::Deref;

    use async_trait::async_trait;
    use fulfil_contract::ports::announcer::{AnnounceUnavailable, Announcer, Publication, Verdict};

    use crate::crash::{Point, after};

    pub(super) struct Pointed<'a>(pub(super) &'a dyn Announcer);

    #[async_trait]
    impl Announcer for Pointed<'_> {
        async fn publish(&self, batch: Vec<Publication>) -> Result<Vec<Verdict>, AnnounceUnavailable> {
            let ids: Vec<String> = batch.iter().map(|publication| publication.message_id.clone()).collect();
            after(Point::Published, &ids, self.0.publish(batch)).await
        }
    }

    impl<'a> Deref for Pointed<'a> {
        type Target = dyn Announcer + 'a;

        fn deref(&self) -> &Self::Target {
            self
        }
    }
}
