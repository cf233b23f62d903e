//! The port for suppliers' callbacks: `POST /callbacks/<supplier>`.
//!
//! What holds here: a callback is never believed for its content: it wakes its procurement, which then asks the
//! supplier; one whose signature or age is wrong does nothing and learns nothing but a status; the same one again
//! does nothing; bodies, and the memory for repeats, are bounded. One about an attempt that is final has the
//! supplier asked again: an answer that differs from the first goes to a person.

use std::{
    collections::{HashSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::post,
};
use fulfil_contract::{
    ports::procurements::{Procurements, Reviews, Woken},
    supplier::{Callback, Hint, SupplierName},
    time::Timestamp,
};
use tokio::{
    net::TcpListener,
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
};

use super::{bounded_port::BoundedPort, buyer::Supplies, second_look::SecondLook};
use crate::{
    crash::{self, Point},
    ops::procurement_metrics as metrics,
    stock::import::Vault,
};

/// A callback's largest body.
const MOST_BYTES: usize = 64 * 1024;
/// How many callbacks are remembered, so that a repeat does nothing.
const REMEMBERED: usize = 10_000;
/// Second looks at once.
const LOOKS: usize = 8;
/// How long the ledger may take to wake a procurement; the supplier repeats the callback then.
const LIMIT: Duration = Duration::from_secs(5);

/// The port can't be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "the port for callbacks {address} can't be opened: {source}; set callbacks.listen to a free address, or to \"off\""
)]
pub struct CallbacksError {
    pub address: SocketAddr,
    #[source]
    pub source: std::io::Error,
}

/// What callbacks work with.
#[derive(Clone)]
pub struct Callbacks {
    pub supplies: Supplies,
    pub ledger: Arc<dyn Procurements>,
    pub reviews: Arc<dyn Reviews>,
    pub vault: Vault,
    pub bell: Arc<Notify>,
}

impl std::fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Callbacks")
    }
}

#[derive(Clone)]
struct Door {
    callbacks: Callbacks,
    seen: Arc<Mutex<Seen>>,
    looks: Arc<Semaphore>,
}

/// Opens the port and serves it while the process runs; gives the address it listens on.
///
/// # Errors
/// [`CallbacksError`].
pub async fn serve(address: SocketAddr, callbacks: Callbacks) -> Result<SocketAddr, CallbacksError> {
    let failed = |source| CallbacksError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let door = Door { callbacks, seen: Arc::default(), looks: Arc::new(Semaphore::new(LOOKS)) };
    let routes = Router::new()
        .route("/callbacks/{supplier}", post(receive))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(door);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(BoundedPort::new(listener), routes).await {
            tracing::error!(%error, "the port for callbacks has ended");
        }
    });
    Ok(bound)
}

async fn receive(
    State(door): State<Door>,
    Path(supplier): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let named = SupplierName::parse(&supplier);
    let Some((name, supply)) = named.and_then(|name| Some((name.clone(), door.callbacks.supplies.get(&name)?))) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers: Vec<(String, String)> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let path = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
    let callback = Callback { headers: &headers, path, body: &body, now: Timestamp::now() };
    let hint = match supply.guarded.read_callback(callback) {
        Ok(hint) => hint,
        Err(refused) => {
            metrics::callback(&name, "refused");
            tracing::warn!(supplier = %name, %refused, "a callback was refused");
            return StatusCode::UNAUTHORIZED.into_response();
        }
    };
    act(&door, &name, hint).await
}

async fn act(door: &Door, name: &SupplierName, hint: Hint) -> Response {
    let nonce = format!("{name} {}", hint.nonce);
    if door.seen().has(&nonce) {
        metrics::callback(name, "repeat");
        return reply(hint.reply);
    }
    let wake = crash::after(Point::Woken, &hint, door.callbacks.ledger.wake(name, &hint.about));
    let woken = tokio::time::timeout(LIMIT, wake).await;
    let outcome = match woken {
        Ok(Ok(Some(woken))) if woken.attempt.state.is_open() => {
            door.callbacks.bell.notify_one();
            "woken"
        }
        Ok(Ok(Some(woken))) => {
            let Ok(permit) = door.looks.clone().try_acquire_owned() else {
                metrics::callback(name, "not_now");
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            };
            metrics::callback(name, "looked_again");
            tokio::spawn(second_look(door.clone(), woken, nonce, permit));
            return reply(hint.reply);
        }
        Ok(Ok(None)) => "no_attempt",
        Ok(Err(_)) | Err(_) => {
            metrics::callback(name, "not_now");
            // The supplier sends it again.
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    door.seen().remember(nonce);
    metrics::callback(name, outcome);
    reply(hint.reply)
}

/// Asks again about a final attempt, beside the request; how many at once is bounded. The callback is remembered if
/// the supplier gave a clear answer, so that another one may try again.
async fn second_look(door: Door, woken: Woken, nonce: String, permit: OwnedSemaphorePermit) {
    let look = SecondLook {
        supplies: door.callbacks.supplies.clone(),
        reviews: door.callbacks.reviews.clone(),
        vault: door.callbacks.vault.clone(),
    };
    if look.at(woken).await {
        door.seen().remember(nonce);
    }
    drop(permit);
}

fn reply(body: Option<&'static str>) -> Response {
    match body {
        Some(body) => (StatusCode::OK, body).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

impl Door {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last callbacks that were acted on.
#[derive(Debug, Default)]
struct Seen {
    known: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    fn has(&self, nonce: &str) -> bool {
        self.known.contains(nonce)
    }

    fn remember(&mut self, nonce: String) {
        if self.known.insert(nonce.clone()) {
            self.order.push_back(nonce);
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}
