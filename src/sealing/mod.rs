//! Card keys are sealed here, and told apart without being opened.
//!
//! What holds: a key is a [`CardKey`] (checked) before anything is done with it; what leaves is a sealed
//! key and a fingerprint, neither of which gives the key away (I7); nothing in this module prints a key or
//! a secret. Only [`PrivateKey`] opens, and only `fulfil open` and tests have one.
//!
//! - the key as it was given, checked: [`CardKey`]
//! - sealing: [`Recipient`] (whom for) and [`Sealer`]
//! - finding repeats: [`FingerprintSecret`] and [`Fingerprinter`]
//! - opening: [`PrivateKey`], kept in a file by [`write_private_key`] and [`read_private_key`]

mod card_key;
mod fingerprint;
mod key_bytes;
mod normalise;
mod own_keys;
mod private_key;
mod private_key_file;
mod recipient;
mod sealer;
mod suite;

pub use card_key::{CardKey, CardKeyError};
pub use fingerprint::{FingerprintSecret, Fingerprinter, SecretTooShort};
pub use key_bytes::KeyBytesError;
pub use own_keys::{OwnKeys, OwnKeysError};
pub use private_key::{OpenError, PrivateKey, PrivateKeyError};
pub use private_key_file::{PrivateKeyFileError, read_private_key, write_private_key};
pub use recipient::{Recipient, RecipientError};
pub use sealer::Sealer;
