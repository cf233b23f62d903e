//! Whether the exchanges and queues are there, and as they ought to be.
//!
//! Each is first asked for, which tells only that it is there, and then declared as it ought to be: what is
//! there already is not changed by it. What is missing is not declared.

use fulfil_contract::examination::{Check, Finding, Promise};
use futures_util::future::join_all;
use lapin::{
    ExchangeKind,
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    types::FieldTable,
};

use super::{
    PATIENCE, SHELL,
    mends::{self, MIGRATE},
};
use crate::{
    errors::TopologyError,
    link::Link,
    topology::{
        DEAD, DELIVERY_LIMIT, LANES, ORDERS, RESULTS, RESULTS_UNROUTED, dead_lettering, existing_lanes, lane_queue,
        quorum, with_alternate, within,
    },
    url::BrokerUrl,
};

const PLUGIN: Check = Check { id: "rabbitmq.plugin", subject: "plugin", promise: Promise::WorkGoesOn };
const EXCHANGES: Check = Check { id: "rabbitmq.orders", subject: "exchanges", promise: Promise::NothingIsLost };
const LANE_QUEUES: Check = Check { id: "rabbitmq.lanes", subject: "lanes", promise: Promise::NothingIsLost };
const LIMIT: Check =
    Check { id: "rabbitmq.delivery_limit", subject: "delivery limit", promise: Promise::HealthyOrdersStay };
const DEAD_LETTERS: Check =
    Check { id: "rabbitmq.dead_letters", subject: "dead letters", promise: Promise::NothingIsLost };
const RESULTS_WAY: Check = Check { id: "rabbitmq.results", subject: "results", promise: Promise::ResultsArrive };
const OLD_LANES: Check = Check { id: "rabbitmq.old_lanes", subject: "older lanes", promise: Promise::NothingIsLost };

const HASH: &str = "x-consistent-hash";

pub(super) async fn look(link: &Link, url: &BrokerUrl, lanes: u16) -> Vec<Finding> {
    let looking = Looking { link, url, vhost: url.vhost() };
    let mut findings = Vec::new();
    if lanes > 1 {
        findings.push(plugin(url).await);
    }
    findings.push(looking.exchanges(lanes).await);
    findings.extend(looking.lanes(lanes).await);
    findings.push(looking.dead_letters().await);
    findings.push(looking.results().await);
    findings.extend(looking.older_lanes(lanes).await);
    findings
}

/// An exchange that every broker has is declared with another type than its own, which it refuses: by that type
/// where it knows it, else by not knowing it. The second ends the connection, so it is one of its own.
async fn plugin(url: &BrokerUrl) -> Finding {
    let declared = async {
        let link = Link::open(url, "fulfil doctor", PATIENCE).await?;
        let channel = link.channel().await?;
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let kind = ExchangeKind::Custom(HASH.into());
        let answer = channel.exchange_declare("amq.topic".into(), kind, options, FieldTable::default());
        within("exchange amq.topic", url.vhost(), PATIENCE, answer).await
    };
    let name = "rabbitmq_consistent_hash_exchange";
    match declared.await {
        Ok(()) | Err(TopologyError::Differs { .. }) => PLUGIN.ok(name),
        Err(TopologyError::PluginMissing) => PLUGIN
            .broken(format!("{name} is not enabled, and more than one lane needs it: no order reaches a lane"))
            .mended(SHELL, format!("rabbitmq-plugins enable {name} && {MIGRATE}")),
        Err(TopologyError::Forbidden { said, .. }) => {
            PLUGIN.not_asked(format!("can't be seen: {said}")).mended(SHELL, mends::set_permissions(url))
        }
        Err(error) => PLUGIN.not_asked(format!("can't be seen: {error}")),
    }
}

struct Looking<'a> {
    link: &'a Link,
    url: &'a BrokerUrl,
    vhost: &'a str,
}

/// How a thing was found.
enum Found {
    /// As it ought to be. Of a queue: messages and consumers.
    Good(u32, u32),
    Bad(TopologyError),
}

impl Looking<'_> {
    async fn exchanges(&self, lanes: u16) -> Finding {
        let mut all = vec![(ORDERS, ExchangeKind::Topic, false)];
        if lanes > 1 {
            all.push((LANES, ExchangeKind::Custom(HASH.into()), true));
        }
        let mut bad = Vec::new();
        for (name, kind, internal) in all {
            if let Found::Bad(error) = self.exchange(name, kind, internal, FieldTable::default()).await {
                bad.push((name.to_owned(), error));
            }
        }
        match lanes {
            _ if !bad.is_empty() => self.judged(EXCHANGES, "exchange", &bad),
            1 => EXCHANGES.ok(ORDERS),
            _ => EXCHANGES.ok(format!("{ORDERS}, {LANES}")),
        }
    }

    async fn lanes(&self, lanes: u16) -> Vec<Finding> {
        let names: Vec<String> = (0..lanes).map(lane_queue).collect();
        let looked = join_all(names.iter().map(async |name| self.queue(name, dead_lettering()).await)).await;
        let (mut bad, mut limited) = (Vec::new(), Vec::new());
        let (mut messages, mut consumers) = (0, 0);
        for (name, found) in names.into_iter().zip(looked) {
            match found {
                Found::Good(waiting, taken) => {
                    messages += waiting;
                    consumers += taken;
                }
                Found::Bad(TopologyError::Differs { said, .. }) if said.contains("'x-delivery-limit'") => {
                    limited.push((name, said));
                }
                Found::Bad(error) => bad.push((name, error)),
            }
        }
        let lanes = match bad.is_empty() {
            true => LANE_QUEUES.ok(format!("{lanes} quorum queues, {messages} orders ready, {consumers} consumers")),
            false => self.judged(LANE_QUEUES, "queue", &bad),
        };
        std::iter::once(lanes).chain(self.limit(&limited, &bad)).collect()
    }

    /// None where a missing queue, or one of another kind, is all that is known.
    fn limit(&self, limited: &[(String, String)], bad: &[(String, TopologyError)]) -> Option<Finding> {
        if let [(name, said), rest @ ..] = limited {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let text = format!(
                "of queue {name}{more} it is another ({said}): mass kills of workers use a small one up, and the \
                 broker gives up healthy orders"
            );
            let names = limited.iter().map(|(name, _)| name.as_str());
            return Some(mends::queues_anew(LIMIT.broken(text), self.url, names));
        }
        if bad.is_empty() {
            // The broker takes the lower of the two, and a policy's is told by no answer of AMQP.
            let text = format!(
                "{DELIVERY_LIMIT} as declared; a policy's lower one would win, and AMQP tells no policies: look once, \
                 and whenever somebody changed them"
            );
            return Some(mends::policies_listed(LIMIT.warning(text), self.url));
        }
        let unseen = bad.iter().find(|(_, error)| is_unseen(error));
        unseen.map(|(name, error)| self.judged(LIMIT, "queue", &[(name.clone(), error.clone())]))
    }

    async fn dead_letters(&self) -> Finding {
        match self.queue(DEAD, quorum()).await {
            Found::Good(0, _) => DEAD_LETTERS.ok(format!("queue {DEAD}, empty")),
            Found::Good(messages, _) => {
                DEAD_LETTERS.ok(format!("queue {DEAD}; {messages} in it to look at, each answered in the ledger"))
            }
            Found::Bad(error) => self.judged(DEAD_LETTERS, "queue", &[(DEAD.to_owned(), error)]),
        }
    }

    /// The exchange, its alternate, and the queue behind that.
    async fn results(&self) -> Finding {
        if let Found::Bad(error) = self.exchange(RESULTS, ExchangeKind::Topic, false, with_alternate()).await {
            return self.judged(RESULTS_WAY, "exchange", &[(RESULTS.to_owned(), error)]);
        }
        let alternate = self.exchange(RESULTS_UNROUTED, ExchangeKind::Fanout, false, FieldTable::default());
        if let Found::Bad(error) = alternate.await {
            return self.judged(RESULTS_WAY, "exchange", &[(RESULTS_UNROUTED.to_owned(), error)]);
        }
        match self.queue(RESULTS, quorum()).await {
            Found::Good(messages, _) => {
                RESULTS_WAY.ok(format!("exchange, alternate exchange, queue; {messages} that no queue of yours took"))
            }
            Found::Bad(error) => self.judged(RESULTS_WAY, "queue", &[(RESULTS.to_owned(), error)]),
        }
    }

    /// Workers empty them; without a worker nobody does.
    async fn older_lanes(&self, lanes: u16) -> Option<Finding> {
        let found = match existing_lanes(self.link, lanes, self.vhost, PATIENCE).await {
            Ok(found) => found,
            Err(error) => return Some(self.judged(OLD_LANES, "queue", &[(lane_queue(lanes), error)])),
        };
        let asked = join_all(found.iter().map(async |&lane| {
            let name = lane_queue(lane);
            (self.queue_there(&name).await.unwrap_or((0, 0)), name)
        }));
        let waiting: Vec<String> = asked
            .await
            .into_iter()
            .filter(|((messages, consumers), _)| *messages > 0 && *consumers == 0)
            .map(|(_, name)| name)
            .collect();
        if waiting.is_empty() {
            return None;
        }
        let text = format!("{} of an earlier number of lanes hold orders that nobody takes", waiting.join(", "));
        Some(OLD_LANES.warning(text).mended(SHELL, "fulfil worker   # restarted, workers empty them too"))
    }

    async fn queue(&self, name: &str, arguments: FieldTable) -> Found {
        let (messages, consumers) = match self.queue_there(name).await {
            Ok(counts) => counts,
            Err(error) => return Found::Bad(error),
        };
        let declared = async {
            let channel = self.link.channel().await?;
            let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            let answer = channel.queue_declare(name.into(), options, arguments);
            within(&format!("queue {name}"), self.vhost, PATIENCE, answer).await
        };
        match declared.await {
            Ok(_) => Found::Good(messages, consumers),
            Err(error) => Found::Bad(error),
        }
    }

    async fn queue_there(&self, name: &str) -> Result<(u32, u32), TopologyError> {
        let channel = self.link.channel().await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let answer = channel.queue_declare(name.into(), options, FieldTable::default());
        let queue = within(&format!("queue {name}"), self.vhost, PATIENCE, answer).await?;
        Ok((queue.message_count(), queue.consumer_count()))
    }

    async fn exchange(&self, name: &str, kind: ExchangeKind, internal: bool, arguments: FieldTable) -> Found {
        let what = format!("exchange {name}");
        let looked = async {
            for passive in [true, false] {
                let channel = self.link.channel().await?;
                let options =
                    ExchangeDeclareOptions { durable: true, internal, passive, ..ExchangeDeclareOptions::default() };
                let answer = channel.exchange_declare(name.into(), kind.clone(), options, arguments.clone());
                within(&what, self.vhost, PATIENCE, answer).await?;
            }
            Ok(())
        };
        match looked.await {
            Ok(()) => Found::Good(0, 0),
            Err(error) => Found::Bad(error),
        }
    }

    /// One finding for all that is bad of one kind; the first of them says how, and what is known to be wrong comes
    /// before what can't be seen.
    fn judged(&self, check: Check, what: &str, bad: &[(String, TopologyError)]) -> Finding {
        let first = bad.iter().position(|(_, error)| !is_unseen(error)).unwrap_or(0);
        let Some((name, error)) = bad.get(first) else { return check.ok("") };
        let others = bad.iter().enumerate().filter(|(at, _)| *at != first);
        let others: Vec<&str> = others.map(|(_, (name, _))| name.as_str()).collect();
        let others = if others.is_empty() { String::new() } else { format!("; also {}", others.join(", ")) };
        match error {
            TopologyError::Missing { .. } => {
                check.broken(format!("{what} {name} is missing{others}")).mended(SHELL, MIGRATE)
            }
            TopologyError::Differs { said, .. } => {
                // What is declared can't be changed.
                let finding = check.broken(format!("{what} {name} is of another kind: {said}{others}"));
                match what {
                    "queue" => mends::queues_anew(finding, self.url, differing(bad)),
                    _ => mends::exchange_anew(finding, self.url, name),
                }
            }
            TopologyError::PluginMissing => check
                .broken("exchanges of type x-consistent-hash are not known")
                .mended(SHELL, format!("rabbitmq-plugins enable rabbitmq_consistent_hash_exchange && {MIGRATE}")),
            TopologyError::Forbidden { said, .. } => check
                .not_asked(format!("how {what} {name} was declared can't be seen: {said}{others}"))
                .mended(SHELL, mends::set_permissions(self.url)),
            TopologyError::Unavailable(why) | TopologyError::Refused(why) => check.not_asked(why.clone()),
            TopologyError::NoLane => check.broken(error.to_string()),
        }
    }
}

/// The names of what is there and of another kind.
fn differing(bad: &[(String, TopologyError)]) -> impl Iterator<Item = &str> {
    let differs = |error: &TopologyError| matches!(error, TopologyError::Differs { .. });
    bad.iter().filter(move |(_, error)| differs(error)).map(|(name, _)| name.as_str())
}

/// It says nothing about what is there.
fn is_unseen(error: &TopologyError) -> bool {
    match error {
        TopologyError::Forbidden { .. } | TopologyError::Unavailable(_) | TopologyError::Refused(_) => true,
        TopologyError::PluginMissing
        | TopologyError::Differs { .. }
        | TopologyError::Missing { .. }
        | TopologyError::NoLane => false,
    }
}
