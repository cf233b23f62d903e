//! The admin port: `/metrics` for Prometheus, `/healthz` while the process runs, `/readyz` while it takes
//! orders, `/suppliers` as this worker sees them. Nothing here changes anything.

use std::net::SocketAddr;

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use super::drain::{Draining, Phase};

/// Answers whether every lane has a session with the broker.
pub type Ready = std::sync::Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Tells of the suppliers as JSON: an object by supplier.
pub type TellSuppliers = std::sync::Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

#[derive(Clone)]
struct Admin {
    metrics: PrometheusHandle,
    ready: Ready,
    suppliers: TellSuppliers,
    draining: Draining,
}

/// The admin port can't be opened.
#[derive(Debug, thiserror::Error)]
#[error("the admin port {address} can't be opened: {source}; set admin.listen to a free address, or to \"off\"")]
pub struct AdminError {
    pub address: SocketAddr,
    #[source]
    pub source: std::io::Error,
}

/// Opens the port and serves it until the grace period is over; gives the address it listens on.
///
/// # Errors
/// [`AdminError`].
pub async fn serve(
    address: SocketAddr,
    metrics: PrometheusHandle,
    ready: Ready,
    suppliers: TellSuppliers,
    draining: Draining,
) -> Result<SocketAddr, AdminError> {
    let failed = |source| AdminError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let admin = Admin { metrics, ready, suppliers, draining };
    let routes = Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/suppliers", get(suppliers_now))
        .with_state(admin);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the admin port has ended");
        }
    });
    Ok(bound)
}

async fn scrape(State(admin): State<Admin>) -> impl IntoResponse {
    admin.metrics.run_upkeep();
    ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], admin.metrics.render())
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn suppliers_now(State(admin): State<Admin>) -> impl IntoResponse {
    ([("content-type", "application/json")], (admin.suppliers)().to_string())
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    if admin.draining.phase() > Phase::Running {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".into());
    }
    match (admin.ready)() {
        Ok(()) => (StatusCode::OK, "ready\n".into()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}
