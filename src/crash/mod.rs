//! Named points on the way of orders, purchases and keys where a test makes the process die, has what was just
//! done told as failed, or holds the task up. They exist only with the feature `crash-points`; in other builds
//! [`at`] is empty and [`after`] gives back the call that it was given.
//!
//! `FULFIL_CRASH=POINT[/ACTION][*TIMES][:TEXT]` switches one on: `claimed`, `sent/fail:order_id: o-1,`,
//! `leased/stall=12*2`. ACTION is `die` (unless said otherwise), `fail` or `stall=SECONDS`; it happens at the first
//! TIMES (1) hits of this process, of those whose debug text holds TEXT. Each is told in a line on standard error. Between several stands a semicolon.

mod answer;
mod failing;
mod point;
mod published;
#[cfg(feature = "crash-points")]
mod switch;

use std::{fmt::Debug, future::Future};

pub use answer::Answer;
pub use failing::Failing;
pub use point::Point;
pub use published::published;

/// Between two steps.
///
/// # Errors
/// [`Failing`] if the switch says so.
#[cfg(feature = "crash-points")]
pub async fn at<D: Debug + Sync + ?Sized>(point: Point, about: &D) -> Result<(), Failing> {
    match switch::strikes(point, about) {
        None => Ok(()),
        Some(switch::Action::Die) => std::process::abort(),
        Some(switch::Action::Fail) => Err(Failing(point)),
        Some(switch::Action::Stall(time)) => {
            let _told = switch::HeldUp(point);
            tokio::time::sleep(time).await;
            Ok(())
        }
    }
}

/// Nothing, in builds without crash points.
///
/// # Errors
/// None.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub async fn at<D: Debug + Sync + ?Sized>(_point: Point, _about: &D) -> Result<(), Failing> {
    Ok(())
}

/// When a call has done what it was to do: failing, its answer is lost.
#[cfg(feature = "crash-points")]
pub async fn after<D, F>(point: Point, about: &D, call: F) -> F::Output
where
    D: Debug + Sync + ?Sized,
    F: Future<Output: Answer + Send> + Send,
{
    let answer = call.await;
    if !answer.came() {
        return answer;
    }
    match at(point, about).await {
        Ok(()) => answer,
        Err(failing) => F::Output::lost(failing),
    }
}

/// The call, in builds without crash points.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub fn after<D, F>(_point: Point, _about: &D, call: F) -> F
where
    D: Debug + Sync + ?Sized,
    F: Future<Output: Answer + Send> + Send,
{
    call
}
