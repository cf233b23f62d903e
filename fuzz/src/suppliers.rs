//! A supplier of each kind, as `config/suppliers.toml` has them, and one that uses what its example of the kind
//! `json` leaves out. Each case gets its own: nothing of one is left for the next.

use std::sync::{Arc, LazyLock};

use fulfil::config::{Config, Sources, SupplierSection};
use fulfil_contract::ports::supplier::Supplier;
use fulfil_suppliers::{
    Carrier,
    settings::{Common, build},
};

/// The secret of all of them.
pub const SECRET: &str = "see-above";

static SECTIONS: LazyLock<Vec<SupplierSection>> = LazyLock::new(|| {
    let files = [include_str!("../../config/suppliers.toml"), include_str!("shapes.toml")];
    let sections = files.iter().map(|text| {
        let loaded = Config::load(Sources::default().with_file("suppliers.toml", text));
        loaded.map(|config| config.suppliers().to_vec()).unwrap_or_default()
    });
    sections.flatten().collect()
});

/// How they are named in a script.
#[must_use]
pub fn names() -> Vec<&'static str> {
    SECTIONS.iter().map(|section| section.name.as_str()).collect()
}

/// The one of that number among [`names`], whose calls `carrier` carries.
///
/// # Panics
/// It can't be built: its configuration is wrong.
#[must_use]
pub fn supplier(number: usize, carrier: Arc<dyn Carrier>) -> (&'static SupplierSection, Arc<dyn Supplier>) {
    let section = &SECTIONS[number];
    let built = build(section.kind.as_str(), common(section, carrier), section.protocol().clone());
    let supplier = built.unwrap_or_else(|error| panic_with(&error.to_string()));
    (section, supplier)
}

/// What stands around a section's own keys.
pub(crate) fn common(section: &SupplierSection, carrier: Arc<dyn Carrier>) -> Common {
    Common {
        name: section.name.clone(),
        url: section.url.as_str().to_owned(),
        currency: section.currency,
        timeout: section.timeout,
        settle: section.settle,
        carrier: Some(carrier),
    }
}

#[expect(clippy::panic, reason = "a target that can't be set up must not look like one that found nothing")]
fn panic_with(why: &str) -> ! {
    panic!("{why}")
}
