//! Identifiers. A value of one of these types has the shape that the contract gives it.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("is empty")]
    Empty,
    #[error("has {0} characters, at most 64 are allowed")]
    TooLong(usize),
    #[error("has the character {0:?}; allowed are {1}")]
    Character(char, &'static str),
}

const MOST_CHARACTERS: usize = 64;

fn check(text: &str, dot: bool) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MOST_CHARACTERS {
        return Err(IdError::TooLong(text.chars().count()));
    }
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-') || (dot && byte == b'.');
    if text.bytes().all(allowed) {
        return Ok(());
    }
    let wrong = text.chars().find(|&c| !u8::try_from(c).is_ok_and(allowed)).unwrap_or('\u{fffd}');
    Err(IdError::Character(wrong, if dot { "A-Z a-z 0-9 . _ : -" } else { "A-Z a-z 0-9 _ : -" }))
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $inner:ty, dot: $dot:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name($inner);

        impl $name {
            /// # Errors
            /// [`IdError`] names what is wrong with the text.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(text, $dot)?;
                Ok(Self(text.into()))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

text_id!(
    /// The platform's id of an order: 1–64 of `A-Z a-z 0-9 . _ : -`. One id has at most one effect (I2).
    OrderId, Box<str>, dot: true
);
text_id!(
    /// What is sold: 1–64 of `A-Z a-z 0-9 . _ : -`.
    Sku, Arc<str>, dot: true
);
text_id!(
    /// The distributor who placed the order: 1–64 of `A-Z a-z 0-9 _ : -` (no dot: it is a word of a routing key).
    MerchantId, Box<str>, dot: false
);
text_id!(
    /// One run of one worker process; its claims carry it, so that a dead worker's claims can be told.
    WorkerId, Arc<str>, dot: true
);

/// A key's number in the ledger; ids of one SKU rise in the order in which they were committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub i64);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A line's number within its order, as the platform gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct LineNo(pub u32);

/// How many keys a line wants: 1–1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Quantity(u32);

impl Quantity {
    /// The most that one line may want.
    pub const MOST: u32 = 1000;

    pub const ONE: Self = Self(1);

    /// `None` when `count` is not within 1–1000.
    #[must_use]
    pub fn new(count: u32) -> Option<Self> {
        (1..=Self::MOST).contains(&count).then_some(Self(count))
    }

    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }

    #[must_use]
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// The revision of an order's result; consumers keep the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Revision(pub u32);

impl Revision {
    pub const FIRST: Self = Self(1);
}

/// SHA-256 of a delivery's body, byte for byte as delivered (I2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BodyHash(pub [u8; 32]);

impl BodyHash {
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }

    /// The first `digits` hex digits, in lower case.
    #[must_use]
    pub fn hex(&self, digits: usize) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        text.truncate(digits);
        text
    }
}

impl fmt::Debug for BodyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex(16))
    }
}

/// A key's fingerprint: HMAC-SHA256 over SKU and normalised key, cut to 16 bytes; unique in the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

/// A sealed key: encapsulated key ‖ ciphertext (HPKE, RFC 9180). Nothing that we run opens it (I7).
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey(pub Vec<u8>);

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedKey({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_shape() {
        assert!(OrderId::parse("cdnow-000001.a:b_c").is_ok());
        assert_eq!(OrderId::parse(""), Err(IdError::Empty));
        assert_eq!(OrderId::parse(&"x".repeat(65)), Err(IdError::TooLong(65)));
        assert!(matches!(OrderId::parse("a b"), Err(IdError::Character(' ', _))));
        assert!(matches!(OrderId::parse("ä"), Err(IdError::Character('ä', _))));
        assert!(matches!(MerchantId::parse("m.02"), Err(IdError::Character('.', _))));
    }

    #[test]
    fn a_hash_is_written_as_hex() {
        assert_eq!(BodyHash::of(b"abc").hex(8), "ba7816bf");
        assert_eq!(BodyHash::of(b"abc").hex(64).len(), 64);
    }
}
