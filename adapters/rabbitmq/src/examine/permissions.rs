//! Whether our user may do what workers do, tried so that it is refused for another reason at the latest.
//!
//! - read: consuming with an argument that no broker takes
//! - write: publishing with an expiry that is no number
//!
//! The broker looks at permissions before either. A broker with an alarm takes nothing that is published, and
//! says so as soon as somebody tries: that is seen here too.

use std::time::Duration;

use fulfil_contract::examination::{Check, Finding, Promise};
use lapin::{
    BasicProperties,
    options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};

use super::{PATIENCE, SHELL, mends::set_permissions};
use crate::{
    errors::TopologyError,
    link::Link,
    topology::{DEAD, RESULTS, RESULTS_UNROUTED, lane_queue, within},
    url::BrokerUrl,
};

const PERMISSIONS: Check = Check { id: "rabbitmq.permissions", subject: "permissions", promise: Promise::WorkGoesOn };
const ALARM: Check = Check { id: "rabbitmq.alarm", subject: "alarms", promise: Promise::FaultsAreShort };

/// As permissions name the exchange without a name, by which dead letters go.
const DEFAULT: &str = "amq.default";
/// How long an alarmed broker is given to say so.
const ALARM_PATIENCE: Duration = Duration::from_secs(2);

/// What a try came to.
enum Tried {
    May,
    MayNot,
    /// It is not there, or the broker said something else; told elsewhere.
    Unknown,
}

pub(super) async fn look(link: &Link, url: &BrokerUrl) -> Vec<Finding> {
    let vhost = url.vhost();
    let lane = lane_queue(0);
    let tries = [
        ("read", lane.as_str(), read(link, &lane, vhost).await),
        ("write", RESULTS, write(url, RESULTS, RESULTS).await),
        ("write", RESULTS_UNROUTED, write(url, RESULTS_UNROUTED, RESULTS).await),
        ("write", DEFAULT, write(url, "", DEAD).await),
    ];
    let alarmed = tries.iter().any(|(.., (_, alarmed))| *alarmed);
    let (mut may, mut may_not, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for (what, name, (tried, _)) in tries {
        let sort = match tried {
            Tried::May => &mut may,
            Tried::MayNot => &mut may_not,
            Tried::Unknown => &mut unknown,
        };
        sort.push(format!("{what} {name}"));
    }
    let permissions = match (may_not.is_empty(), unknown.is_empty()) {
        (false, _) => {
            PERMISSIONS.broken(format!("the user may not {}", may_not.join(", "))).mended(SHELL, set_permissions(url))
        }
        (true, false) => PERMISSIONS.not_asked(format!(
            "whether the user may {} can't be seen before everything is there, or while an alarm is on",
            unknown.join(", ")
        )),
        (true, true) => PERMISSIONS.ok(format!("the user may {}", may.join(", "))),
    };
    let alarm = match alarmed {
        true => ALARM
            .warning("the broker takes no publications: memory or disk is short; orders wait, none is lost")
            .mended(SHELL, "rabbitmq-diagnostics alarms   # then make room, or raise the watermark"),
        false => ALARM.ok("none"),
    };
    vec![permissions, alarm]
}

async fn read(link: &Link, queue: &str, vhost: &str) -> (Tried, bool) {
    let asked = async {
        let channel = link.channel().await?;
        let mut arguments = FieldTable::default();
        arguments.insert("x-priority".into(), AMQPValue::LongString("none".into()));
        let options = BasicConsumeOptions::default();
        let answer = channel.basic_consume(queue.into(), "".into(), options, arguments);
        within(&format!("queue {queue}"), vhost, PATIENCE, answer).await.map(drop)
    };
    (tried(&asked.await), false)
}

/// On a connection of its own, since an alarmed broker reads no more from it; with whether it is alarmed.
async fn write(url: &BrokerUrl, exchange: &str, key: &str) -> (Tried, bool) {
    let link = match Link::open(url, "fulfil doctor", PATIENCE).await {
        Ok(link) => link,
        Err(_) => return (Tried::Unknown, false),
    };
    let published = async {
        let channel = link.channel().await?;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        within("confirms", url.vhost(), PATIENCE, confirms).await?;
        let properties = BasicProperties::default().with_expiration("never".into());
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let published = async {
            channel.basic_publish(exchange.into(), key.into(), options, b"", properties).await?.await.map(drop)
        };
        within("a publication", url.vhost(), ALARM_PATIENCE, published).await
    };
    let outcome = published.await;
    (tried(&outcome), link.is_blocked())
}

fn tried(outcome: &Result<(), TopologyError>) -> Tried {
    match outcome {
        Ok(()) | Err(TopologyError::Differs { .. }) => Tried::May,
        Err(TopologyError::Forbidden { .. }) => Tried::MayNot,
        Err(
            TopologyError::Missing { .. }
            | TopologyError::Unavailable(_)
            | TopologyError::Refused(_)
            | TopologyError::PluginMissing
            | TopologyError::NoLane,
        ) => Tried::Unknown,
    }
}
