//! The protocols that are spoken, and what an account of each has for credentials.

use serde::{Deserialize, Serialize};

use crate::{
    mood::Duplicates,
    shelf::{Goods, Product},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    Kasushou,
    AcgFaka,
    Kinguin,
    Reloadly,
    Dujiao,
}

/// What we have been given by the supplier.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Credentials {
    /// kasushou `UserId`, acg-faka `app_id`, Reloadly `client_id`, dujiao-next API key; not used by Kinguin.
    pub account: String,
    /// kasushou API key, acg-faka `app_key`, Kinguin API key, Reloadly `client_secret`, dujiao-next secret.
    pub key: String,
    /// Kinguin's `X-Event-Secret`. The others sign callbacks with `key`, or send none.
    pub callback_secret: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl Protocol {
    pub const ALL: [Self; 5] = [Self::Kasushou, Self::AcgFaka, Self::Kinguin, Self::Reloadly, Self::Dujiao];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kasushou => "kasushou",
            Self::AcgFaka => "acg_faka",
            Self::Kinguin => "kinguin",
            Self::Reloadly => "reloadly",
            Self::Dujiao => "dujiao",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.as_str() == text)
    }

    /// What stands between the host and the protocol's own paths.
    #[must_use]
    pub fn base_path(self) -> &'static str {
        match self {
            Self::Kasushou | Self::AcgFaka | Self::Reloadly => "",
            Self::Kinguin => "/esa/api",
            Self::Dujiao => "/api/v1/upstream",
        }
    }

    #[must_use]
    pub fn currency(self) -> &'static str {
        match self {
            Self::Kasushou | Self::AcgFaka | Self::Dujiao => "CNY",
            Self::Kinguin => "EUR",
            Self::Reloadly => "USD",
        }
    }

    /// What the same reference does again: as documented; where it is not, what would hurt most.
    #[must_use]
    pub fn duplicates(self) -> Duplicates {
        match self {
            Self::Kasushou | Self::AcgFaka | Self::Reloadly => Duplicates::Refuse,
            Self::Kinguin => Duplicates::BuyAgain,
            Self::Dujiao => Duplicates::SameAgain,
        }
    }

    #[must_use]
    pub fn credentials(self) -> Credentials {
        let (account, key, callback_secret) = match self {
            Self::Kasushou => ("20001", "Kd93hWq7LmX2vRt5", ""),
            Self::AcgFaka => ("1001", "9F8A7B6C5D4E3F2A", ""),
            Self::Kinguin => ("", "c0ffee11decade22facade33", "kinguin-event-Zq81"),
            Self::Reloadly => ("client-5t6y7u", "reloadly-secret-8Hn2Kd", ""),
            Self::Dujiao => ("dj-key-4411", "dj-secret-Vb6Tn9", ""),
        };
        Credentials { account: account.into(), key: key.into(), callback_secret: callback_secret.into() }
    }

    /// One product of single keys, one of keys that come as number and password, and top-ups where there are
    /// any.
    #[must_use]
    pub fn products(self) -> Vec<Product> {
        let (keys, pairs, top_ups) = match self {
            Self::Kasushou => ("1001", Some("1002"), Some("1003")),
            Self::AcgFaka => ("8F3A21C09B7D4E65", None, None),
            Self::Kinguin => ("5c9b68662539a4e8f17ae2fe", None, None),
            Self::Reloadly => ("5", Some("6"), Some("341")),
            Self::Dujiao => ("1", None, None),
        };
        let of = |id: &str, goods| Product { id: id.into(), goods, unit_price: 1_000, stock: 1_000_000, on_sale: true };
        let rest = [pairs.map(|id| of(id, Goods::Pairs)), top_ups.map(|id| of(id, Goods::TopUp))];
        std::iter::once(of(keys, Goods::Keys)).chain(rest.into_iter().flatten()).collect()
    }
}
