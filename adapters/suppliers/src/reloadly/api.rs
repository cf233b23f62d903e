//! Calls to one product's host, with its token. A call that is turned away for its token alone is made once more
//! with a new one: nothing of the first was done.

use fulfil_contract::{
    ports::supplier::SupplierError,
    supplier::{Bought, Found},
};

use super::{
    problem::is_stale_token,
    token::{NoToken, Tokens},
};
use crate::{
    secret::Secret,
    wire::{Call, Failure, Reply, Wire},
};

pub(super) struct Api {
    pub(super) wire: Wire,
    pub(super) tokens: Tokens,
    /// The version that is spoken.
    pub(super) accept: &'static str,
}

/// Why a call got no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    NoToken(NoToken),
    Failed(Failure),
}

impl Api {
    /// # Errors
    /// [`Trouble`].
    pub(super) async fn send(&self, make: impl Fn() -> Call + Send + Sync) -> Result<Reply, Trouble> {
        let token = self.tokens.get(None).await.map_err(Trouble::NoToken)?;
        let reply = self.with(make(), &token).await?;
        if !is_stale_token(&reply) {
            return Ok(reply);
        }
        let fresh = self.tokens.get(Some(&token)).await.map_err(Trouble::NoToken)?;
        self.with(make(), &fresh).await
    }

    async fn with(&self, call: Call, token: &Secret) -> Result<Reply, Trouble> {
        let call = call.header("accept", self.accept).header("authorization", format!("Bearer {}", token.expose()));
        self.wire.send(call).await.map_err(Trouble::Failed)
    }
}

impl From<Trouble> for Bought {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NoToken(no) => no.into(),
            Trouble::Failed(failure) => failure.into(),
        }
    }
}

impl From<Trouble> for Found {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NoToken(no) => no.into(),
            Trouble::Failed(failure) => failure.into(),
        }
    }
}

impl From<Trouble> for SupplierError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NoToken(no) => no.into(),
            Trouble::Failed(failure) => failure.into(),
        }
    }
}
