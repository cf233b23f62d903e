//! The private key: opens what was sealed for its recipient. Held by `fulfil open` and by tests, never by
//! anything that runs on a server (I7).

use std::fmt;

use fulfil_contract::ids::{SealedKey, Sku};
use hpke::{Deserializable, OpModeR, Serializable};

use super::{
    key_bytes::{self, KeyBytesError},
    recipient::Recipient,
    suite::{Aead, ENCAPSULATED, INFO, Kdf, Kem, TAG},
};

/// What the text form of a private key begins with, so that nobody takes one for a recipient.
pub(super) const PRIVATE_KEY_PREFIX: &str = "fulfil-private-key-v1:";

/// Its memory is wiped when it is dropped, by the crate `hpke`.
pub struct PrivateKey(<Kem as hpke::Kem>::PrivateKey);

/// Why a text is not a private key. It never quotes the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    #[error("does not begin with `{PRIVATE_KEY_PREFIX}`")]
    Prefix,
    #[error("what follows `{PRIVATE_KEY_PREFIX}` {0}")]
    Bytes(#[from] KeyBytesError),
}

/// Why a sealed key was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("a sealed key of {0} bytes is cut off: none is shorter than {least}", least = ENCAPSULATED + TAG)]
    TooShort(usize),
    #[error(
        "this private key does not open it for SKU {0}: it was sealed for another recipient or another SKU, or it was damaged"
    )]
    WrongKeyOrSku(Sku),
    #[error("it opened, but what is inside is not UTF-8 text: it was not sealed by fulfil")]
    NotText,
}

impl PrivateKey {
    /// A new one, from the operating system's random numbers.
    ///
    /// # Panics
    /// When the operating system gives no random bytes, which Linux does not do once it is up.
    #[must_use]
    pub fn generate() -> Self {
        Self(<Kem as hpke::Kem>::gen_keypair().0)
    }

    /// Reads what [`PrivateKey::to_secret_text`] wrote.
    ///
    /// # Errors
    /// [`PrivateKeyError`] says what is wrong with the text, without quoting it.
    pub fn parse(text: &str) -> Result<Self, PrivateKeyError> {
        let text = text.trim().strip_prefix(PRIVATE_KEY_PREFIX).ok_or(PrivateKeyError::Prefix)?;
        let bytes = key_bytes::decode(text)?;
        let key = <Kem as hpke::Kem>::PrivateKey::from_bytes(&bytes).map_err(|_| KeyBytesError::Length(bytes.len()))?;
        Ok(Self(key))
    }

    /// `fulfil-private-key-v1:BASE64`. For the key's file only.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        format!("{PRIVATE_KEY_PREFIX}{}", key_bytes::encode(&self.0.to_bytes()))
    }

    /// The public key beside it.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        Recipient(<Kem as hpke::Kem>::sk_to_pk(&self.0))
    }

    /// The key that was sealed for this private key's recipient under `sku`.
    ///
    /// # Errors
    /// [`OpenError`]: cut off, sealed for another recipient or SKU or damaged (which can't be told apart),
    /// or not text.
    pub fn open(&self, sku: &Sku, sealed: &SealedKey) -> Result<String, OpenError> {
        let length = sealed.0.len();
        if length < ENCAPSULATED + TAG {
            return Err(OpenError::TooShort(length));
        }
        let wrong = |_| OpenError::WrongKeyOrSku(sku.clone());
        let (encapsulated, inner) = sealed.0.split_at(ENCAPSULATED);
        let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).map_err(wrong)?;
        let mut context =
            hpke::setup_receiver::<Aead, Kdf, Kem>(&OpModeR::Base, &self.0, &encapsulated, INFO).map_err(wrong)?;
        let key = context.open(inner, sku.as_str().as_bytes()).map_err(wrong)?;
        String::from_utf8(key).map_err(|_| OpenError::NotText)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::{CardKey, Sealer};

    /// Bytes 1 to 32, clamped: a test's key, nobody's.
    const PRIVATE: &str = "fulfil-private-key-v1:AAIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eH2A=";
    const RECIPIENT: &str = "B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=";

    fn sku(text: &str) -> Sku {
        Sku::parse(text).unwrap()
    }

    /// Sealed once by pyhpke 0.6.5 (Python, on OpenSSL): DHKEM_X25519_HKDF_SHA256, HKDF_SHA256,
    /// CHACHA20_POLY1305, info `fulfil card key v1`, associated data `music-12`.
    #[test]
    fn a_key_sealed_by_another_implementation_opens() {
        let private = PrivateKey::parse(PRIVATE).unwrap();
        assert_eq!(private.recipient().to_string(), RECIPIENT);
        use base64::{Engine, engine::general_purpose::STANDARD};
        let sealed = STANDARD
            .decode("zPKn1Qa95q4yhZuyjwVVAl1/WMekYFXKK16vBem8Tgarru8LywFeH6x/PimUVVhGKFRRMJDi0laESVGulux0x+RnsQ==")
            .unwrap();
        let key = private.open(&sku("music-12"), &SealedKey(sealed)).unwrap();
        assert_eq!(key, "ABCD-EFGH-1234-ÄÖ");
    }

    #[test]
    fn what_we_seal_opens_as_it_was_given() {
        let private = PrivateKey::generate();
        let sealer = Sealer::new(private.recipient());
        for text in ["x", "abcd-EFGH 12\u{200b}34", "ключ", &"k".repeat(4096)] {
            let sealed = sealer.seal(&sku("s"), CardKey::parse(text).unwrap());
            assert_eq!(private.open(&sku("s"), &sealed).unwrap(), text);
        }
    }

    #[test]
    fn nothing_else_opens() {
        let private = PrivateKey::generate();
        let sealed = Sealer::new(private.recipient()).seal(&sku("s"), CardKey::parse("K").unwrap());
        let wrong = |sku: &str| Err(OpenError::WrongKeyOrSku(Sku::parse(sku).unwrap()));
        assert_eq!(private.open(&sku("t"), &sealed), wrong("t"));
        assert_eq!(PrivateKey::generate().open(&sku("s"), &sealed), wrong("s"));
        for index in 0..sealed.0.len() {
            let mut damaged = sealed.clone();
            damaged.0[index] ^= 1;
            assert_eq!(private.open(&sku("s"), &damaged), wrong("s"), "byte {index}");
        }
        for length in 0..sealed.0.len() {
            let cut = SealedKey(sealed.0[..length].to_vec());
            let expected = if length < 48 { Err(OpenError::TooShort(length)) } else { wrong("s") };
            assert_eq!(private.open(&sku("s"), &cut), expected);
        }
    }

    #[test]
    fn the_text_form_comes_back_and_a_bad_one_is_refused_without_quoting_it() {
        let private = PrivateKey::generate();
        let again = PrivateKey::parse(&private.to_secret_text()).unwrap();
        assert_eq!(again.recipient(), private.recipient());
        for (text, message) in [
            (RECIPIENT, "does not begin with `fulfil-private-key-v1:`"),
            ("fulfil-private-key-v1:", "what follows `fulfil-private-key-v1:` is empty"),
            (
                "fulfil-private-key-v1:B6N8vBQg",
                "what follows `fulfil-private-key-v1:` is 6 bytes long in base64, 32 are needed",
            ),
            (
                "fulfil-private-key-v1:B6N8?",
                "what follows `fulfil-private-key-v1:` is not base64 (A-Z a-z 0-9 + / and = at the end)",
            ),
        ] {
            assert_eq!(PrivateKey::parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn debug_never_shows_it() {
        let private = PrivateKey::parse(PRIVATE).unwrap();
        assert_eq!(format!("{private:?} {private:#?}"), "PrivateKey(not shown) PrivateKey(not shown)");
    }
}
