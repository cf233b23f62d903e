//! A card key as somebody gave it to us, checked.
//!
//! What holds: 1–4096 bytes, no white space at either end, no U+0000, and something is left of it after
//! normalisation (otherwise all such keys of a SKU would be repeats of each other).

use std::fmt;

use super::normalise::normalise;

/// A key in clear, borrowed from where it was read. What is sealed is [`CardKey::as_str`], to the byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CardKey<'a>(&'a str);

/// Why a text is not a card key. It never quotes the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardKeyError {
    #[error("the key is empty")]
    Empty,
    #[error("the key is {0} bytes long, at most {most} are allowed", most = CardKey::MOST_BYTES)]
    TooLong(usize),
    #[error("the key holds the character U+0000")]
    Nul,
    #[error("the key holds nothing but spaces, dashes and invisible characters")]
    NothingLeft,
}

impl<'a> CardKey<'a> {
    /// The longest key, in bytes of UTF-8.
    pub const MOST_BYTES: usize = 4096;

    /// Trims white space at both ends and checks the rest.
    ///
    /// # Errors
    /// [`CardKeyError`] says what is wrong with the text, without quoting it.
    pub fn parse(text: &'a str) -> Result<Self, CardKeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(CardKeyError::Empty);
        }
        if text.len() > Self::MOST_BYTES {
            return Err(CardKeyError::TooLong(text.len()));
        }
        if text.contains('\0') {
            return Err(CardKeyError::Nul);
        }
        if normalise(text).is_empty() {
            return Err(CardKeyError::NothingLeft);
        }
        Ok(Self(text))
    }

    /// The key itself. Do not log it.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for CardKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CardKey({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_trimmed_at_its_ends_and_nowhere_else() {
        assert_eq!(CardKey::parse(" \tab-CD 12\u{a0}\r\n").unwrap().as_str(), "ab-CD 12");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for (text, error) in [
            (String::new(), CardKeyError::Empty),
            (" \r\n\t".into(), CardKeyError::Empty),
            ("x".repeat(4097), CardKeyError::TooLong(4097)),
            ("ü".repeat(2049), CardKeyError::TooLong(4098)),
            ("AB\0CD".into(), CardKeyError::Nul),
            ("AB\0".into(), CardKeyError::Nul),
            ("--- \u{200b} –".into(), CardKeyError::NothingLeft),
        ] {
            assert_eq!(CardKey::parse(&text), Err(error), "{text:?}");
        }
        assert!(CardKey::parse(&format!(" {} ", "x".repeat(4096))).is_ok());
        assert!(CardKey::parse("1").is_ok());
    }

    #[test]
    fn neither_debug_nor_an_error_shows_a_key() {
        let shown = format!("{:?}", CardKey::parse("SECRET-KEY-1234").unwrap());
        assert_eq!(shown, "CardKey(15 bytes)");
        let error = CardKey::parse("SECRET\0").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SECRET"));
    }
}
