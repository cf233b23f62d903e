//! What a supplier's protocol lets the pool do about a purchase without a clear answer.

use supplier_doubles::Protocol;

/// How a purchase without a clear answer is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settles {
    /// It is asked by our reference; where it knows of none, the same is sent again, and then it is a no.
    AskThenSendAgain,
    /// It is asked by our reference; where it knows of none, a person is: the same might buy twice.
    AskAlone,
    /// The same is sent again, so often at most; then a person is asked.
    SendAgain { most: usize },
    /// It can be neither asked nor sent again: a person is asked at once.
    NoWay,
}

pub(super) fn settles(protocol: Protocol) -> Settles {
    match protocol {
        Protocol::Kasushou | Protocol::Reloadly => Settles::AskThenSendAgain,
        Protocol::Kinguin => Settles::AskAlone,
        Protocol::Dujiao => Settles::SendAgain { most: 10 },
        Protocol::AcgFaka => Settles::NoWay,
    }
}

/// A supplier that can't be asked by our reference, and answers it again, is sent it again at once: that is its
/// recovery.
pub(super) fn asks_first(protocol: Protocol) -> bool {
    match settles(protocol) {
        Settles::AskThenSendAgain | Settles::AskAlone | Settles::NoWay => true,
        Settles::SendAgain { .. } => false,
    }
}

/// It tells of each key whether it is there: of too few, that the rest is to come.
pub(super) fn says_what_is_to_come(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Kinguin => true,
        Protocol::Kasushou | Protocol::AcgFaka | Protocol::Reloadly | Protocol::Dujiao => false,
    }
}
