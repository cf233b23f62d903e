//! Whom keys are sealed for: a public key.

use std::fmt;

use hpke::{Deserializable, OpModeS, Serializable};

use super::{
    key_bytes::{self, KeyBytesError},
    private_key::PRIVATE_KEY_PREFIX,
    suite::{Aead, INFO, Kdf, Kem},
};

/// The public key of whoever may open the keys. Its text form is 32 bytes in base64, as `fulfil keygen`
/// prints it. Nothing about it is secret.
///
/// Sealing for it succeeds: [`Recipient::parse`] refuses the few points for which it can't.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(pub(super) <Kem as hpke::Kem>::PublicKey);

/// Why a text is not a recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    #[error("the recipient {0}; `fulfil keygen` prints one")]
    Bytes(#[from] KeyBytesError),
    #[error(
        "this is the private key, which belongs to whoever opens the keys; the recipient is the public key beside it, in the comment of its file"
    )]
    Private,
    #[error("the recipient is a point of low order, for which nothing can be sealed; `fulfil keygen` makes a good one")]
    LowOrder,
    #[error(
        "the recipient is not a number below 2^255 - 19: it was damaged on its way; `fulfil keygen` printed another"
    )]
    NotReduced,
}

impl Recipient {
    /// # Errors
    /// [`RecipientError`] says why the text is not a public key for which keys can be sealed.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        if text.trim_start().starts_with(PRIVATE_KEY_PREFIX) {
            return Err(RecipientError::Private);
        }
        let bytes = key_bytes::decode(text)?;
        if !is_reduced(&bytes) {
            return Err(RecipientError::NotReduced);
        }
        let point =
            <Kem as hpke::Kem>::PublicKey::from_bytes(&bytes).map_err(|_| KeyBytesError::Length(bytes.len()))?;
        // A shared secret is zero for every ephemeral key or for none: for those points whose order divides
        // the cofactor, which every (clamped) ephemeral key is a multiple of. One trial tells.
        hpke::setup_sender::<Aead, Kdf, Kem>(&OpModeS::Base, &point, INFO).map_err(|_| RecipientError::LowOrder)?;
        Ok(Self(point))
    }
}

/// Whether the number (little-endian) is below 2^255 - 19. The curve takes a larger one for its remainder,
/// but the sealed key would be bound to the bytes as given, and its owner could never open it.
fn is_reduced(bytes: &[u8; 32]) -> bool {
    let [lowest, middle @ .., highest] = bytes;
    let at_least_2_255_minus_19 = *highest == 0x7f && middle.iter().all(|&byte| byte == 0xff) && *lowest >= 0xed;
    *highest < 0x80 && !at_least_2_255_minus_19
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_bytes::encode(&self.0.to_bytes()))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=";

    #[test]
    fn a_recipient_reads_what_it_writes() {
        let recipient = Recipient::parse(&format!(" {GOOD}\n")).unwrap();
        assert_eq!(recipient.to_string(), GOOD);
        assert_eq!(Recipient::parse(GOOD.trim_end_matches('=')).unwrap(), recipient);
    }

    #[test]
    fn what_is_no_recipient_is_refused() {
        for (text, error) in [
            (" ", RecipientError::Bytes(KeyBytesError::Empty)),
            ("no base64!", RecipientError::Bytes(KeyBytesError::NotBase64)),
            ("AAAA", RecipientError::Bytes(KeyBytesError::Length(3))),
            ("fulfil-private-key-v1:AAAA", RecipientError::Private),
            // The good one with the highest bit set, and 2^255 - 19 + 9.
            ("B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHPw=", RecipientError::NotReduced),
            ("9v///////////////////////////////////////38=", RecipientError::NotReduced),
            // 0 and 1: orders 1 and 4 of the curve's small subgroup.
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", RecipientError::LowOrder),
            ("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", RecipientError::LowOrder),
        ] {
            assert_eq!(Recipient::parse(text), Err(error), "{text}");
        }
    }
}
