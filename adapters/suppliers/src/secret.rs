//! What only we and a supplier know. What holds here: it is shown by no `Debug`, by no error text, and is
//! wiped when dropped.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error};
use zeroize::Zeroizing;

/// A secret text of a supplier's settings.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// For signing and for sending alone.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What was found is not shown, whatever it is: it may be the secret, only of the wrong kind.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Any value can be read; an error says that there is none.
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) if text.is_empty() => {
                Err(D::Error::custom("found an empty text, allowed is a text"))
            }
            serde_json::Value::String(text) => Ok(Self::new(text)),
            _ => Err(D::Error::custom("found something that is no text (not shown), allowed is a text")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret: Secret = serde_json::from_str(r#""geheim""#).unwrap();
        assert_eq!(secret.expose(), "geheim");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        let error = serde_json::from_str::<Secret>("4711").unwrap_err().to_string();
        assert!(!error.contains("4711") && error.contains("allowed is a text"), "{error}");
        assert!(serde_json::from_str::<Secret>(r#""""#).is_err());
    }
}
