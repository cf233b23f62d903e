//! A double that runs: its address, its mood, its log, its callbacks.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context;
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderName, HeaderValue, Response, StatusCode},
};
use tokio::task::JoinHandle;

use crate::{
    asked::Asked,
    callback::{self, CallbackMessage},
    control,
    fate::{self, ReplyFate, Strikes},
    journal::{self, Call, Key, Log, Mishap},
    line::{Line, Scissors, Switch},
    mood::Mood,
    protocol::{Credentials, Protocol},
    protocols,
    reply::{Kind, Reply},
    shelf::Product,
    shop::Shop,
};

/// How a double starts.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Stands in every key, so that keys of two doubles never meet.
    pub seed: u64,
    /// 0: one that is free.
    pub port: u16,
    pub mood: Mood,
    pub products: Vec<Product>,
    /// In minor units.
    pub balance: i64,
    pub credentials: Credentials,
}

impl Setup {
    /// An honest double with the protocol's usual products and a full purse.
    #[must_use]
    pub fn of(protocol: Protocol) -> Self {
        Self {
            seed: 1,
            port: 0,
            mood: Mood::default(),
            products: protocol.products(),
            balance: 10_000_000_000,
            credentials: protocol.credentials(),
        }
    }
}

/// A supplier's double. It ends when dropped.
#[derive(Debug)]
pub struct Double {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    shop: Mutex<Shop>,
    pub(crate) switch: Switch,
    address: SocketAddr,
}

impl Shared {
    pub(crate) fn shop(&self) -> MutexGuard<'_, Shop> {
        self.shop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Double {
    /// # Errors
    /// A mood that is not one, or a port that is taken.
    pub async fn start(protocol: Protocol, setup: Setup) -> anyhow::Result<Self> {
        setup.mood.check()?;
        let (line, switch) =
            Line::open(setup.port).with_context(|| format!("listening on 127.0.0.1:{}", setup.port))?;
        let Setup { seed, port: _, mood, products, balance, credentials } = setup;
        let address = line.address();
        let shop = Mutex::new(Shop::new(protocol, credentials, seed, mood, products, balance));
        let shared = Arc::new(Shared { shop, switch, address });
        let routes = Router::new().fallback(answer).with_state(shared.clone());
        let service = routes.into_make_service_with_connect_info::<Scissors>();
        let task = tokio::spawn(async move {
            // It serves until the task is aborted.
            if let Err(error) = axum::serve(line, service).await {
                eprintln!("the double stopped serving: {error}");
            }
        });
        Ok(Self { shared, task })
    }

    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.shared.shop().protocol
    }

    /// `http://127.0.0.1:PORT`, and what the protocol has before its own paths.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}{}", self.origin(), self.protocol().base_path())
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    #[must_use]
    pub fn credentials(&self) -> Credentials {
        self.shared.shop().credentials.clone()
    }

    #[must_use]
    pub fn mood(&self) -> Mood {
        self.shared.shop().mood.clone()
    }

    /// From the next call on. The course of orders that were bought stays.
    ///
    /// # Errors
    /// A mood that is not one; the earlier stays.
    pub fn set_mood(&self, mood: Mood) -> anyhow::Result<()> {
        mood.check()?;
        self.shared.shop().mood = mood;
        Ok(())
    }

    /// What was bought, the oldest first.
    #[must_use]
    pub fn log(&self) -> Log {
        self.shared.shop().log()
    }

    /// Keys that a second query tells instead of those of the purchase, where it lies so.
    #[must_use]
    pub fn other_answers(&self) -> Vec<Key> {
        self.shared.shop().other_answers()
    }

    /// Every call so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.shop().calls.clone()
    }

    pub fn set_balance(&self, minor: i64) {
        self.shared.shop().balance = minor;
    }

    /// Puts a product on the shelf, or another in its place.
    pub fn put(&self, product: Product) {
        self.shared.shop().products.insert(product.id.clone(), product);
    }

    /// When it returns, connections are refused and open ones are cut; the port stays taken.
    pub async fn go_dark(&self) {
        self.shared.switch.dark(true).await;
    }

    /// When it returns, it listens again.
    pub async fn come_back(&self) {
        self.shared.switch.dark(false).await;
    }

    /// Dark from now on, and back by itself after so long.
    pub async fn go_dark_for(&self, time: Duration) {
        dark_for(&self.shared, time).await;
    }

    /// A callback about the first purchase under a reference, as it would be sent now, signed with `key` and
    /// `callback_secret` of `credentials`. `None`: no such purchase, or no callbacks in the protocol.
    #[must_use]
    pub fn callback(&self, reference: &str, credentials: &Credentials) -> Option<CallbackMessage> {
        let shop = self.shared.shop();
        let at = *shop.find(reference).first()?;
        protocols::callback(shop.protocol, credentials, shop.order(at), journal::now_us())
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.switch.cut_all();
    }
}

pub(crate) async fn dark_for(shared: &Arc<Shared>, time: Duration) {
    shared.switch.dark(true).await;
    let switch = shared.switch.clone();
    tokio::spawn(async move {
        tokio::time::sleep(time).await;
        switch.dark(false).await;
    });
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response<Body> {
    let Some(asked) = Asked::read(request).await else {
        return response(413, &[], Vec::new());
    };
    if asked.path.starts_with("/double/") {
        let (status, body) = control::answer(&shared, &asked).await;
        return response(status, &[("content-type", "application/json".into())], body.into_bytes());
    }
    let served = serve(&shared, &asked);
    if let Some(at) = served.bought {
        callback::schedule(&shared, at);
    }
    if !served.wait.is_zero() {
        tokio::time::sleep(served.wait).await;
    }
    if served.lost {
        scissors.cut();
    }
    response(served.reply.status, &served.reply.headers, served.reply.body)
}

struct Served {
    reply: Reply,
    wait: Duration,
    lost: bool,
    /// The order that was bought just now.
    bought: Option<usize>,
}

/// Answers, spoils the answer where the mood has it, and notes the call.
fn serve(shared: &Shared, asked: &Asked) -> Served {
    let at_us = journal::now_us();
    let mut shop = shared.shop();
    let orders_before = shop.orders_count();
    let reply = protocols::answer(&mut shop, asked);
    let bought = (shop.orders_count() > orders_before).then_some(orders_before);
    let about = match &reply.reference {
        Some(reference) if !reference.is_empty() => reference.clone(),
        Some(_) | None => asked.path.clone(),
    };
    let nth = shop.nth_call(&about);
    let (fate, mishap) = match reply.kind {
        Kind::Buy => reply.strikes.map_or((None, None), |strikes| (Some(strikes.fate()), Some(mishap_of(strikes)))),
        Kind::Token => (None, None),
        Kind::Query | Kind::Keys | Kind::Offers | Kind::Balance | Kind::Cancel | Kind::Other => {
            match fate::of_query(&shop.mood, &about, nth) {
                Some(fate) => (Some(fate), Some(mishap_of_query(fate))),
                None => (None, None),
            }
        }
    };
    let wait = fate::latency(&shop.mood, &about, nth, reply.kind == Kind::Buy);
    let lost = fate == Some(ReplyFate::Lost);
    let throttling = protocols::throttling(shop.protocol, shop.mood.retry_after, at_us);
    let reply = match fate {
        Some(fate) => reply.spoiled(fate, asked, throttling),
        None => reply,
    };
    let call = Call {
        at_us,
        kind: reply.kind.as_str().into(),
        path: asked.path.clone(),
        reference: reply.reference.clone().filter(|reference| !reference.is_empty()),
        status: if lost { 0 } else { reply.status },
        mishap,
    };
    shop.calls.push(call);
    Served { reply, wait, lost, bought }
}

fn mishap_of(strikes: Strikes) -> Mishap {
    match strikes {
        Strikes::Before(ReplyFate::Lost) => Mishap::LostBeforeBuying,
        Strikes::Before(ReplyFate::Html) => Mishap::HtmlBeforeBuying,
        Strikes::Before(ReplyFate::Error) => Mishap::ErrorBeforeBuying,
        Strikes::Before(ReplyFate::Throttled) | Strikes::After(ReplyFate::Throttled) => Mishap::Throttled,
        Strikes::After(ReplyFate::Lost) => Mishap::LostAfterBuying,
        Strikes::After(ReplyFate::Html) => Mishap::HtmlAfterBuying,
        Strikes::After(ReplyFate::Error) => Mishap::ErrorAfterBuying,
    }
}

fn mishap_of_query(fate: ReplyFate) -> Mishap {
    match fate {
        ReplyFate::Lost => Mishap::QueryLost,
        ReplyFate::Html => Mishap::QueryHtml,
        ReplyFate::Error => Mishap::QueryError,
        ReplyFate::Throttled => Mishap::Throttled,
    }
}

fn response(status: u16, headers: &[(&'static str, String)], body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
