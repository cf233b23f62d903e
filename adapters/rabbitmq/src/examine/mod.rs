//! Whether a broker is as the pool needs it to be, as far as AMQP tells.
//!
//! What holds: nothing is made, taken or published; what is there is declared again as it ought to be, which
//! changes nothing and is refused where it differs; each answer is waited for a bounded time, and a broker
//! that does not answer is one finding. Bindings, policies and consumer time-outs can't be seen over AMQP.
//!
//! - how the broker greets: `greeting`; whether what we want is there: `topology`
//! - what our user may do: `permissions`
//! - the lines that mend: `mends`

mod greeting;
mod mends;
mod permissions;
mod topology;

use std::time::Duration;

use fulfil_contract::examination::{Check, Examination, Finding, Promise};

use crate::{errors::TopologyError, link::Link, url::BrokerUrl};

const REACHABLE: Check = Check { id: "rabbitmq.reachable", subject: "reachable", promise: Promise::WorkGoesOn };
const VERSION: Check = Check { id: "rabbitmq.version", subject: "version", promise: Promise::NothingIsLost };
const HEARTBEAT: Check = Check { id: "rabbitmq.heartbeat", subject: "heartbeat", promise: Promise::FaultsAreShort };

/// How long one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// A dead peer is seen after two of them.
const LONGEST_HEARTBEAT: u16 = 60;
const SHELL: &str = "shell";
const FULFIL_TOML: &str = "fulfil.toml";

/// Looks at the broker at `url`; `lanes` is how many workers want. Ends within a minute.
pub async fn examine(url: &BrokerUrl, lanes: u16) -> Examination {
    let findings = match Link::open(url, "fulfil doctor", PATIENCE).await {
        Ok(link) => of_broker(&link, url, lanes).await,
        Err(error) => vec![unreachable(&error)],
    };
    Examination { server: "RabbitMQ", place: url.to_string(), findings }
}

async fn of_broker(link: &Link, url: &BrokerUrl, lanes: u16) -> Vec<Finding> {
    let mut findings = vec![REACHABLE.ok("answers"), version(url).await, heartbeat(link)];
    findings.extend(topology::look(link, url, lanes).await);
    findings.extend(permissions::look(link, url).await);
    findings
}

fn unreachable(error: &TopologyError) -> Finding {
    let finding = REACHABLE.not_asked(error.to_string());
    match error {
        TopologyError::Refused(_) => {
            finding.mended(FULFIL_TOML, "[source] url = \"amqp://USER:PASSWORD@HOST:PORT/VHOST\"")
        }
        TopologyError::Unavailable(_)
        | TopologyError::PluginMissing
        | TopologyError::Differs { .. }
        | TopologyError::Missing { .. }
        | TopologyError::Forbidden { .. }
        | TopologyError::NoLane => finding.mended(SHELL, "fulfil config check   # shows where it is looked for"),
    }
}

async fn version(url: &BrokerUrl) -> Finding {
    let said = match greeting::read(url, PATIENCE).await {
        Ok(said) => said,
        Err(why) => return unseen_version(&why.to_string()),
    };
    let Some(version) = greeting::text(&said, "version") else {
        return unseen_version("the broker does not tell it");
    };
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) < (3, 10) => VERSION
            .broken(format!("{version}: dead letters are not kept at least once before 3.10"))
            .mended(SHELL, "apt-get install rabbitmq-server   # 3.10 or newer"),
        _ => VERSION.ok(version),
    }
}

fn unseen_version(why: &str) -> Finding {
    VERSION.not_asked(format!("can't be seen: {why}")).mended(SHELL, "rabbitmqctl version   # 3.10 or newer")
}

fn heartbeat(link: &Link) -> Finding {
    match link.heartbeat() {
        0 => HEARTBEAT
            .warning("off: a broker that vanishes without a word is missed only when the network notices")
            .mended("rabbitmq.conf", "heartbeat = 10"),
        seconds if seconds > LONGEST_HEARTBEAT => HEARTBEAT
            .warning(format!("{seconds} s: a broker that vanishes is missed after twice as long"))
            .mended(FULFIL_TOML, "[source] url = \"amqp://…?heartbeat=10\""),
        seconds => HEARTBEAT.ok(format!("{seconds} s")),
    }
}
