//! Messages in: queues, sessions, redelivery.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use fulfil_contract::ports::source::{Delivery, Receipt, Source, SourceError, Sources};

use crate::{
    Fault, Memory, State,
    faults::{When, linger},
};

#[derive(Debug)]
pub(crate) struct Queues {
    lanes: Vec<VecDeque<Message>>,
    sessions: BTreeMap<u64, Given>,
    /// The bodies that were acknowledged, in their order.
    pub(crate) acknowledged: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Message {
    /// Its place in the queue, for when it comes back.
    place: u64,
    body: Vec<u8>,
    message_id: Option<String>,
    deliveries: u32,
}

/// What a session holds, by rising tag.
#[derive(Debug)]
struct Given {
    lane: u16,
    last_tag: u64,
    messages: VecDeque<(u64, Message)>,
}

/// Places and sessions are never given twice.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

fn number() -> u64 {
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

impl Queues {
    pub(crate) fn new(lanes: u16) -> Self {
        let lanes = (0..lanes).map(|_| VecDeque::new()).collect();
        Self { lanes, sessions: BTreeMap::new(), acknowledged: Vec::new() }
    }

    fn lane(&mut self, lane: u16) -> Option<&mut VecDeque<Message>> {
        self.lanes.get_mut(usize::from(lane))
    }

    /// `None`: the session is over.
    fn give(&mut self, session: u64, most: usize) -> Option<Vec<Delivery>> {
        let given = self.sessions.get_mut(&session)?;
        let lane = self.lanes.get_mut(usize::from(given.lane))?;
        let mut deliveries = Vec::new();
        for mut message in lane.drain(..most.min(lane.len())) {
            given.last_tag += 1;
            deliveries.push(Delivery {
                body: message.body.clone(),
                redelivered: message.deliveries > 0,
                delivery_count: message.deliveries,
                message_id: message.message_id.clone(),
                receipt: Receipt::new(session, given.last_tag),
            });
            message.deliveries += 1;
            given.messages.push_back((given.last_tag, message));
        }
        Some(deliveries)
    }

    /// The session is over: what it holds returns to its place.
    fn end(&mut self, session: u64) {
        let Some(given) = self.sessions.remove(&session) else { return };
        let Some(lane) = self.lane(given.lane) else { return };
        lane.extend(given.messages.into_iter().map(|(_, message)| message));
        lane.make_contiguous().sort_unstable_by_key(|message| message.place);
    }
}

impl Memory {
    /// Puts a message at a lane's end. A lane that there is not takes nothing.
    pub fn enqueue(&self, lane: u16, body: Vec<u8>, message_id: Option<String>) {
        if let Some(lane) = self.state().broker.lane(lane) {
            lane.push_back(Message { place: number(), body, message_id, deliveries: 0 });
        }
        self.inner.news.notify_waiters();
    }

    /// How many messages nobody has acknowledged, those in flight included.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        let broker = &self.state().broker;
        let in_flight: usize = broker.sessions.values().map(|given| given.messages.len()).sum();
        broker.lanes.iter().map(VecDeque::len).sum::<usize>() + in_flight
    }

    /// Every session ends, as when the broker restarts or the connection is cut.
    pub fn cut_sessions(&self) {
        {
            let broker = &mut self.state().broker;
            let all: Vec<u64> = broker.sessions.keys().copied().collect();
            all.into_iter().for_each(|session| broker.end(session));
        }
        self.inner.news.notify_waiters();
    }
}

#[async_trait]
impl Sources for Memory {
    async fn lanes(&self) -> Result<Vec<u16>, SourceError> {
        self.call("source.lanes", |state| Ok((0u16..).take(state.broker.lanes.len()).collect())).await
    }

    async fn open(&self, lane: u16) -> Result<Box<dyn Source>, SourceError> {
        let session = self
            .call("source.open", |state| {
                if state.broker.lane(lane).is_none() {
                    return Err(SourceError::Topology(format!("there is no lane {lane}")));
                }
                let session = number();
                state.broker.sessions.insert(session, Given { lane, last_tag: 0, messages: VecDeque::new() });
                Ok(session)
            })
            .await?;
        Ok(Box::new(Session { memory: self.clone(), session, given: VecDeque::new() }))
    }
}

struct Session {
    memory: Memory,
    session: u64,
    /// Given to this session, and not to its caller yet: a `next` may be dropped.
    given: VecDeque<Delivery>,
}

impl Session {
    fn lost(&mut self, name: &str) -> SourceError {
        self.given.clear();
        self.memory.state().broker.end(self.session);
        self.memory.inner.news.notify_waiters();
        SourceError::SessionLost(format!("{name}: the session is over"))
    }

    /// One call of a session: whatever goes wrong ends it.
    async fn call<T>(
        &mut self,
        name: &'static str,
        effect: impl FnOnce(&mut State, u64) -> Option<T> + Send,
    ) -> Result<T, SourceError>
    where
        T: Send,
    {
        let fault = self.memory.point(name).await;
        let made = match fault {
            Fault::Before | Fault::Swallowed | Fault::Refused => None,
            Fault::None | Fault::After | Fault::Yield(_) | Fault::Late { .. } => {
                effect(&mut self.memory.state(), self.session)
            }
        };
        linger(fault, When::After).await;
        let answer = made.filter(|_| !fault.loses_the_answer()).ok_or_else(|| self.lost(name));
        self.memory.came_back(name, answer.is_ok());
        answer
    }
}

#[async_trait]
impl Source for Session {
    async fn next(&mut self, most: usize) -> Result<Vec<Delivery>, SourceError> {
        loop {
            if !self.memory.state().broker.sessions.contains_key(&self.session) {
                return Err(self.lost("source.next"));
            }
            if !self.given.is_empty() {
                return Ok(self.given.drain(..most.min(self.given.len())).collect());
            }
            let fault = self.memory.point("source.next").await;
            // Had before the look: a message that comes after it is news.
            let inner = Arc::clone(&self.memory.inner);
            let news = inner.news.notified();
            match fault {
                Fault::Before | Fault::Swallowed | Fault::Refused => return Err(self.lost("source.next")),
                Fault::None | Fault::After | Fault::Yield(_) | Fault::Late { .. } => {}
            }
            // Kept here before anything is awaited.
            let given = self.memory.state().broker.give(self.session, most);
            self.given = given.unwrap_or_default().into();
            linger(fault, When::After).await;
            if fault.loses_the_answer() {
                return Err(self.lost("source.next"));
            }
            if self.given.is_empty() {
                news.await;
            }
        }
    }

    async fn acknowledge_up_to(&mut self, last: Receipt) -> Result<(), SourceError> {
        if last.session() != self.session {
            return Ok(());
        }
        let effect = |state: &mut State, session| {
            let given = state.broker.sessions.get_mut(&session)?;
            let covered = given.messages.partition_point(|(tag, _)| *tag <= last.tag());
            state.broker.acknowledged.extend(given.messages.drain(..covered).map(|(_, message)| message.body));
            Some(())
        };
        self.call("source.acknowledge_up_to", effect).await
    }

    async fn ready(&mut self) -> Result<u64, SourceError> {
        let effect = |state: &mut State, session| {
            let lane = state.broker.sessions.get(&session)?.lane;
            state.broker.lane(lane).map(|messages| messages.len() as u64)
        };
        self.call("source.ready", effect).await
    }

    async fn close(self: Box<Self>) {
        drop(self);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.memory.state().broker.end(self.session);
        self.memory.inner.news.notify_waiters();
    }
}
