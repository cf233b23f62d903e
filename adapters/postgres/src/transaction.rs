//! One transaction that may refuse what it is asked: then nothing of it is written.

use fulfil_contract::ports::ledger::LedgerError;

use crate::{errors::Failure, session::Session};

/// Why the statements of a transaction went no further.
#[derive(Debug)]
pub(crate) enum Halt<E> {
    /// The rows do not allow it.
    Refused(E),
    Failure(Failure),
}

impl<E> From<Failure> for Halt<E> {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl<E> From<LedgerError> for Halt<E> {
    fn from(error: LedgerError) -> Self {
        Self::Failure(Failure::Ledger(error))
    }
}

/// Does the work in a transaction and commits it; again if it was lost against others' transactions. Gives
/// `Result<Result<value, refusal>, LedgerError>`. A macro, since a closure over a session that borrows what it works
/// on can't be told to be `Send`.
macro_rules! transact {
    ($postgres:expr, $call:expr, |$session:ident| $work:expr) => {
        $postgres.attempts(|| async move {
            let session = $postgres.open($call).await?;
            let outcome = async {
                session.begin($crate::session::Begin::Judge).await?;
                let $session = &session;
                let work = $work.await;
                $crate::transaction::conclude($session, work).await
            }
            .await;
            session.end(outcome).await
        })
    };
}
pub(crate) use transact;

/// Commits what was done, rolls back what was refused.
pub(crate) async fn conclude<T, E>(session: &Session<'_>, work: Result<T, Halt<E>>) -> Result<Result<T, E>, Failure> {
    match work {
        Ok(value) => session.commit().await.map(|()| Ok(value)),
        Err(Halt::Refused(why)) => session.rollback().await.map(|()| Err(why)),
        Err(Halt::Failure(failure)) => Err(failure),
    }
}
