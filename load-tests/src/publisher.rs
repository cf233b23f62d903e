//! Orders into the broker as a platform would put them: exchange `orders`, routing key and message id the
//! order id, persistent, mandatory, confirmed. What is not confirmed is published again.

use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use serde::Serialize;
use tokio::time::{sleep, timeout};

use crate::sent::order_id_of;

const EXCHANGE: &str = "orders";
const ORDER_TYPE: &str = "order.fulfil.v1";
/// Messages whose confirms are awaited together.
const WINDOW: usize = 1000;
/// One window's publishes and confirms.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// What became of one line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Logged {
    /// Counted from 1.
    pub line: u64,
    pub order_id: Option<String>,
    /// How often it was handed to the broker: more than once where a confirm did not come.
    pub offered: u64,
    pub confirmed: bool,
}

/// Publishes over one connection at a time; connects again when it is lost.
pub struct Publisher {
    url: String,
    open: Option<(Connection, Channel)>,
    /// How long the broker may be away before publishing fails.
    patience: Duration,
    pub log: Vec<Logged>,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Publisher({} lines)", self.log.len())
    }
}

impl Publisher {
    #[must_use]
    pub fn new(url: &str, patience: Duration) -> Self {
        Self { url: url.to_owned(), open: None, patience, log: Vec::new() }
    }

    /// Publishes these bodies and returns when the broker has confirmed every one of them.
    ///
    /// # Errors
    /// When the broker is away for longer than the patience, or gives a message back as unroutable.
    pub async fn publish(&mut self, bodies: &[Vec<u8>]) -> Result<()> {
        for window in bodies.chunks(WINDOW) {
            let first = self.log.len();
            for body in window {
                let line = self.log.len() as u64 + 1;
                self.log.push(Logged { line, order_id: order_id_of(body), offered: 0, confirmed: false });
            }
            self.until_confirmed(window, first).await?;
        }
        Ok(())
    }

    /// Writes the log, a JSON object a line.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write_log(&self, path: &Path) -> Result<()> {
        let cannot = || format!("cannot write {}", path.display());
        let mut file = std::io::BufWriter::new(std::fs::File::create(path).with_context(cannot)?);
        for line in &self.log {
            serde_json::to_writer(&mut file, line).with_context(cannot)?;
            file.write_all(b"\n").with_context(cannot)?;
        }
        file.flush().with_context(cannot)
    }

    async fn until_confirmed(&mut self, window: &[Vec<u8>], first: usize) -> Result<()> {
        let begin = Instant::now();
        loop {
            let failed = match self.offer(window, first).await {
                Ok(()) if self.log[first..].iter().all(|line| line.confirmed) => return Ok(()),
                Ok(()) => "the broker refused some messages".to_owned(),
                Err(error) if error.is::<Unroutable>() => return Err(error),
                Err(error) => {
                    self.open = None;
                    format!("{error:#}")
                }
            };
            if begin.elapsed() > self.patience {
                bail!("the broker takes no orders: {failed}");
            }
            sleep(RETRY_PAUSE).await;
        }
    }

    /// Offers what is not confirmed yet, once.
    async fn offer(&mut self, window: &[Vec<u8>], first: usize) -> Result<()> {
        let channel = self.channel().await?;
        let waiting: Vec<usize> = (0..window.len()).filter(|at| !self.log[first + at].confirmed).collect();
        for at in &waiting {
            self.log[first + at].offered += 1;
        }
        let log = &self.log[first..];
        let confirms = timeout(
            ANSWER_LIMIT,
            try_join_all(waiting.iter().map(|&at| {
                let key = log[at].order_id.clone().unwrap_or_default();
                let properties = properties(&key);
                let channel = &channel;
                async move {
                    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
                    channel
                        .basic_publish(EXCHANGE.into(), key.as_str().into(), mandatory, &window[at], properties)
                        .await
                }
            })),
        )
        .await
        .context("the broker does not take messages")??;
        for (at, confirm) in waiting.into_iter().zip(confirms) {
            match timeout(ANSWER_LIMIT, confirm).await.context("the broker does not confirm")?? {
                lapin::Confirmation::Ack(None) => self.log[first + at].confirmed = true,
                lapin::Confirmation::Ack(Some(_)) => return Err(Unroutable.into()),
                lapin::Confirmation::Nack(_) | lapin::Confirmation::NotRequested => {}
            }
        }
        Ok(())
    }

    async fn channel(&mut self) -> Result<Channel> {
        if let Some((connection, channel)) = &self.open
            && connection.status().connected()
            && channel.status().connected()
        {
            return Ok(channel.clone());
        }
        let connection =
            timeout(ANSWER_LIMIT, Connection::connect(&self.url, ConnectionProperties::default())).await??;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        self.open = Some((connection, channel.clone()));
        Ok(channel)
    }
}

#[derive(Debug)]
struct Unroutable;

impl std::fmt::Display for Unroutable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no queue takes orders: run `fulfil migrate` first")
    }
}

impl std::error::Error for Unroutable {}

fn properties(order_id: &str) -> BasicProperties {
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("application/json".into())
        .with_type(ORDER_TYPE.into());
    if order_id.is_empty() { properties } else { properties.with_message_id(order_id.into()) }
}
