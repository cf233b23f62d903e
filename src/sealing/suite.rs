//! The parameters of sealing (RFC 9180), the same for every key ever sealed.
//!
//! What holds: base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305, the info text below, and the SKU as the
//! associated data. A change of any of them makes every key in the ledger unreadable.

pub(super) type Kem = hpke::kem::X25519HkdfSha256;
pub(super) type Kdf = hpke::kdf::HkdfSha256;
pub(super) type Aead = hpke::aead::ChaCha20Poly1305;

/// Sets these sealed values apart from any other use of the same key pair.
pub(super) const INFO: &[u8] = b"fulfil card key v1";

/// Bytes of the encapsulated key, with which a sealed key begins.
pub(super) const ENCAPSULATED: usize = 32;

/// Bytes of the authentication tag, with which a sealed key ends.
pub(super) const TAG: usize = 16;
