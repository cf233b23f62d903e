//! Fingerprints: equal for two writings of one key of one SKU, and of no use to whoever reads the ledger.
//!
//! HMAC-SHA256 under a secret, over the SKU, a zero byte and the normalised key, cut to 16 bytes. The
//! secret is what keeps a stolen ledger from being searched for short keys; importers and slow-lane workers
//! hold it. With another secret no repeat of an older key would be found, so it never changes.

use std::fmt;

use fulfil_contract::ids::{Fingerprint, Sku};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{card_key::CardKey, normalise::normalise};

/// The secret under which fingerprints are made: the bytes of a text, at least 16 of them.
#[derive(Clone, PartialEq, Eq)]
pub struct FingerprintSecret(Box<str>);

/// A secret that could be guessed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the fingerprint secret is {0} bytes long, at least {least} are needed", least = FingerprintSecret::LEAST_BYTES)]
pub struct SecretTooShort(pub usize);

impl FingerprintSecret {
    /// The shortest secret, in bytes.
    pub const LEAST_BYTES: usize = 16;

    /// # Errors
    /// [`SecretTooShort`] when `text` has fewer than 16 bytes.
    pub fn parse(text: &str) -> Result<Self, SecretTooShort> {
        if text.len() < Self::LEAST_BYTES {
            return Err(SecretTooShort(text.len()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Debug for FingerprintSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintSecret(not shown)")
    }
}

/// Makes fingerprints; may be shared by threads.
#[derive(Clone)]
pub struct Fingerprinter {
    /// Has taken in the secret already; cloned for each key.
    keyed: Hmac<Sha256>,
}

impl Fingerprinter {
    #[must_use]
    pub fn new(secret: &FingerprintSecret) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let keyed = Hmac::new_from_slice(secret.0.as_bytes()).expect("a key of any length");
        Self { keyed }
    }

    /// The same for every writing of `key` that normalises to the same text. A SKU holds no zero byte, so
    /// no other pair of SKU and key gives the same bytes.
    #[must_use]
    pub fn fingerprint(&self, sku: &Sku, key: CardKey<'_>) -> Fingerprint {
        let mut mac = self.keyed.clone();
        mac.update(sku.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(normalise(key.as_str()).as_bytes());
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let mut cut = [0; 16];
        cut.copy_from_slice(&whole[..16]);
        Fingerprint(cut)
    }
}

impl fmt::Debug for Fingerprinter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprinter(secret not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(fingerprint: Fingerprint) -> String {
        fingerprint.0.iter().map(|b| format!("{b:02x}")).collect()
    }

    fn made(secret: &str, sku: &str, key: &str) -> String {
        let fingerprinter = Fingerprinter::new(&FingerprintSecret::parse(secret).unwrap());
        let key = CardKey::parse(key).unwrap();
        hex(fingerprinter.fingerprint(&Sku::parse(sku).unwrap(), key))
    }

    /// Computed with Python:
    /// ```python
    /// import hashlib, hmac
    /// for key in ("ABCDEFGH1234", "ABCDEFGH1234ÄÖß"):
    ///     message = b"music-12" + b"\0" + key.encode()
    ///     print(hmac.new(b"0123456789abcdef", message, hashlib.sha256).digest()[:16].hex())
    /// ```
    #[test]
    fn another_implementation_gives_the_same() {
        assert_eq!(made("0123456789abcdef", "music-12", "abcd-EFGH 1234"), "fe9ad01ec6e9f6b3d1860c50c7b3d599");
        assert_eq!(
            made("0123456789abcdef", "music-12", "\u{feff}ABCD–EFGH–1234-ÄÖß"),
            "5677b2687486e44fd844408e7fb1ca84"
        );
    }

    #[test]
    fn secret_sku_and_key_all_count() {
        let one = made("0123456789abcdef", "music-12", "ABCD");
        assert_ne!(one, made("0123456789abcdeF", "music-12", "ABCD"));
        assert_ne!(one, made("0123456789abcdef", "music-1", "2ABCD"));
        assert_ne!(one, made("0123456789abcdef", "music-12", "ABCE"));
        assert_eq!(one, made("0123456789abcdef", "music-12", " a-b-c-d "));
    }

    #[test]
    fn a_short_secret_is_refused_and_none_is_shown() {
        assert_eq!(FingerprintSecret::parse("fifteen bytes!!"), Err(SecretTooShort(15)));
        let secret = FingerprintSecret::parse("sixteen bytes!!!").unwrap();
        let shown = format!("{secret:?} {:?}", Fingerprinter::new(&secret));
        assert!(!shown.contains("sixteen"), "{shown}");
    }
}
