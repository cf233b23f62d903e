//! The table of every key. A new key is a row here and a field in its section.

use crate::procurement::assortment::Assortment;

use super::kind::{Kind, Server};
use super::{Config, LogFormat, ResultsMode};

/// One key of the configuration; the value goes into a `T`.
#[derive(Debug)]
pub struct Key<T: 'static = Config> {
    /// `source`; of a section whose name is yours, with a word in capitals for it: `suppliers.NAME`.
    pub section: &'static str,
    pub name: &'static str,
    /// As it would stand in the environment; `None`: not set unless somebody sets it.
    pub default: Option<&'static str>,
    /// What it is for, in a line.
    pub doc: &'static str,
    pub(super) kind: Kind<T>,
}

/// How much of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    Open,
    /// A URL: all but its password.
    Password,
    /// Nothing.
    Whole,
}

impl<T> Key<T> {
    /// `section.key`.
    #[must_use]
    pub fn full_name(&self) -> String {
        self.full_name_in(self.section)
    }

    /// The environment variable that sets it: `FULFIL_SECTION__KEY`.
    #[must_use]
    pub fn variable(&self) -> String {
        self.variable_in(self.section)
    }

    pub(super) fn full_name_in(&self, section: &str) -> String {
        format!("{section}.{}", self.name)
    }

    pub(super) fn variable_in(&self, section: &str) -> String {
        variable_of(&self.full_name_in(section))
    }

    /// The environment variable that names a file holding it; for keys with something to hide.
    #[must_use]
    pub fn file_variable(&self) -> Option<String> {
        match self.secrecy() {
            Secrecy::Open => None,
            Secrecy::Password | Secrecy::Whole => Some(format!("{}_FILE", self.variable())),
        }
    }

    #[must_use]
    pub fn secrecy(&self) -> Secrecy {
        self.kind.secrecy()
    }

    /// What it may be set to, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        self.kind.allowed()
    }
}

/// Every section and what it is about.
pub const SECTIONS: &[(&str, &str)] = &[
    ("source", "RabbitMQ, where orders come from and results go to"),
    ("stock", "Redis, which offers the ids of keys"),
    ("ledger", "Postgres, which decides"),
    ("procurement", "Buying from suppliers what stock can't fill; `[suppliers.NAME]` and `[routes.SKU]` say from whom"),
    ("callbacks", "The port for suppliers' callbacks (webhooks)"),
    ("results", "How results are published"),
    ("sealing", "Whom keys are sealed for, and how repeats are found"),
    ("admin", "The port for metrics and health"),
    ("worker", "The worker process"),
    ("log", "What is logged, and how"),
];

/// Every key, by section.
pub static KEYS: &[Key] = &[
    Key {
        section: "source",
        name: "url",
        default: None,
        doc: "RabbitMQ: `amqp://user:password@host:5672/vhost`",
        kind: Kind::Url { server: Server::RabbitMq, set: |c, url| c.source.url = Some(url) },
    },
    Key {
        section: "source",
        name: "lanes",
        default: Some("4"),
        doc: "queues that orders are spread over; the same for every worker; run `fulfil migrate` after a change",
        kind: Kind::Count { from: 1, to: 64, set: |c, n| c.source.lanes = n.into() },
    },
    Key {
        section: "source",
        name: "batch_orders",
        default: Some("1000"),
        doc: "the most orders in one batch",
        kind: Kind::Count { from: 1, to: 1000, set: |c, n| c.source.batch_orders = n.into() },
    },
    Key {
        section: "source",
        name: "in_flight",
        default: Some("3"),
        doc: "batches of one lane under way at once; prefetch is batch_orders × (in_flight + 1)",
        kind: Kind::Count { from: 1, to: 16, set: |c, n| c.source.in_flight = n.into() },
    },
    Key {
        section: "stock",
        name: "url",
        default: None,
        doc: "Redis: `redis://user:password@host:6379/0`",
        kind: Kind::Url { server: Server::Redis, set: |c, url| c.stock.url = Some(url) },
    },
    Key {
        section: "stock",
        name: "buckets",
        default: Some("1"),
        doc: "buckets that a newly imported SKU is split into; more than one only for a SKU that one Redis core can't keep up with",
        kind: Kind::Count { from: 1, to: 64, set: |c, n| c.stock.buckets = n },
    },
    Key {
        section: "stock",
        name: "timeout_ms",
        default: Some("500"),
        doc: "how long Redis is waited for; after that the ledger gives the keys",
        kind: Kind::Milliseconds { from: 10, to: 60_000, set: |c, time| c.stock.timeout = time },
    },
    Key {
        section: "ledger",
        name: "url",
        default: None,
        doc: "Postgres: `postgres://user:password@host:5432/database`",
        kind: Kind::Url { server: Server::Postgres, set: |c, url| c.ledger.url = Some(url) },
    },
    Key {
        section: "ledger",
        name: "connections",
        default: Some("16"),
        doc: "the most connections of one process to Postgres",
        kind: Kind::Count { from: 1, to: 200, set: |c, n| c.ledger.connections = n.into() },
    },
    Key {
        section: "ledger",
        name: "timeout_ms",
        default: Some("30000"),
        doc: "how long one transaction may take, the wait for a connection included",
        kind: Kind::Milliseconds { from: 100, to: 600_000, set: |c, time| c.ledger.timeout = time },
    },
    Key {
        section: "procurement",
        name: "in_flight",
        default: Some("256"),
        doc: "lines that one process works on at once; `ledger.connections` are shared with them",
        kind: Kind::Count { from: 1, to: 4096, set: |c, n| c.procurement.in_flight = n.into() },
    },
    Key {
        section: "procurement",
        name: "lease_seconds",
        default: Some("60"),
        doc: "after so long without a word from a worker, another goes on with its line; longer than any supplier's `timeout_ms`",
        kind: Kind::Seconds { from: 3, to: 3600, set: |c, time| c.procurement.lease = time },
    },
    Key {
        section: "procurement",
        name: "deadline_seconds",
        default: Some("3600"),
        doc: "what buying one line may take in all; after it the line is rejected, or goes to review where a purchase may still bring goods",
        kind: Kind::Seconds { from: 1, to: 604_800, set: |c, time| c.procurement.deadline = time },
    },
    Key {
        section: "callbacks",
        name: "listen",
        default: Some("off"),
        doc: "where suppliers' callbacks are taken, a port of its own since `admin.listen` must stay private; put a proxy with TLS before it",
        kind: Kind::Listen { set: |c, listen| c.callbacks.listen = listen },
    },
    Key {
        section: "results",
        name: "mode",
        default: Some("single"),
        doc: "one result per message, or many in one message, which more than doubles the orders per second",
        kind: Kind::Choice {
            of: &[
                ("single", |c| c.results.mode = ResultsMode::Single),
                ("batch", |c| c.results.mode = ResultsMode::Batch),
            ],
        },
    },
    Key {
        section: "results",
        name: "confirm_timeout_ms",
        default: Some("30000"),
        doc: "how long RabbitMQ may take to confirm a batch's results",
        kind: Kind::Milliseconds { from: 100, to: 600_000, set: |c, time| c.results.confirm_timeout = time },
    },
    Key {
        section: "sealing",
        name: "recipient",
        default: None,
        doc: "the public key that keys are sealed for; `fulfil keygen` prints it",
        kind: Kind::Recipient { set: |c, recipient| c.sealing.recipient = Some(recipient) },
    },
    Key {
        section: "sealing",
        name: "fingerprint_secret",
        default: None,
        doc: "the secret under which repeats of a key are found; make it once (`openssl rand -base64 32`) and never change it",
        kind: Kind::FingerprintSecret { set: |c, secret| c.sealing.fingerprint_secret = Some(secret) },
    },
    Key {
        section: "admin",
        name: "listen",
        default: Some("127.0.0.1:9464"),
        doc: "where /metrics, /healthz and /readyz are answered",
        kind: Kind::Listen { set: |c, listen| c.admin.listen = listen },
    },
    Key {
        section: "worker",
        name: "drain_seconds",
        default: Some("25"),
        doc: "how long a worker that is told to stop may take to finish what it has begun; longer than any supplier's `timeout_ms`, and below the grace period of whatever stops it",
        kind: Kind::Seconds { from: 1, to: 600, set: |c, time| c.worker.drain = time },
    },
    Key {
        section: "log",
        name: "format",
        default: Some("text"),
        doc: "lines for people, or one JSON object per line",
        kind: Kind::Choice {
            of: &[("text", |c| c.log.format = LogFormat::Text), ("json", |c| c.log.format = LogFormat::Json)],
        },
    },
    Key {
        section: "log",
        name: "level",
        default: Some("info"),
        doc: "what is logged, by module if need be: `info,fulfil::stock=debug`",
        kind: Kind::LogLevel { set: |c, level| c.log.level = level },
    },
];

/// The variable of a key, by its full name: `a.b` is `FULFIL_A__B`.
pub(super) fn variable_of(full_name: &str) -> String {
    format!("FULFIL_{}", full_name.replace('.', "__")).to_ascii_uppercase()
}

/// The row of a key, by its section and name.
pub(super) fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

impl Config {
    /// Before any row of the table has set its field. Only a load sees this: it sets every default next.
    pub(super) fn blank(file: String) -> Self {
        use super::sections::*;
        use std::time::Duration;
        Self {
            source: SourceSection { url: None, lanes: 0, batch_orders: 0, in_flight: 0 },
            stock: StockSection { url: None, buckets: 0, timeout: Duration::ZERO },
            ledger: LedgerSection { url: None, connections: 0, timeout: Duration::ZERO },
            procurement: ProcurementSection { in_flight: 0, lease: Duration::ZERO, deadline: Duration::ZERO },
            callbacks: CallbacksSection { listen: None },
            results: ResultsSection { mode: ResultsMode::Single, confirm_timeout: Duration::ZERO },
            sealing: SealingSection { recipient: None, fingerprint_secret: None },
            admin: AdminSection { listen: None },
            worker: WorkerSection { drain: Duration::ZERO },
            log: LogSection { format: LogFormat::Text, level: String::new() },
            suppliers: Vec::new(),
            assortment: Assortment::default(),
            settings: Vec::with_capacity(KEYS.len()),
            file,
        }
    }
}
