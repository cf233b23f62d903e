//! The text form of a public or private key: 32 bytes in base64.

use base64::{Engine, engine::general_purpose::STANDARD_PAD_INDIFFERENT};

/// Why a text is not 32 bytes in base64. It never quotes the text, which may be a private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyBytesError {
    #[error("is empty")]
    Empty,
    #[error("is not base64 (A-Z a-z 0-9 + / and = at the end)")]
    NotBase64,
    #[error("is {0} bytes long in base64, 32 are needed")]
    Length(usize),
}

pub(super) fn decode(text: &str) -> Result<[u8; 32], KeyBytesError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(KeyBytesError::Empty);
    }
    let bytes = STANDARD_PAD_INDIFFERENT.decode(text).map_err(|_| KeyBytesError::NotBase64)?;
    <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| KeyBytesError::Length(bytes.len()))
}

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD_PAD_INDIFFERENT.encode(bytes)
}
