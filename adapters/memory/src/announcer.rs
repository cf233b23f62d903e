//! Results and dead letters, kept as often as they are published, as a broker would.

use async_trait::async_trait;
use fulfil_contract::ports::announcer::{AnnounceUnavailable, Announcer, Publication, Verdict};

use crate::{
    Fault, Memory,
    faults::{When, linger},
};

impl Memory {
    /// All that was published, in order.
    #[must_use]
    pub fn announced(&self) -> Vec<Publication> {
        self.state().announced.clone()
    }
}

#[async_trait]
impl Announcer for Memory {
    async fn publish(&self, batch: Vec<Publication>) -> Result<Vec<Verdict>, AnnounceUnavailable> {
        let verdicts = self.publish_disturbed(batch).await;
        self.came_back("announcer.publish", verdicts.is_ok());
        verdicts
    }
}

impl Memory {
    async fn publish_disturbed(&self, batch: Vec<Publication>) -> Result<Vec<Verdict>, AnnounceUnavailable> {
        let unavailable = || AnnounceUnavailable("announcer.publish was disturbed".into());
        let fault = self.point("announcer.publish").await;
        let count = batch.len();
        match fault {
            Fault::Before | Fault::Swallowed => return Err(unavailable()),
            Fault::Refused => return Ok(vec![Verdict::Refused("no queue took it".into()); count]),
            Fault::None | Fault::After | Fault::Yield(_) | Fault::Late { .. } => self.state().announced.extend(batch),
        }
        linger(fault, When::After).await;
        if fault.loses_the_answer() { Err(unavailable()) } else { Ok(vec![Verdict::Confirmed; count]) }
    }
}
