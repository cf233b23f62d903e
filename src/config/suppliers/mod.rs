//! `[suppliers.NAME]`: a section for each supplier.
//!
//! What holds: the keys that every supplier has are one table ([`SUPPLIER_KEYS`], and `rates`), checked here.
//! Every other key belongs to the supplier's protocol: it is kept with its place and is not understood here.
//! Whoever knows the protocol says what is wrong ([`ProtocolError`]), which is reported with the file and line
//! like everything else. Any of them may be a secret, so none is shown.
//!
//! - the keys: `keys`, `rates`, `protocol`
//! - what the file and the environment give: `given`, `variables`
//! - what comes of it: [`SupplierSection`]; `check`; what its protocol refuses: `refusal`

mod check;
mod given;
mod keys;
mod protocol;
mod rates;
mod refusal;
mod section;
mod variables;

pub use check::ProtocolCheck;
pub use keys::{SUPPLIER_KEYS, SupplierDraft};
pub use refusal::ProtocolError;
pub use section::{BreakerSection, SupplierKind, SupplierSection};

pub(super) use check::{check, drain_is_long_enough, lease_is_long_enough};
pub(super) use given::GivenSupplier;
pub(super) use rates::ROW as RATES;
pub(super) use variables::Variables;

/// Where they stand.
pub(super) const SECTION: &str = "suppliers";

/// The section of one.
pub(super) fn section_of(name: &fulfil_contract::supplier::SupplierName) -> String {
    format!("{SECTION}.{name}")
}

/// Whether every supplier has a key of this name.
pub(super) fn is_own(name: &str) -> bool {
    names().any(|own| own == name)
}

/// Of the keys that every supplier has.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SUPPLIER_KEYS.iter().map(|key| key.name).chain([RATES.name])
}
