//! What an adapter sees when it looks at its own server, held against what our promises need of it.
//!
//! What holds: a [`Check`] has one id, which never changes its meaning; what it came to is a [`Finding`]; a
//! finding that is not as it should be says how to mend it. Looking changes nothing on the server.

use serde::Serialize;

/// Whether what was looked at is as it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    Ok,
    /// Nothing that was looked at is broken, and something is worth a person's look.
    Warning,
    /// What the promise rests on could not be seen: the server is away, or our user may not look.
    NotAsked,
    /// The promise that rests on it does not hold.
    Broken,
}

/// What rests on a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Promise {
    /// Keys and orders have one place where they are decided, and what was decided stays.
    DecisionsStay,
    /// A commit, a confirm or an acknowledgement is followed by no loss.
    NothingIsLost,
    /// Every result comes to the platform.
    ResultsArrive,
    /// An order that kills workers is isolated by the ledger's count, and no healthy one goes with it.
    HealthyOrdersStay,
    /// Stock is complete again within a minute of any fault.
    NothingIsStranded,
    /// A restart of the stock server costs at most its last second.
    StockOutlivesRestarts,
    /// After an unknown outcome nothing is bought again before it is known.
    BoughtOnce,
    /// Nobody but the recipient reads a key, and a key is known again.
    KeysStaySealed,
    /// Orders expire when the platform means them to.
    ExpiryIsRight,
    /// Workers can work at all.
    WorkGoesOn,
    /// A fault elsewhere costs seconds, not minutes.
    FaultsAreShort,
}

impl Promise {
    /// In a few plain words, for a person.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::DecisionsStay => "what the ledger decided stays decided: no key is sold twice",
            Self::NothingIsLost => "no order is lost",
            Self::ResultsArrive => "every result reaches the platform",
            Self::HealthyOrdersStay => "no healthy order is dropped, however often workers die",
            Self::NothingIsStranded => "no key in stock is stranded",
            Self::StockOutlivesRestarts => "a restart of Redis loses one second of stock at most",
            Self::BoughtOnce => "nothing is bought twice",
            Self::KeysStaySealed => "keys stay sealed, and a known key is known again",
            Self::ExpiryIsRight => "orders expire when they should",
            Self::WorkGoesOn => "orders are worked off",
            Self::FaultsAreShort => "a fault costs seconds",
        }
    }

    /// The invariants that it is part of, by their numbers in `docs/invariants.md`.
    #[must_use]
    pub fn invariants(self) -> &'static [&'static str] {
        match self {
            Self::DecisionsStay => &["I1", "I2", "I3", "I5"],
            Self::NothingIsLost | Self::ResultsArrive => &["I4"],
            Self::HealthyOrdersStay => &["I8"],
            Self::NothingIsStranded => &["I5"],
            Self::BoughtOnce => &["I6"],
            Self::KeysStaySealed => &["I7"],
            Self::StockOutlivesRestarts | Self::ExpiryIsRight | Self::WorkGoesOn | Self::FaultsAreShort => &[],
        }
    }
}

/// One thing to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Check {
    /// `server.what`, for programs; never changes.
    pub id: &'static str,
    /// What is looked at, in a word or three.
    pub subject: &'static str,
    pub promise: Promise,
}

impl Check {
    #[must_use]
    pub fn ok(self, found: impl Into<String>) -> Finding {
        self.found(Grade::Ok, found)
    }

    #[must_use]
    pub fn warning(self, found: impl Into<String>) -> Finding {
        self.found(Grade::Warning, found)
    }

    #[must_use]
    pub fn broken(self, found: impl Into<String>) -> Finding {
        self.found(Grade::Broken, found)
    }

    #[must_use]
    pub fn not_asked(self, why: impl Into<String>) -> Finding {
        self.found(Grade::NotAsked, why)
    }

    fn found(self, grade: Grade, found: impl Into<String>) -> Finding {
        Finding { check: self, grade, found: found.into(), mend: Vec::new() }
    }
}

/// What mends a finding: a line, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mend {
    /// A file, or the program that takes the line.
    #[serde(rename = "in")]
    pub place: &'static str,
    pub line: String,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub check: Check,
    pub grade: Grade,
    /// What is there, and why that matters where it is not as it should be.
    pub found: String,
    /// In this order; none where all is well.
    pub mend: Vec<Mend>,
}

impl Finding {
    /// With one more line that mends it.
    #[must_use]
    pub fn mended(mut self, place: &'static str, line: impl Into<String>) -> Self {
        self.mend.push(Mend { place, line: line.into() });
        self
    }
}

/// Everything that was found out about one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// `RabbitMQ`, as people call it.
    pub server: &'static str,
    /// Where it is; never with a password.
    pub place: String,
    pub findings: Vec<Finding>,
}

impl Examination {
    /// The worst of its findings; nothing found is nothing asked.
    #[must_use]
    pub fn grade(&self) -> Grade {
        self.findings.iter().map(|finding| finding.grade).max().unwrap_or(Grade::NotAsked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: Check = Check { id: "a.b", subject: "b", promise: Promise::NothingIsLost };

    #[test]
    fn what_is_broken_outweighs_what_could_not_be_asked() {
        let of = |findings| Examination { server: "A", place: String::new(), findings }.grade();
        assert_eq!(of(vec![]), Grade::NotAsked);
        assert_eq!(of(vec![CHECK.ok("")]), Grade::Ok);
        assert_eq!(of(vec![CHECK.ok(""), CHECK.warning("")]), Grade::Warning);
        assert_eq!(of(vec![CHECK.not_asked(""), CHECK.warning("")]), Grade::NotAsked);
        assert_eq!(of(vec![CHECK.broken(""), CHECK.not_asked(""), CHECK.ok("")]), Grade::Broken);
    }
}
