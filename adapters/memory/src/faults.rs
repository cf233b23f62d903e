//! What a model does to a call: nothing, an error before or after its effect, time for others to go first.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

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
    /// It is lost on its way: nothing was done, and the caller can't know.
    Swallowed,
    /// The other side refuses it, and nothing was done: data that the ledger refuses, results that no
    /// queue takes.
    Refused,
    /// It lets others go first, this many times before its effect and as often after it.
    Yield(u32),
    /// It takes so long until its effect, and so long again until its answer, which is lost or not. Whoever gives
    /// up meanwhile can't know either.
    Late {
        before: Duration,
        after: Duration,
        lost: bool,
    },
}

impl Fault {
    /// Whether it is done and fails.
    pub(crate) fn loses_the_answer(self) -> bool {
        match self {
            Self::After | Self::Late { lost: true, .. } => true,
            Self::None
            | Self::Before
            | Self::Swallowed
            | Self::Refused
            | Self::Yield(_)
            | Self::Late { lost: false, .. } => false,
        }
    }
}

/// Decides about each call by its port's and its method's name, such as `ledger.record`.
pub trait Disturber: Send + Sync {
    fn fault(&self, call: &'static str) -> Fault;

    /// The call has come back, well or not.
    fn came_back(&self, call: &'static str, well: bool) {
        let _: (&str, bool) = (call, well);
    }
}

impl<F: Fn(&'static str) -> Fault + Send + Sync> Disturber for F {
    fn fault(&self, call: &'static str) -> Fault {
        self(call)
    }
}

impl Memory {
    /// From now on `disturber` decides what happens to each call, named `ledger.record` and the like.
    pub fn disturb(&self, disturber: impl Fn(&'static str) -> Fault + Send + Sync + 'static) {
        *self.inner.faults.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(disturber);
    }

    /// A way of its own to the same backend, as one process has it: `disturber` decides about the calls that are
    /// made through it.
    #[must_use]
    pub fn through(&self, disturber: Arc<dyn Disturber>) -> Self {
        Self { inner: self.inner.clone(), own: Some(disturber) }
    }

    fn disturber(&self) -> Arc<dyn Disturber> {
        let for_all = || Arc::clone(&*self.inner.faults.lock().unwrap_or_else(PoisonError::into_inner));
        self.own.clone().unwrap_or_else(for_all)
    }

    pub(crate) fn came_back(&self, name: &'static str, well: bool) {
        self.disturber().came_back(name, well);
    }

    /// Where every call passes before its effect.
    pub(crate) async fn point(&self, name: &'static str) -> Fault {
        let fault = self.disturber().fault(name);
        linger(fault, When::Before).await;
        fault
    }

    /// A call of the port's method `name`.
    pub(crate) async fn call<T, E: Injected>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut State) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let answer = self.answer(name, effect).await;
        self.came_back(name, answer.is_ok());
        answer
    }

    async fn answer<T, E: Injected>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut State) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let fault = self.point(name).await;
        match fault {
            Fault::Before => return Err(E::before(name)),
            Fault::Swallowed => return Err(E::after(name)),
            Fault::Refused => return Err(E::refused(name)),
            Fault::None | Fault::After | Fault::Yield(_) | Fault::Late { .. } => {}
        }
        let made = effect(&mut self.state());
        linger(fault, When::After).await;
        if fault.loses_the_answer() { made.and(Err(E::after(name))) } else { made }
    }
}

/// The two times at which a call lets others go first: before its effect, and before its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

pub(crate) async fn linger(fault: Fault, when: When) {
    match (fault, when) {
        (Fault::Yield(times), _) => {
            for _ in 0..times {
                tokio::task::yield_now().await;
            }
        }
        (Fault::Late { before: time, .. }, When::Before) | (Fault::Late { after: time, .. }, When::After) => {
            tokio::time::sleep(time).await;
        }
        (Fault::None | Fault::Before | Fault::After | Fault::Swallowed | Fault::Refused, _) => {}
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
