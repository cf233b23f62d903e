//! What a model does to a call: nothing, an error before or after its effect, time for others to go first.

use std::sync::{Arc, PoisonError};

use fulfil_contract::ports::{
    ledger::LedgerError,
    procurements::{ProcurementError, ResolveError},
    source::SourceError,
    stock::StockError,
};

use crate::{Memory, State};

/// What happens to a call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// It fails, and nothing was done.
    Before,
    /// It is done, and fails: the caller can't know.
    After,
    /// The other side refuses it, and nothing was done: data that the ledger refuses, results that no
    /// queue takes.
    Refused,
    /// It lets others go first, this many times before its effect and as often after it.
    Yield(u32),
}

/// Decides about each call by its port's and its method's name, such as `ledger.record`.
pub(crate) type Disturber = Arc<dyn Fn(&'static str) -> Fault + Send + Sync>;

impl Memory {
    /// From now on `disturber` decides what happens to each call, named `ledger.record` and the like.
    pub fn disturb(&self, disturber: impl Fn(&'static str) -> Fault + Send + Sync + 'static) {
        *self.0.faults.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(disturber);
    }

    /// Where every call passes before its effect.
    pub(crate) async fn point(&self, name: &'static str) -> Fault {
        let disturber = Arc::clone(&*self.0.faults.lock().unwrap_or_else(PoisonError::into_inner));
        let fault = disturber(name);
        linger(fault).await;
        fault
    }

    /// A call of the port's method `name`.
    pub(crate) async fn call<T, E: Injected>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut State) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let fault = self.point(name).await;
        match fault {
            Fault::Before => return Err(E::before(name)),
            Fault::Refused => return Err(E::refused(name)),
            Fault::None | Fault::After | Fault::Yield(_) => {}
        }
        let made = effect(&mut self.state());
        linger(fault).await;
        if fault == Fault::After { made.and(Err(E::after(name))) } else { made }
    }
}

pub(crate) async fn linger(fault: Fault) {
    if let Fault::Yield(times) = fault {
        for _ in 0..times {
            tokio::task::yield_now().await;
        }
    }
}

/// How a port tells of a fault.
pub(crate) trait Injected: Sized {
    fn before(name: &str) -> Self;
    fn after(name: &str) -> Self;
    fn refused(name: &str) -> Self;
}

fn said(name: &str) -> String {
    format!("{name} was disturbed")
}

impl Injected for LedgerError {
    fn before(name: &str) -> Self {
        Self::Unavailable(said(name))
    }

    fn after(name: &str) -> Self {
        Self::OutcomeUnknown(said(name))
    }

    fn refused(name: &str) -> Self {
        Self::Data(said(name))
    }
}

impl Injected for ProcurementError {
    fn before(name: &str) -> Self {
        LedgerError::before(name).into()
    }

    fn after(name: &str) -> Self {
        LedgerError::after(name).into()
    }

    fn refused(name: &str) -> Self {
        LedgerError::refused(name).into()
    }
}

impl Injected for ResolveError {
    fn before(name: &str) -> Self {
        LedgerError::before(name).into()
    }

    fn after(name: &str) -> Self {
        LedgerError::after(name).into()
    }

    fn refused(name: &str) -> Self {
        LedgerError::refused(name).into()
    }
}

impl Injected for StockError {
    fn before(name: &str) -> Self {
        Self::Unavailable(said(name))
    }

    fn after(name: &str) -> Self {
        Self::Unavailable(said(name))
    }

    fn refused(_: &str) -> Self {
        Self::OutOfMemory
    }
}

impl Injected for SourceError {
    fn before(name: &str) -> Self {
        Self::Unavailable(said(name))
    }

    fn after(name: &str) -> Self {
        Self::Unavailable(said(name))
    }

    fn refused(name: &str) -> Self {
        Self::Topology(said(name))
    }
}
