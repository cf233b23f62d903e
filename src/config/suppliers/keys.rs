//! The table of the keys that every supplier has. A new key is a row here and a field in its section.

use std::time::Duration;

use fulfil_contract::money::Currency;

use super::{
    super::{keys::Key, kind::Kind, supplier_url::SupplierUrl},
    section::{BreakerSection, SupplierKind},
};

/// A section while its keys are set, one after another.
#[derive(Debug, Default)]
pub struct SupplierDraft {
    pub(super) kind: Option<SupplierKind>,
    pub(super) url: Option<SupplierUrl>,
    pub(super) currency: Option<Currency>,
    pub(super) timeout: Duration,
    pub(super) settle: Option<Duration>,
    pub(super) concurrency: usize,
    pub(super) per_second: Option<u16>,
    pub(super) poll: Duration,
    pub(super) breaker: BreakerSection,
}

const SECTION: &str = "suppliers.NAME";

/// Every key that a supplier of any kind has; `rates` besides.
pub static SUPPLIER_KEYS: &[Key<SupplierDraft>] = &[
    Key {
        section: SECTION,
        name: "kind",
        default: None,
        doc: "what it speaks; the other keys of its section depend on this; required",
        kind: Kind::Choice {
            of: &[
                ("json", |s| s.kind = Some(SupplierKind::Json)),
                ("kasushou", |s| s.kind = Some(SupplierKind::Kasushou)),
                ("acg_faka", |s| s.kind = Some(SupplierKind::AcgFaka)),
                ("kinguin", |s| s.kind = Some(SupplierKind::Kinguin)),
                ("reloadly", |s| s.kind = Some(SupplierKind::Reloadly)),
            ],
        },
    },
    Key {
        section: SECTION,
        name: "url",
        default: None,
        doc: "where it is; calls go to this host and to no other; required",
        kind: Kind::SupplierUrl { set: |s, url| s.url = Some(url) },
    },
    Key {
        section: SECTION,
        name: "currency",
        default: None,
        doc: "the currency of its prices, in routes too; required",
        kind: Kind::Currency { set: |s, currency| s.currency = Some(currency) },
    },
    Key {
        section: SECTION,
        name: "timeout_ms",
        default: Some("20000"),
        doc: "how long one call may take; at least 2 s less than `procurement.lease_seconds` and `worker.drain_seconds`",
        kind: Kind::Milliseconds { from: 100, to: 300_000, set: |s, time| s.timeout = time },
    },
    Key {
        section: SECTION,
        name: "settle_seconds",
        default: None,
        doc: "so long after a call a purchase may still appear there; without it, what is known of its protocol",
        kind: Kind::Seconds { from: 0, to: 86_400, set: |s, time| s.settle = Some(time) },
    },
    Key {
        section: SECTION,
        name: "concurrency",
        default: Some("16"),
        doc: "the most calls of one process under way at once",
        kind: Kind::Count { from: 1, to: 1000, set: |s, n| s.concurrency = n.into() },
    },
    Key {
        section: SECTION,
        name: "per_second",
        default: None,
        doc: "the most calls that one process begins in a second; without it, no limit",
        kind: Kind::Count { from: 1, to: 10_000, set: |s, n| s.per_second = Some(n) },
    },
    Key {
        section: SECTION,
        name: "poll_seconds",
        default: Some("3"),
        doc: "the first pause between queries for a purchase that it has accepted; later ones are longer",
        kind: Kind::Seconds { from: 1, to: 3600, set: |s, time| s.poll = time },
    },
    Key {
        section: SECTION,
        name: "breaker_failure_percent",
        default: Some("50"),
        doc: "when so many of the last calls have failed, it is left alone for a while",
        kind: Kind::Count { from: 1, to: 100, set: |s, n| s.breaker.failure_percent = n },
    },
    Key {
        section: SECTION,
        name: "breaker_slow_percent",
        default: Some("80"),
        doc: "or when so many of them were slow",
        kind: Kind::Count { from: 1, to: 100, set: |s, n| s.breaker.slow_percent = n },
    },
    Key {
        section: SECTION,
        name: "breaker_slow_ms",
        default: Some("10000"),
        doc: "a call that takes longer is slow",
        kind: Kind::Milliseconds { from: 10, to: 300_000, set: |s, time| s.breaker.slow = time },
    },
    Key {
        section: SECTION,
        name: "breaker_window",
        default: Some("50"),
        doc: "how many of the last calls are looked at",
        kind: Kind::Count { from: 1, to: 10_000, set: |s, n| s.breaker.window = n.into() },
    },
    Key {
        section: SECTION,
        name: "breaker_open_seconds",
        default: Some("10"),
        doc: "how long it is left alone",
        kind: Kind::Seconds { from: 1, to: 3600, set: |s, time| s.breaker.open = time },
    },
];

/// The row of a key, by its name.
pub(super) fn find(name: &str) -> Option<&'static Key<SupplierDraft>> {
    SUPPLIER_KEYS.iter().find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_chosen() {
        let Kind::Choice { of } = &SUPPLIER_KEYS[0].kind else { panic!("the first key is the kind") };
        for kind in SupplierKind::ALL {
            let mut draft = SupplierDraft::default();
            of.iter().find(|(word, _)| *word == kind.as_str()).unwrap().1(&mut draft);
            assert_eq!(draft.kind, Some(kind));
        }
        assert_eq!(of.len(), SupplierKind::ALL.len());
    }
}
