//! The order's way, one batch at a time: intake → screen → claim → record → announce → acknowledge.
//!
//! What holds here: [`Way::fulfil`] is the whole of it, one straight function that alone calls the steps;
//! no step knows another, an adapter, the configuration or a global; acknowledge takes only what an
//! [`Announced`] batch gave (I4). [`lane`] brings the deliveries, keeps several batches in flight and
//! acknowledges them in order; [`alone`] isolates an order that may have killed a process.

pub mod acknowledge;
pub mod alone;
pub mod announce;
pub mod batch;
pub mod board;
pub mod claim;
pub mod intake;
pub mod lane;
pub mod record;
pub mod screen;
pub mod sweep;
pub mod twins;
pub mod watermark;

use std::sync::Arc;

use fulfil_contract::ports::{
    announcer::{AnnounceUnavailable, Announcer},
    ledger::{Ledger, LedgerError},
};
use tokio::sync::Notify;

use self::{
    announce::{AnnounceError, Mode, announce},
    batch::{Announced, Answered, Received, Recorded},
    claim::{claim, claim_nothing},
    record::{again, record},
    screen::{look_up, screen},
    twins::answer_twins,
};
use crate::{
    crash::{self, Failing, Point},
    ops::{
        drain::{Abandoned, Draining},
        metrics::StepTimes,
    },
    patience::{Ended, persist},
    procurement::assortment::Assortment,
    stock::desk::ClaimDesk,
};

/// What a lane's orders need on their way.
#[derive(Clone)]
pub struct Way {
    pub ledger: Arc<dyn Ledger>,
    pub desk: Arc<ClaimDesk>,
    pub announcer: Arc<dyn Announcer>,
    pub assortment: Arc<Assortment>,
    /// Rung when the batch made a procurement.
    pub bell: Arc<Notify>,
    pub mode: Mode,
    pub lane: u16,
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Way(lane {})", self.lane)
    }
}

/// A batch that was not brought to its end: it is not acknowledged, and the broker delivers it again.
#[derive(Debug, thiserror::Error)]
pub enum GivenUp {
    #[error("the ledger did not take it: {0}")]
    Ledger(#[from] Ended<LedgerError>),
    #[error("the results were not published: {0}")]
    Announce(#[from] Ended<AnnounceUnavailable>),
    #[error(transparent)]
    Abandoned(#[from] Abandoned),
    #[error(transparent)]
    Failing(#[from] Failing),
    #[error("a delivery of the batch was left without a judgement; please report this as a defect")]
    Unjudged,
}

impl GivenUp {
    /// Whether it is only the time that was over: that says nothing about the orders.
    #[must_use]
    pub fn is_for_time(&self) -> bool {
        match self {
            Self::Abandoned(_) | Self::Ledger(Ended::Abandoned(_)) | Self::Announce(Ended::Abandoned(_)) => true,
            Self::Ledger(Ended::Failed(_)) | Self::Announce(Ended::Failed(_)) | Self::Failing(_) | Self::Unjudged => {
                false
            }
        }
    }
}

impl From<AnnounceError> for GivenUp {
    fn from(error: AnnounceError) -> Self {
        match error {
            AnnounceError::Broker(ended) => Self::Announce(ended),
            AnnounceError::Ledger(ended) => Self::Ledger(ended),
        }
    }
}

impl Way {
    /// Takes one batch from its deliveries to its announced results.
    ///
    /// # Errors
    /// [`GivenUp`]: nothing of the batch may be acknowledged.
    pub async fn fulfil(&self, received: Received, draining: &mut Draining) -> Result<Announced, GivenUp> {
        let mut times = StepTimes::start();
        crash::at(Point::Received, &received).await?;

        let look = || crash::after(Point::LookedUp, &received, look_up(&received, &*self.ledger));
        let known = persist("look up redelivered orders", draining, again, look).await?;
        let screened = screen(received, known, &self.assortment);
        times.end("screen");
        crash::at(Point::Screened, &screened).await?;

        let claimed = claim(screened.proposed, &self.desk, self.lane).await;
        times.end("claim");
        crash::at(Point::Claimed, &claimed).await?;

        let recorded = record(claimed, &*self.ledger, &self.desk, draining).await?;
        crash::at(Point::Recorded, &recorded).await?;
        let recorded = self.record_losers(recorded, draining).await?;
        if recorded.made_procurements() {
            self.bell.notify_one();
        }
        let ask = || crash::after(Point::TwinsAnswered, &screened.twins, answer_twins(&screened.twins, &*self.ledger));
        let twins = persist("answer twins", draining, again, ask).await?;
        let judged = screened.known.into_iter().chain(recorded.judged).chain(twins).collect();
        let answered = Answered::new(screened.held, judged, screened.dead).ok_or(GivenUp::Unjudged)?;
        times.end("record");
        crash::at(Point::Answered, &answered).await?;

        let announcer = crash::published(&*self.announcer);
        let published = announce(&answered, self.mode, &*announcer, &*self.ledger, draining).await?;
        times.end("announce");
        if !published.owed.is_empty() {
            crash::at(Point::Owed, &published.owed).await?;
        }
        crash::at(Point::Announced, &answered).await?;
        Ok(answered.announced(published))
    }

    /// Orders that lost a claimed id claim once more; after a second loss the ledger takes for them, and
    /// nothing can be lost there.
    async fn record_losers(&self, mut recorded: Recorded, draining: &mut Draining) -> Result<Recorded, GivenUp> {
        if !recorded.losers.is_empty() {
            tracing::info!(orders = recorded.losers.len(), "claimed keys were not available any more; claiming anew");
            let anew = claim(std::mem::take(&mut recorded.losers), &self.desk, self.lane).await;
            crash::at(Point::ClaimedAnew, &anew).await?;
            let second = record(anew, &*self.ledger, &self.desk, draining).await?;
            crash::at(Point::RecordedAnew, &second).await?;
            recorded.judged.extend(second.judged);
            recorded.losers = second.losers;
        }
        if !recorded.losers.is_empty() {
            let taken = claim_nothing(std::mem::take(&mut recorded.losers));
            let third = record(taken, &*self.ledger, &self.desk, draining).await?;
            crash::at(Point::Taken, &third).await?;
            recorded.judged.extend(third.judged);
            recorded.losers = third.losers;
        }
        Ok(recorded)
    }
}
