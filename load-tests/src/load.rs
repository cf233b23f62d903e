//! A steady load beside whatever else happens.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use crate::{pace::Pace, publisher::Publisher};

/// Orders at a steady rate, until they are to end or there are no more.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<(Publisher, Result<()>)>,
}

/// What became due while the broker was away for longer is not made up for: it would be no steady rate.
const MADE_UP_FOR: Duration = Duration::from_secs(1);

impl Load {
    pub(crate) fn begin(mut publisher: Publisher, bodies: Vec<Vec<u8>>, per_second: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let task = tokio::spawn(async move {
            let fed = feed_until(&told, &mut publisher, &bodies, per_second).await;
            (publisher, fed)
        });
        Self { stop, task }
    }

    /// Whether there are no more orders, or the broker took none for too long.
    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Ends it; gives the publisher with its log.
    pub(crate) async fn end(self) -> Result<Publisher> {
        self.stop.store(true, Relaxed);
        let (publisher, fed) = self.task.await.context("the publisher panicked")?;
        fed?;
        Ok(publisher)
    }
}

async fn feed_until(stop: &AtomicBool, publisher: &mut Publisher, bodies: &[Vec<u8>], per_second: u32) -> Result<()> {
    let mut pace = Pace { begin: Instant::now(), per_second };
    let mut next = 0;
    while next < bodies.len() && !stop.load(Relaxed) {
        sleep_until(pace.due(next)).await;
        let late = pace.due(next).elapsed();
        if late > MADE_UP_FOR {
            pace.begin += late;
        }
        let now = Instant::now();
        let end = (next + 1..bodies.len()).find(|&number| pace.due(number) > now).unwrap_or(bodies.len());
        publisher.publish(&bodies[next..end]).await?;
        next = end;
    }
    Ok(())
}
