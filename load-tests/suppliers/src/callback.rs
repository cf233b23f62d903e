//! Callbacks: made by the protocol, sent until they are taken.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    double::Shared,
    fate::{self, Course},
    journal::{self, Call},
    mood::Callbacks,
    protocols,
};

/// No attempt to deliver a callback lasts longer.
const LIMIT: Duration = Duration::from_secs(5);
const MOST_ANSWER: u64 = 64 * 1024;

/// A callback as it is posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackMessage {
    /// Names in lower case; `content-type` is among them.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// What has to stand in the answer, besides a status 2xx, for it to count as taken.
    pub wants: &'static str,
}

/// Sends the callbacks of an order that was just bought, when it ends. Orders that end by a query send none:
/// who queries knows.
pub(crate) fn schedule(shared: &Arc<Shared>, at: usize) {
    let shop = shared.shop();
    let (order, mood) = (shop.order(at), &shop.mood);
    let Some(callbacks) = mood.callbacks.clone() else { return };
    if !fate::calls_back(mood.seed, callbacks.share, &order.reference) {
        return;
    }
    let ends_after = match order.course {
        Course::PendingQueries(_) | Course::PendingForEver => return,
        Course::PendingTime(time) => time,
        Course::Done | Course::WithoutKeys | Course::Cancelled | Course::Refunded | Course::RefundedInPart => {
            Duration::ZERO
        }
    };
    let Some(url) = callbacks.url.clone().or_else(|| order.callback_url.clone()) else { return };
    drop(shop);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        tokio::time::sleep(ends_after + Duration::from_millis(callbacks.delay_ms)).await;
        send(&shared, at, &url, &callbacks).await;
    });
}

async fn send(shared: &Shared, at: usize, url: &str, callbacks: &Callbacks) {
    for _ in 0..callbacks.most {
        let at_us = journal::now_us();
        let (message, reference) = {
            let shop = shared.shop();
            let order = shop.order(at);
            let message = protocols::callback(shop.protocol, &shop.credentials, order, at_us);
            (message, order.reference.clone())
        };
        let Some(message) = message else { return };
        let (status, taken) = match timeout(LIMIT, post(url, &message)).await {
            Ok(Ok((status, body))) => (status, (200..300).contains(&status) && body.contains(message.wants)),
            Ok(Err(_)) | Err(_) => (0, false),
        };
        let call = Call {
            at_us,
            kind: "callback".into(),
            path: url.to_owned(),
            reference: Some(reference),
            status,
            mishap: None,
        };
        shared.shop().calls.push(call);
        if taken {
            return;
        }
        tokio::time::sleep(Duration::from_millis(callbacks.again_ms)).await;
    }
}

/// A client of our own: HTTP/1.1, one request a connection, `http://` only.
async fn post(url: &str, message: &CallbackMessage) -> anyhow::Result<(u16, String)> {
    let rest = url.strip_prefix("http://").context("callbacks go to http:// addresses only")?;
    let (authority, path) =
        rest.split_once('/').map_or((rest, String::from("/")), |(host, path)| (host, format!("/{path}")));
    let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let mut stream = TcpStream::connect(address).await?;
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: {}\r\n",
        message.body.len()
    );
    for (name, value) in &message.headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.write_all(&message.body).await?;
    let mut answer = Vec::new();
    stream.take(MOST_ANSWER).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
    Ok((status, body.to_owned()))
}
