//! What workers told of a crash point, read from their logs.

use std::{fs, path::Path};

use anyhow::{Context, Result};

/// How often it was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fired {
    pub(super) died: u64,
    pub(super) failed: u64,
    pub(super) stalled: u64,
    /// Stalls that are over.
    pub(super) went_on: u64,
}

impl Fired {
    pub(super) fn read(folder: &Path, point: &str) -> Result<Self> {
        let mut fired = Self::default();
        for file in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                fired.add(&String::from_utf8_lossy(&fs::read(&path)?), point);
            }
        }
        Ok(fired)
    }

    pub(super) fn times(self) -> u64 {
        self.died + self.failed + self.stalled
    }

    /// Nobody is still held up.
    pub(super) fn is_over(self) -> bool {
        self.went_on == self.stalled
    }

    fn add(&mut self, log: &str, point: &str) {
        let here = format!("crash point {point}: ");
        for told in log.lines().filter_map(|line| line.split_once(&here)).map(|(_, told)| told) {
            match told {
                "dying" => self.died += 1,
                "failing" => self.failed += 1,
                "going on" => self.went_on += 1,
                stalling if stalling.starts_with("stalling") => self.stalled += 1,
                // An error that quotes the failure.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_one_point_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let log = "crash point sent: stalling for 8 s\n{\"error\":\"crash point sent: failing; trying again\"}\ncrash point sent: going on\ncrash point paid: dying\n";
        fs::write(folder.path().join("worker-0.log"), log).unwrap();
        fs::write(folder.path().join("worker-1.log"), "crash point sent: failing\n").unwrap();
        let fired = Fired::read(folder.path(), "sent").unwrap();
        assert_eq!(fired, Fired { died: 0, failed: 1, stalled: 1, went_on: 1 });
        assert!(fired.is_over() && fired.times() == 2);
    }
}
