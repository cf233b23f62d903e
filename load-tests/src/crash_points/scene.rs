//! What is made to go on so that orders come by a point.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{
        BasicGetOptions, BasicNackOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use private_servers::Server;
use supplier_doubles::{Callbacks, Millis, Mood, PendingTime, Protocol};

use super::{
    ground::{Ground, LANES},
    orders::SOLD,
    spots::Scene,
};

/// So many that some are lost among ten orders; it ends once the point has fired.
const REPLIES_LOST: f64 = 0.6;
/// A queue that takes no result.
const REFUSER: &str = "refuser";
/// A purchase that ends later ends so long after it was made.
const ENDS_AFTER: Millis = Millis { from: 1_200, to: 1_500 };
/// A callback that is late comes so long after that.
const LATE: Duration = Duration::from_secs(4);
/// For a message that was given back to be there again.
const BACK_LIMIT: Duration = Duration::from_secs(20);

/// How the suppliers behave.
pub(super) fn set_moods(ground: &Ground, scene: Scene, callbacks: Option<SocketAddr>) -> Result<()> {
    for stall in &ground.market.stalls {
        let honest = Mood { seed: stall.double.mood().seed, latency: Millis { from: 5, to: 40 }, ..Mood::default() };
        let later = PendingTime { share: 1.0, millis: ENDS_AFTER };
        let url = callbacks.map(|address| format!("http://{address}/callbacks/{}", stall.name));
        let call = |delay: Duration| {
            let delay_ms = delay.as_millis().try_into().unwrap_or(u64::MAX);
            Some(Callbacks { url: url.clone(), delay_ms, most: 20, ..Callbacks::default() })
        };
        let mood = match (scene, stall.protocol) {
            (Scene::RepliesLost, Protocol::Kasushou) | (Scene::RepliesLostBlindly, Protocol::Dujiao) => {
                Mood { lost_after: REPLIES_LOST, ..honest }
            }
            (Scene::CalledBack, Protocol::Kasushou) => {
                Mood { pending_time: later, callbacks: call(Duration::ZERO), ..honest }
            }
            (Scene::CalledBackLate, Protocol::Kasushou) => Mood { callbacks: call(LATE), ..honest },
            _ => honest,
        };
        stall.double.set_mood(mood)?;
    }
    Ok(())
}

/// Takes what waits in the lanes and gives it back, so often.
pub(super) async fn redeliver(ground: &Ground, times: u32, messages: usize) -> Result<()> {
    let (_connection, channel) = connect(ground).await?;
    for _ in 0..times {
        let begin = std::time::Instant::now();
        let (mut taken, mut last) = (0, None);
        while taken < messages {
            for lane in 0..LANES {
                let queue = format!("orders.{lane}");
                while let Some(got) = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await? {
                    taken += 1;
                    last = Some(got.delivery.delivery_tag);
                }
            }
            if begin.elapsed() > BACK_LIMIT {
                bail!("of {messages} messages only {taken} are in the queues");
            }
            tokio::time::sleep(Duration::from_millis(20)).await; // between two looks
        }
        let all = BasicNackOptions { multiple: true, requeue: true };
        channel.basic_nack(last.context("there is at least one")?, all).await?;
    }
    Ok(())
}

/// Puts ids of sold keys before those that stock offers.
pub(super) fn offer_sold(ground: &Ground, ids: u64) -> Result<()> {
    let sold = ground.sold();
    let mut redis = redis::Client::open(ground.servers.redis.url())?.get_connection()?;
    for id in sold.iter().cycle().take(usize::try_from(ids)?) {
        redis::cmd("LPUSH").arg(format!("fulfil:{{{SOLD}.0}}:stock")).arg(id).query::<u64>(&mut redis)?;
    }
    Ok(())
}

/// The heartbeats of all workers lapse.
pub(super) fn forget_heartbeats(ground: &Ground) -> Result<()> {
    let mut redis = redis::Client::open(ground.servers.redis.url())?.get_connection()?;
    let workers: Vec<String> = redis::cmd("KEYS").arg("fulfil:worker:*").query(&mut redis)?;
    workers.into_iter().try_for_each(|worker| Ok(redis::cmd("DEL").arg(worker).query::<()>(&mut redis)?))
}

pub(super) fn flush(ground: &Ground) -> Result<()> {
    let mut redis = redis::Client::open(ground.servers.redis.url())?.get_connection()?;
    Ok(redis::cmd("FLUSHALL").query::<()>(&mut redis)?)
}

pub(super) fn flush_functions(ground: &Ground) -> Result<()> {
    let mut redis = redis::Client::open(ground.servers.redis.url())?.get_connection()?;
    Ok(redis::cmd("FUNCTION").arg("FLUSH").query::<()>(&mut redis)?)
}

/// From now on the broker refuses results: a full queue is bound to them.
pub(super) async fn refuse_results(ground: &Ground) -> Result<()> {
    let (_connection, channel) = connect(ground).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(REFUSER.into(), durable, arguments).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    // Where it is full already, it refuses this too.
    let full = channel.basic_publish(
        "".into(),
        REFUSER.into(),
        BasicPublishOptions::default(),
        b"full",
        BasicProperties::default(),
    );
    full.await?.await?;
    let bind = QueueBindOptions::default();
    channel.queue_bind(REFUSER.into(), "results".into(), "#".into(), bind, FieldTable::default()).await?;
    Ok(())
}

/// The queue stays: what is on its way to one that is deleted counts as confirmed, and is gone.
pub(super) async fn take_results(ground: &Ground) -> Result<()> {
    let (_connection, channel) = connect(ground).await?;
    channel.queue_unbind(REFUSER.into(), "results".into(), "#".into(), FieldTable::default()).await?;
    Ok(())
}

async fn connect(ground: &Ground) -> Result<(Connection, Channel)> {
    let connection = Connection::connect(&ground.servers.rabbitmq.url(), ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}
