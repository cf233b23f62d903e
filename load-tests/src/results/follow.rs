//! Reads the queue `results` while the test runs, over as many connections as it takes.

use std::{
    io::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use lapin::{
    Connection, ConnectionProperties,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Message, Results};

pub const RESULTS_QUEUE: &str = "results";
const PREFETCH: u16 = 5000;
const MOST_AT_ONCE: usize = 1000;
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

/// A reader of the results, until it is dropped.
#[derive(Debug)]
pub struct Follower {
    book: Arc<Mutex<Book>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Book {
    results: Results,
    last_arrival: Instant,
    save: Option<std::fs::File>,
    trouble: Option<String>,
}

impl Follower {
    /// Begins to read; every message is written to `save` as well, where there is one.
    #[must_use]
    pub fn start(url: &str, save: Option<std::fs::File>) -> Self {
        let book = Book { results: Results::default(), last_arrival: Instant::now(), save, trouble: None };
        let book = Arc::new(Mutex::new(book));
        let task = tokio::spawn(follow(url.to_owned(), book.clone()));
        Self { book, task }
    }

    /// Takes a result that waits for a person for an answer.
    pub(crate) fn take_review_for_an_answer(&self) {
        lock(&self.book).results.review_is_an_answer = true;
    }

    /// Looks at what has come so far.
    pub fn with<T>(&self, look: impl FnOnce(&Results) -> T) -> T {
        look(&lock(&self.book).results)
    }

    /// Waits until `done` says so.
    ///
    /// # Errors
    /// After `limit`, with the reader's own trouble if it has any.
    pub async fn wait_until(&self, limit: Duration, mut done: impl FnMut(&Results) -> bool) -> Result<()> {
        self.wait(limit, |book| done(&book.results)).await
    }

    /// Waits until nothing has come for `quiet`.
    ///
    /// # Errors
    /// After `limit`.
    pub async fn wait_until_quiet(&self, quiet: Duration, limit: Duration) -> Result<()> {
        self.wait(limit, |book| book.last_arrival.elapsed() >= quiet && book.trouble.is_none()).await
    }

    /// Ends the reading and gives what has come.
    #[must_use]
    pub fn finish(self) -> Results {
        self.task.abort();
        std::mem::take(&mut lock(&self.book).results)
    }

    async fn wait(&self, limit: Duration, mut done: impl FnMut(&Book) -> bool) -> Result<()> {
        let begin = Instant::now();
        while !done(&lock(&self.book)) {
            if begin.elapsed() > limit {
                let book = lock(&self.book);
                let trouble = book.trouble.as_deref().unwrap_or("the queue is read, and nothing more comes");
                bail!(
                    "after {} s results are still missing ({} came): {trouble}",
                    limit.as_secs(),
                    book.results.results
                );
            }
            sleep(LOOK).await;
        }
        Ok(())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn follow(url: String, book: Arc<Mutex<Book>>) {
    loop {
        if let Err(error) = read(&url, &book).await {
            lock(&book).trouble = Some(format!("{error:#}"));
        }
        sleep(LOOK).await;
    }
}

async fn read(url: &str, book: &Mutex<Book>) -> Result<()> {
    let connection = timeout(ANSWER_LIMIT, Connection::connect(url, ConnectionProperties::default())).await??;
    let channel = connection.create_channel().await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    timeout(ANSWER_LIMIT, channel.queue_declare(RESULTS_QUEUE.into(), passive, FieldTable::default())).await??;
    let consumer = channel
        .basic_consume(RESULTS_QUEUE.into(), "judge".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await?;
    {
        let mut book = lock(book);
        book.trouble = None;
        book.last_arrival = Instant::now();
    }
    let mut chunks = consumer.ready_chunks(MOST_AT_ONCE);
    while let Some(chunk) = chunks.next().await {
        let deliveries: Vec<Delivery> = chunk.into_iter().collect::<Result<_, _>>()?;
        take(&deliveries, &mut lock(book))?;
        if let Some(last) = deliveries.last() {
            last.acker.ack(BasicAckOptions { multiple: true }).await?;
        }
    }
    bail!("the broker ended the reading");
}

fn take(deliveries: &[Delivery], book: &mut Book) -> Result<()> {
    for delivery in deliveries {
        let text = |text: &Option<lapin::types::ShortString>| {
            text.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default()
        };
        let message = Message {
            routing_key: delivery.routing_key.as_str().to_owned(),
            message_id: text(delivery.properties.message_id()),
            kind: text(delivery.properties.kind()),
            redelivered: delivery.redelivered,
            body: String::from_utf8_lossy(&delivery.data).into_owned(),
        };
        if let Some(file) = &mut book.save {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            file.write_all(&line).context("cannot save the results")?;
        }
        book.results.add(&message);
    }
    book.last_arrival = Instant::now();
    Ok(())
}
