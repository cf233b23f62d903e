//! What the workers' logs say of breakers, in order, and whether that order is one that a breaker can have.

use std::{collections::BTreeMap, fmt, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Since the run began.
    pub seconds: f64,
    /// Its number, counted from 0; `None` for what the test itself did.
    pub worker: Option<usize>,
    pub supplier: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    GoesDark,
    ComesBack,
    Opened { for_ms: u64, failed: u64, of: u64 },
    HalfOpen,
    Closed,
}

/// Adds the events of one worker's log, which is JSON; `begin_us` is when the run began, in microseconds since 1970.
pub(super) fn read(log: &Path, worker: usize, begin_us: i64, events: &mut Vec<Event>) -> Result<()> {
    let text = std::fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))?;
    for line in text.lines().filter(|line| line.contains("the breaker ")) {
        let Ok(said) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let Some((kind, supplier)) = meaning(&said) else { continue };
        let at: jiff::Timestamp = said["timestamp"].as_str().context("a log line without a time")?.parse()?;
        let seconds = (at.as_microsecond() - begin_us) as f64 / 1e6;
        events.push(Event { seconds, worker: Some(worker), supplier, kind });
    }
    Ok(())
}

fn meaning(said: &serde_json::Value) -> Option<(Kind, String)> {
    let message = said["message"].as_str()?;
    // Numbers of 128 bits are logged as text.
    let number = |name: &str| said[name].as_u64().or_else(|| said[name].as_str()?.parse().ok()).unwrap_or(0);
    let kind = if message.starts_with("the breaker opens") {
        Kind::Opened { for_ms: number("for_ms"), failed: number("failed"), of: number("of") }
    } else if message.starts_with("the breaker is half open") {
        Kind::HalfOpen
    } else if message.starts_with("the breaker closes") {
        Kind::Closed
    } else {
        return None;
    };
    Some((kind, said["supplier"].as_str()?.to_owned()))
}

/// What is wrong with the order of events: no breaker changes like that, or it never opened, or it stayed open.
pub(super) fn out_of_order(events: &[Event], dead: &str, workers: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut stands: BTreeMap<usize, Kind> = (0..workers).map(|worker| (worker, Kind::Closed)).collect();
    let mut opened = 0;
    for event in events {
        let Some(worker) = event.worker else { continue };
        if event.supplier != dead {
            wrong.push(format!("the breaker of {}: {event}", event.supplier));
            continue;
        }
        let before = stands.insert(worker, event.kind).unwrap_or(Kind::Closed);
        let fits = match event.kind {
            Kind::Opened { .. } => !matches!(before, Kind::Opened { .. }),
            Kind::HalfOpen => matches!(before, Kind::Opened { .. }),
            Kind::Closed => before == Kind::HalfOpen,
            Kind::GoesDark | Kind::ComesBack => false,
        };
        opened += u32::from(matches!(event.kind, Kind::Opened { .. }));
        if !fits {
            wrong.push(format!("{event}, after {before}"));
        }
    }
    if opened == 0 {
        wrong.push("it never opened".to_owned());
    }
    let open = stands.iter().filter(|(_, kind)| **kind != Kind::Closed);
    wrong.extend(open.map(|(worker, kind)| format!("worker {worker} ends with: {kind}")));
    wrong
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.worker {
            Some(worker) => write!(f, "{:>8.2} s  worker {worker}: {}", self.seconds, self.kind),
            None => write!(f, "{:>8.2} s  {} {}", self.seconds, self.supplier, self.kind),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GoesDark => f.write_str("goes dark"),
            Self::ComesBack => f.write_str("comes back"),
            Self::Opened { for_ms, failed, of } => {
                write!(f, "breaker open for {:.1} s ({failed} of {of} calls failed)", *for_ms as f64 / 1e3)
            }
            Self::HalfOpen => f.write_str("breaker half open"),
            Self::Closed => f.write_str("breaker closed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENED: Kind = Kind::Opened { for_ms: 9000, failed: 5, of: 5 };

    fn events(kinds: &[(usize, Kind)]) -> Vec<Event> {
        let event = |&(worker, kind)| Event { seconds: 0.0, worker: Some(worker), supplier: "dead".into(), kind };
        kinds.iter().map(event).collect()
    }

    #[test]
    fn each_worker_s_breaker_goes_its_own_way() {
        let course = [(0, OPENED), (1, OPENED), (0, Kind::HalfOpen), (0, OPENED), (1, Kind::HalfOpen)];
        let mut course = course.to_vec();
        course.extend([(0, Kind::HalfOpen), (0, Kind::Closed), (1, Kind::Closed)]);
        assert_eq!(out_of_order(&events(&course), "dead", 2), Vec::<String>::new());
    }

    #[test]
    fn what_no_breaker_does_is_told() {
        for course in [
            vec![],
            vec![(0, OPENED)],
            vec![(0, OPENED), (0, Kind::Closed)],
            vec![(0, OPENED), (0, OPENED), (0, Kind::HalfOpen), (0, Kind::Closed)],
            vec![(0, Kind::HalfOpen), (0, Kind::Closed)],
        ] {
            assert!(!out_of_order(&events(&course), "dead", 1).is_empty(), "{course:?}");
        }
        let good = [(0, OPENED), (0, Kind::HalfOpen), (0, Kind::Closed)];
        assert!(!out_of_order(&events(&good), "other", 1).is_empty(), "another's breaker opened");
    }

    #[test]
    fn lines_of_the_log_are_read() {
        let said = serde_json::json!({
            "timestamp": "1970-01-01T00:00:02.500000Z", "level": "WARN", "supplier": "dead", "failed": 5, "of": 7,
            "for_ms": "9000", "message": "the breaker opens; what is to be bought here waits",
        });
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("not json: the breaker opens\n{said}\n")).unwrap();
        let mut events = Vec::new();
        read(file.path(), 3, 1_000_000, &mut events).unwrap();
        let kind = Kind::Opened { for_ms: 9000, failed: 5, of: 7 };
        assert_eq!(events, [Event { seconds: 1.5, worker: Some(3), supplier: "dead".into(), kind }]);
    }
}
