//! Stock as plain lists: what each bucket offers, and what each claim holds.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    ids::KeyId,
    stock::{BucketState, ClaimAnswer, ClaimId, ClaimRequest, Epoch, GoBack, Load, Loaded, Settle},
};

#[derive(Debug, Default)]
pub(super) struct BucketModel {
    epoch: Option<Epoch>,
    loaded_to: i64,
    complete: bool,
    pub(super) offered: VecDeque<KeyId>,
    pub(super) claims: BTreeMap<ClaimId, Vec<KeyId>>,
}

impl BucketModel {
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch.unwrap_or(Epoch(1))
    }

    pub(super) fn loaded_to(&self) -> i64 {
        self.loaded_to
    }

    pub(super) fn claim(&mut self, request: &ClaimRequest) -> ClaimAnswer {
        if self.epoch != Some(request.epoch) {
            return ClaimAnswer::WrongEpoch(self.epoch);
        }
        if let Some(held) = self.claims.get(&request.claim) {
            return ClaimAnswer::Claimed(held.clone());
        }
        let count = self.offered.len().min(request.most as usize);
        let ids: Vec<KeyId> = self.offered.drain(..count).collect();
        if !ids.is_empty() {
            self.claims.insert(request.claim.clone(), ids.clone());
        }
        ClaimAnswer::Claimed(ids)
    }

    pub(super) fn settle(&mut self, settle: &Settle) {
        if self.epoch != Some(settle.epoch) {
            return;
        }
        let held = self.claims.remove(&settle.claim).unwrap_or_default();
        let back = |id: &KeyId| match &settle.back {
            GoBack::All => true,
            GoBack::These(ids) => ids.contains(id),
        };
        held.into_iter().filter(back).rev().for_each(|id| self.offered.push_front(id));
    }

    pub(super) fn reset(&mut self, epoch: Epoch) -> Loaded {
        if self.epoch.is_some_and(|now| now >= epoch) {
            return Loaded::Refused;
        }
        *self = Self { epoch: Some(epoch), ..Self::default() };
        Loaded::Done
    }

    pub(super) fn load(&mut self, load: &Load) -> Loaded {
        if self.epoch != Some(load.epoch) || self.loaded_to != load.from.0 {
            return Loaded::Refused;
        }
        self.offered.extend(&load.ids);
        self.loaded_to = load.to.0;
        self.complete |= load.complete;
        Loaded::Done
    }

    pub(super) fn state(&self) -> BucketState {
        BucketState {
            epoch: self.epoch,
            loaded_to: KeyId(self.loaded_to),
            complete: self.complete,
            offered: self.offered.len() as u64,
        }
    }
}
