//! Which of this worker's claims may still be in use, so that the take-over leaves them alone.
//!
//! What holds here: a claim is open from before it is asked for until it is settled; one whose batch was given up is
//! dropped unsettled, is open no more, and the take-over frees it while this worker lives.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// By the numbers of this worker's claims.
#[derive(Debug, Clone, Default)]
pub struct OpenClaims(Arc<Mutex<HashSet<u64>>>);

impl OpenClaims {
    pub fn open(&self, numbers: impl IntoIterator<Item = u64>) {
        self.numbers().extend(numbers);
    }

    pub fn close(&self, number: u64) {
        self.numbers().remove(&number);
    }

    #[must_use]
    pub fn is_open(&self, number: u64) -> bool {
        self.numbers().contains(&number)
    }

    /// An open claim goes into somebody's hands.
    #[must_use]
    pub fn hand_out(&self, number: u64) -> InHand {
        InHand(Some((self.clone(), number)))
    }

    fn numbers(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A claim in somebody's hands; dropped, it is open no more.
#[derive(Debug, Default)]
pub struct InHand(Option<(OpenClaims, u64)>);

impl InHand {
    /// It is given back, and stays open until it is settled.
    pub fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        if let Some((claims, number)) = self.0.take() {
            claims.close(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_that_was_given_up_is_open_no_more() {
        let claims = OpenClaims::default();
        claims.open([1, 2]);
        let (one, two) = (claims.hand_out(1), claims.hand_out(2));
        one.give_back();
        drop(two);
        assert!(claims.is_open(1) && !claims.is_open(2));
        claims.close(1);
        assert!(!claims.is_open(1));
    }
}
