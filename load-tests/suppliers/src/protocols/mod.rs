//! The protocols, each by itself: it checks who asks, reads what is asked, and answers as the real one does.

mod acg_faka;
mod dujiao;
mod kasushou;
mod kinguin;
mod reloadly;

use crate::{
    asked::Asked,
    callback::CallbackMessage,
    order::Order,
    protocol::{Credentials, Protocol},
    reply::Reply,
    shop::Shop,
};

pub(crate) fn answer(shop: &mut Shop, asked: &Asked) -> Reply {
    match shop.protocol {
        Protocol::Kasushou => kasushou::answer(shop, asked),
        Protocol::AcgFaka => acg_faka::answer(shop, asked),
        Protocol::Kinguin => kinguin::answer(shop, asked),
        Protocol::Reloadly => reloadly::answer(shop, asked),
        Protocol::Dujiao => dujiao::answer(shop, asked),
    }
}

/// The supplier's id of an order, as the protocol writes it.
pub(crate) fn their_id(protocol: Protocol, order: &Order) -> String {
    match protocol {
        Protocol::Kasushou => kasushou::their_id(order),
        Protocol::AcgFaka => acg_faka::their_id(order),
        Protocol::Kinguin => kinguin::their_id(order),
        Protocol::Reloadly | Protocol::Dujiao => order.number.to_string(),
    }
}

/// A callback about an order, signed at `at_us` with these credentials; `None` where the protocol has none.
pub(crate) fn callback(
    protocol: Protocol,
    credentials: &Credentials,
    order: &Order,
    at_us: u64,
) -> Option<CallbackMessage> {
    match protocol {
        Protocol::Kasushou => Some(kasushou::callback(credentials, order, at_us)),
        Protocol::Kinguin => Some(kinguin::callback(credentials, order, at_us)),
        Protocol::Dujiao => Some(dujiao::callback(credentials, order, at_us)),
        Protocol::AcgFaka | Protocol::Reloadly => None,
    }
}

/// What the protocol sends beside status 429.
pub(crate) fn throttling(protocol: Protocol, retry_after: u64, at_us: u64) -> Vec<(&'static str, String)> {
    let retry = ("retry-after", retry_after.to_string());
    match protocol {
        Protocol::Reloadly => vec![
            retry,
            ("x-ratelimit-limit", "60".into()),
            ("x-ratelimit-remaining", "0".into()),
            ("x-ratelimit-reset", (at_us / 1_000_000 + retry_after).to_string()),
        ],
        Protocol::Kasushou | Protocol::AcgFaka | Protocol::Kinguin | Protocol::Dujiao => vec![retry],
    }
}

/// RFC 3339, to the second, from microseconds since 1970.
fn date_time(at_us: u64) -> String {
    let (days, second) = (at_us / 86_400_000_000, at_us / 1_000_000 % 86_400);
    // Days to a date by Howard Hinnant's civil_from_days, for dates after 1970.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00")
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates() {
        assert_eq!(super::date_time(0), "1970-01-01T00:00:00+00:00");
        assert_eq!(super::date_time(1_709_210_096_000_000), "2024-02-29T12:34:56+00:00");
        assert_eq!(super::date_time(1_795_313_206_123_456), "2026-11-22T02:06:46+00:00");
    }
}
