//! Sealing a key for the recipient.

use fulfil_contract::ids::{SealedKey, Sku};
use hpke::{OpModeS, Serializable, inout::InOutBuf};

use super::{
    card_key::CardKey,
    recipient::Recipient,
    suite::{Aead, ENCAPSULATED, INFO, Kdf, Kem, TAG},
};

/// Seals keys for one recipient; may be shared by threads. A seal is some 100 µs of arithmetic on the
/// curve, the same for every key, so an import is as fast as it has threads.
#[derive(Debug, Clone)]
pub struct Sealer {
    recipient: Recipient,
}

impl Sealer {
    #[must_use]
    pub fn new(recipient: Recipient) -> Self {
        Self { recipient }
    }

    #[must_use]
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// `key`, to the byte, under a fresh encapsulated key and bound to `sku`: it opens for no other SKU.
    /// The result is 48 bytes longer than the key, and another one each time.
    ///
    /// # Panics
    /// When the operating system gives no random bytes, which Linux does not do once it is up.
    #[must_use]
    pub fn seal(&self, sku: &Sku, key: CardKey<'_>) -> SealedKey {
        #[expect(clippy::expect_used, reason = "Recipient::parse refuses the points for which this fails")]
        let (encapsulated, mut context) = hpke::setup_sender::<Aead, Kdf, Kem>(&OpModeS::Base, &self.recipient.0, INFO)
            .expect("a recipient's point is not of low order");
        let text = key.as_str().as_bytes();
        let mut sealed = Vec::with_capacity(ENCAPSULATED + text.len() + TAG);
        sealed.extend_from_slice(&encapsulated.to_bytes());
        sealed.extend_from_slice(text);
        let (_, inner) = sealed.split_at_mut(ENCAPSULATED);
        #[expect(clippy::expect_used, reason = "fails beyond 256 GiB, and a key has 4 KiB at most")]
        let tag = context.seal_inout_detached(InOutBuf::from(inner), sku.as_str().as_bytes()).expect("a key is short");
        sealed.extend_from_slice(&tag.to_bytes());
        SealedKey(sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::PrivateKey;

    #[test]
    fn a_sealed_key_is_new_each_time_and_48_bytes_longer() {
        let sealer = Sealer::new(PrivateKey::generate().recipient());
        let (sku, key) = (Sku::parse("a").unwrap(), CardKey::parse("ABCD-1234").unwrap());
        let (one, two) = (sealer.seal(&sku, key), sealer.seal(&sku, key));
        assert_eq!(one.0.len(), 9 + 48);
        assert_ne!(one, two);
        assert_ne!(one.0[..32], two.0[..32], "the encapsulated key is fresh");
    }

    #[test]
    fn threads_may_share_a_sealer() {
        let private = PrivateKey::generate();
        let sealer = Sealer::new(private.recipient());
        let sku = Sku::parse("a").unwrap();
        let sealed: Vec<SealedKey> = std::thread::scope(|scope| {
            let seal = |_| scope.spawn(|| sealer.seal(&sku, CardKey::parse("K").unwrap()));
            let threads: Vec<_> = (0..4).map(seal).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(sealed.iter().all(|one| private.open(&sku, one).unwrap() == "K"));
    }
}
