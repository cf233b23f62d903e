//! SIGTERM and SIGINT begin draining; a second one ends the grace period.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::drain::{Drain, Phase};

/// Listens from now on.
///
/// # Errors
/// When the handlers can't be set.
pub fn drain_on_signal(drain: Arc<Drain>) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        for phase in [Phase::Draining, Phase::Abandoning] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!(?phase, "told to end");
            drain.enter(phase);
        }
    });
    Ok(())
}
