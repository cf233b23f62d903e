//! Publishes batches on one connection: all messages of a batch together, then all confirms.
//!
//! - A channel carries one batch at a time, so that a confirm or a returned message can only be of
//!   that batch; several batches at once go over several channels. A channel whose batch did not
//!   end well is never used again.
//! - A returned message comes with *some* confirmation of its channel, not always its own (one
//!   confirm may cover many). So returned messages are found again by what they hold.
//! - While the broker takes no publications (alarm), the connection is kept and nothing more is
//!   pushed into it: at most one batch per channel waits in memory.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use lapin::{
    BasicProperties, Channel, Confirmation, PublisherConfirm,
    message::BasicReturnMessage,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

use crate::{errors, link::Link, url::BrokerUrl};

/// Batches that may be on their way at once; more wait for their turn.
const MOST_AT_ONCE: usize = 8;
/// How often an alarm's end is looked for.
const ALARM_POLL: Duration = Duration::from_millis(50);

const BLOCKED: &str =
    "the broker takes no publications now, it is short of memory or disk: `rabbitmqctl status` shows its alarms";

/// Mandatory; everything else is in the properties.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) exchange: &'static str,
    pub(crate) routing_key: String,
    pub(crate) message_id: String,
    /// All of them but the message id. Taken when it is pushed.
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Confirmed,
    Refused(String),
}

#[derive(Debug)]
pub(crate) struct Publisher {
    url: BrokerUrl,
    name: String,
    limit: Duration,
    slots: Semaphore,
    /// Held while connecting: one does it, the others find the connection.
    connecting: tokio::sync::Mutex<()>,
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    link: Option<Arc<Link>>,
    /// Channels of `link` with nothing under way.
    idle: Vec<Channel>,
}

impl Publisher {
    pub(crate) fn new(url: BrokerUrl, name: &str, limit: Duration) -> Self {
        Self {
            url,
            name: name.to_owned(),
            limit,
            slots: Semaphore::new(MOST_AT_ONCE),
            connecting: tokio::sync::Mutex::default(),
            now: Mutex::default(),
        }
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.now().link.as_ref().is_some_and(|link| link.is_blocked())
    }

    /// Publishes all together; outcomes in the same order.
    ///
    /// # Errors
    /// In words, when not every outcome is known within the limit.
    pub(crate) async fn publish(&self, mut messages: Vec<Message>) -> Result<Vec<Outcome>, String> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        match timeout(self.limit, self.try_publish(&mut messages)).await {
            Ok(outcomes) => outcomes,
            Err(_) => Err(self.late()),
        }
    }

    /// Closes the connection in good order.
    pub(crate) async fn close(&self) {
        let Now { link, idle } = std::mem::take(&mut *self.now());
        drop(idle);
        if let Some(link) = link.and_then(Arc::into_inner) {
            link.close().await;
        }
    }

    async fn try_publish(&self, messages: &mut [Message]) -> Result<Vec<Outcome>, String> {
        let Ok(_slot) = self.slots.acquire().await else {
            return Err("the publisher is closed".into());
        };
        let link = self.link().await?;
        while link.is_blocked() {
            sleep(ALARM_POLL).await;
        }
        let channel = self.channel(&link).await?;
        match publish_on(&channel, messages).await {
            Ok(outcomes) => {
                // RabbitMQ 3.10 goes on refusing on a channel for a quorum queue that has room again.
                if outcomes.iter().all(|outcome| *outcome == Outcome::Confirmed) {
                    self.give_back(&link, channel);
                }
                Ok(outcomes)
            }
            Err(error) => {
                if !link.is_connected() {
                    self.forget(&link);
                }
                Err(format!("{}: {}", self.url, errors::said(&error)))
            }
        }
    }

    async fn link(&self) -> Result<Arc<Link>, String> {
        let _connecting = self.connecting.lock().await;
        let found = self.now().link.clone();
        if let Some(link) = found {
            if link.is_connected() {
                return Ok(link);
            }
            self.forget(&link);
        }
        let link = Link::open(&self.url, &self.name, self.limit).await.map_err(|error| error.to_string())?;
        let link = Arc::new(link);
        *self.now() = Now { link: Some(link.clone()), idle: Vec::new() };
        Ok(link)
    }

    async fn channel(&self, link: &Arc<Link>) -> Result<Channel, String> {
        loop {
            let idle = {
                let mut now = self.now();
                let same = now.link.as_ref().is_some_and(|current| Arc::ptr_eq(current, link));
                if same { now.idle.pop() } else { None }
            };
            match idle {
                Some(channel) if channel.status().connected() => return Ok(channel),
                Some(_) => {}
                None => break,
            }
        }
        let channel = link.channel().await.map_err(|error| error.to_string())?;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        link.within("asking for confirms", confirms).await?;
        Ok(channel)
    }

    fn give_back(&self, link: &Arc<Link>, channel: Channel) {
        let mut now = self.now();
        if now.link.as_ref().is_some_and(|current| Arc::ptr_eq(current, link)) {
            now.idle.push(channel);
        }
    }

    /// The next call connects anew; calls under way on this connection fail now.
    fn forget(&self, link: &Arc<Link>) {
        link.cut();
        let mut now = self.now();
        if now.link.as_ref().is_some_and(|current| Arc::ptr_eq(current, link)) {
            *now = Now::default();
        }
    }

    fn late(&self) -> String {
        let link = self.now().link.clone();
        match link {
            Some(link) if link.is_blocked() => format!("{}: {BLOCKED}", self.url),
            Some(link) => {
                self.forget(&link);
                format!("{}: {}", self.url, errors::late("publishing", self.limit))
            }
            None => format!("{}: {}", self.url, errors::late("connecting", self.limit)),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Publishing<'a> = Pin<Box<dyn Future<Output = lapin::Result<PublisherConfirm>> + Send + 'a>>;

/// A message on its way to its outcome.
enum Step<'a> {
    Refused(String),
    /// Handed to the connection's thread, not yet written.
    Pushed(Publishing<'a>),
    Written(PublisherConfirm),
}

/// Every message is pushed by polling its publishing once, with nobody to wake: a batch then costs
/// one hand-over between threads, where waking for each message costs one per message.
async fn publish_on(channel: &Channel, messages: &mut [Message]) -> lapin::Result<Vec<Outcome>> {
    let mut steps = Vec::with_capacity(messages.len());
    for message in messages.iter_mut() {
        let properties = std::mem::take(&mut message.properties);
        steps.push(push(channel, message, properties)?);
    }
    // Written in order: when the last one is, the others need no waiting.
    if let Some(last) = steps.last_mut() {
        written(last).await?;
    }
    let mut outcomes = Vec::with_capacity(steps.len());
    let mut returned = Vec::new();
    for mut step in steps {
        written(&mut step).await?;
        let confirmation = match step {
            Step::Refused(why) => {
                outcomes.push(Outcome::Refused(why));
                continue;
            }
            // `written` leaves none of these.
            Step::Pushed(publishing) => publishing.await?.await?,
            Step::Written(confirm) => confirm.await?,
        };
        let (outcome, message) = match confirmation {
            Confirmation::Ack(message) => (Outcome::Confirmed, message),
            Confirmation::Nack(message) => {
                (Outcome::Refused("a queue refused it: is it full, or without a majority?".into()), message)
            }
            Confirmation::NotRequested => (Outcome::Refused("the broker was not asked to confirm".into()), None),
        };
        outcomes.push(outcome);
        returned.extend(message);
    }
    for back in &returned {
        refuse_returned(back, messages, &mut outcomes);
    }
    Ok(outcomes)
}

fn push<'a>(channel: &'a Channel, message: &'a Message, properties: BasicProperties) -> lapin::Result<Step<'a>> {
    let (key, id) = match (short(&message.routing_key), short(&message.message_id)) {
        (Ok(key), Ok(id)) => (key, id),
        (Err(why), _) | (_, Err(why)) => return Ok(Step::Refused(why)),
    };
    let properties = if id.as_str().is_empty() { properties } else { properties.with_message_id(id) };
    let mandatory = BasicPublishOptions { mandatory: true, immediate: false };
    let mut publishing: Publishing<'a> =
        Box::pin(channel.basic_publish(message.exchange.into(), key, mandatory, &message.body, properties));
    match publishing.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(confirm) => Ok(Step::Written(confirm?)),
        Poll::Pending => Ok(Step::Pushed(publishing)),
    }
}

async fn written(step: &mut Step<'_>) -> lapin::Result<()> {
    if let Step::Pushed(publishing) = step {
        *step = Step::Written(publishing.await?);
    }
    Ok(())
}

/// AMQP's short strings hold 255 bytes.
fn short(text: &str) -> Result<ShortString, String> {
    ShortString::try_new(text)
        .map_err(|_| format!("a routing key or message id of {} bytes, at most 255 are allowed", text.len()))
}

/// A returned message was confirmed too, though no queue has it.
fn refuse_returned(back: &BasicReturnMessage, messages: &[Message], outcomes: &mut [Outcome]) {
    let id = back.properties.message_id().as_ref().map_or("", ShortString::as_str);
    for (message, outcome) in messages.iter().zip(outcomes) {
        let same = message.routing_key == back.routing_key.as_str()
            && message.message_id == id
            && message.exchange == back.exchange.as_str()
            && message.body == back.data;
        if same {
            *outcome = Outcome::Refused(format!("no queue took it ({})", back.reply_text));
        }
    }
}
