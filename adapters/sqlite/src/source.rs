//! The inbox as a source: one lane, any number of sessions.

use std::{collections::VecDeque, sync::Arc};

use async_trait::async_trait;
use fulfil_contract::ports::source::{Delivery, Receipt, Source, SourceError, Sources};
use tokio::sync::watch;

use crate::{
    errors::StoreError,
    inbox::{self, Queue, Row},
    open::Sqlite,
    writer::{self, Answer},
};

const LANE: u16 = 0;

#[async_trait]
impl Sources for Sqlite {
    async fn lanes(&self) -> Result<Vec<u16>, SourceError> {
        Ok(vec![LANE])
    }

    async fn open(&self, lane: u16) -> Result<Box<dyn Source>, SourceError> {
        if lane != LANE {
            return Err(SourceError::Topology(format!("a data folder has one lane, {LANE}: there is no lane {lane}")));
        }
        self.writer()?;
        let number = self.queue().open();
        Ok(Box::new(Session {
            store: self.clone(),
            number,
            news: self.queue().news(),
            asked: None,
            given: VecDeque::new(),
        }))
    }
}

struct Session {
    store: Sqlite,
    number: u64,
    news: watch::Receiver<()>,
    /// Outlives a `next` that is dropped, so that what is on its way is not lost.
    asked: Option<Answer<Vec<Row>>>,
    given: VecDeque<Row>,
}

impl Session {
    fn queue(&self) -> &Arc<Queue> {
        self.store.queue()
    }

    async fn ask(&mut self, most: usize) -> Result<Answer<Vec<Row>>, StoreError> {
        // Whatever comes from here on is news, also if the rows are read before it.
        self.news.borrow_and_update();
        let (queue, number) = (Arc::clone(self.queue()), self.number);
        self.store.writer()?.submit(move |connection| queue.give(connection, number, most)).await
    }

    fn deliver(&mut self, most: usize) -> Vec<Delivery> {
        let count = most.min(self.given.len());
        self.given
            .drain(..count)
            .map(|row| Delivery {
                body: row.body,
                redelivered: row.deliveries > 0,
                delivery_count: row.deliveries,
                message_id: None,
                receipt: Receipt::new(self.number, row.tag),
            })
            .collect()
    }
}

#[async_trait]
impl Source for Session {
    async fn next(&mut self, most: usize) -> Result<Vec<Delivery>, SourceError> {
        loop {
            if !self.given.is_empty() {
                return Ok(self.deliver(most));
            }
            let asked = match &mut self.asked {
                Some(asked) => asked,
                None => {
                    let asked = self.ask(most).await?;
                    self.asked.insert(asked)
                }
            };
            let rows = asked.await;
            self.asked = None;
            self.given = rows.unwrap_or_else(|_| Err(writer::gone()))?.into();
            if self.given.is_empty() {
                self.news.changed().await.map_err(|_| writer::gone())?;
            }
        }
    }

    async fn acknowledge_up_to(&mut self, last: Receipt) -> Result<(), SourceError> {
        if last.session() != self.number {
            return Ok(());
        }
        let rows = self.queue().up_to(self.number, last.tag());
        self.store.write(move |connection| inbox::delete(connection, rows)).await?;
        self.queue().forget_up_to(self.number, last.tag());
        Ok(())
    }

    async fn ready(&mut self) -> Result<u64, SourceError> {
        let queue = Arc::clone(self.queue());
        let free = self.store.read(move |connection| queue.ready(connection)).await?;
        // Rows that this session was given, or may be, and that nobody took from it yet are in nobody's flight: a lane
        // that asks between two waits must not take its inbox for empty.
        let on_the_way = self.given.len() as u64 + u64::from(self.asked.is_some());
        Ok(free + on_the_way)
    }

    async fn close(self: Box<Self>) {
        drop(self);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.queue().close(self.number);
    }
}
