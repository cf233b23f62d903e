//! The private key of a run, and the opening of what was sealed for it: RFC 9180 as docs/contract.md says it, without the
//! pool's own code.

use std::{fmt, path::Path};

use anyhow::{Context, Result, anyhow, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use hpke::{Deserializable, OpModeR, aead::ChaCha20Poly1305, kdf::HkdfSha256, kem::X25519HkdfSha256};

const PREFIX: &str = "fulfil-private-key-v1:";
const INFO: &[u8] = b"fulfil card key v1";
const ENCAPSULATED: usize = 32;

pub(super) struct PrivateKey(<X25519HkdfSha256 as hpke::Kem>::PrivateKey);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(not shown)")
    }
}

impl PrivateKey {
    /// Reads the file that `fulfil keygen` wrote.
    ///
    /// # Errors
    /// When it can't be read, or holds no such key; the text never quotes it.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix(PREFIX));
        let bytes = line.and_then(|line| STANDARD.decode(line).ok());
        let key = bytes.and_then(|bytes| <X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(&bytes).ok());
        Ok(Self(key.with_context(|| format!("{} holds no private key", file.display()))?))
    }

    /// The plain key of what a result says in base64.
    ///
    /// # Errors
    /// When it was not sealed for this private key's recipient and this SKU.
    pub(super) fn open(&self, sku: &str, sealed: &str) -> Result<String> {
        let sealed = STANDARD.decode(sealed).context("it is no base64")?;
        ensure!(sealed.len() > ENCAPSULATED, "it is cut off");
        let (encapsulated, inner) = sealed.split_at(ENCAPSULATED);
        let wrong = |_| anyhow!("it does not open with the run's private key and its SKU");
        let encapsulated = <X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(encapsulated).map_err(wrong)?;
        let mut receiver = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.0,
            &encapsulated,
            INFO,
        )
        .map_err(wrong)?;
        let plain = receiver.open(inner, sku.as_bytes()).map_err(wrong)?;
        String::from_utf8(plain).map_err(|_| anyhow!("it is no text"))
    }
}

#[cfg(test)]
mod tests {
    use hpke::{Kem, OpModeS, Serializable};

    use super::*;

    impl PrivateKey {
        pub(in crate::judge) fn generate() -> Self {
            Self(X25519HkdfSha256::gen_keypair().0)
        }

        pub(in crate::judge) fn seal(&self, sku: &str, key: &str) -> String {
            let recipient = X25519HkdfSha256::sk_to_pk(&self.0);
            let (encapsulated, mut sender) =
                hpke::setup_sender::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(&OpModeS::Base, &recipient, INFO)
                    .unwrap();
            let inner = sender.seal(key.as_bytes(), sku.as_bytes()).unwrap();
            STANDARD.encode([encapsulated.to_bytes().as_slice(), &inner].concat())
        }
    }

    /// The private key and the blob of the pool's own test, which another implementation sealed.
    #[test]
    fn what_another_implementation_sealed_opens() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("private.key");
        std::fs::write(&file, "# a comment\nfulfil-private-key-v1:AAIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eH2A=\n")
            .unwrap();
        let sealed = "zPKn1Qa95q4yhZuyjwVVAl1/WMekYFXKK16vBem8Tgarru8LywFeH6x/PimUVVhGKFRRMJDi0laESVGulux0x+RnsQ==";
        let private = PrivateKey::read(&file).unwrap();
        assert_eq!(private.open("music-12", sealed).unwrap(), "ABCD-EFGH-1234-ÄÖ");
        assert!(private.open("music-13", sealed).is_err());
        assert!(private.open("music-12", &sealed[..40]).is_err());
        assert!(private.open("music-12", "?").is_err());
        std::fs::write(&file, "nothing\n").unwrap();
        assert!(PrivateKey::read(&file).is_err());
    }
}
