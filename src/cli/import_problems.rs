//! The lines of a key file that were not imported: the first of them for a person, all of them in a report.

use std::{
    fmt::Display,
    fs::File,
    io::BufWriter,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    failure::{Exit, Failure},
    output::Output,
    summary::grouped,
};
use crate::stock::import::{ImportCounts, Problem};

/// Problems that are told one by one, of each kind.
const MOST_TOLD: usize = 10;
/// Problems that are listed for a program.
const MOST_LISTED: usize = 100;
const REPEAT: &str = "repeat: this key is in the ledger already, or stands earlier in the file";

/// A line, and why it was not imported.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    pub line: u64,
    pub problem: String,
}

/// What was not imported, as far as it is told.
#[derive(Debug, Default)]
pub struct Problems {
    bad: Vec<String>,
    repeats: Vec<u64>,
    listed: Vec<Listed>,
    report: Option<Report>,
}

impl Problems {
    /// Makes the report's file, where one is wanted.
    ///
    /// # Errors
    /// 73 when it can't be made; 64 when it is the key file itself, which would be lost.
    pub fn new(report: Option<&Path>, keys: &Path) -> Result<Self, Failure> {
        let report = report.map(|path| Report::create(path, keys)).transpose()?;
        Ok(Self { report, ..Self::default() })
    }

    pub fn take(&mut self, problem: &Problem) {
        let (line, sku, text) = match problem {
            Problem::Repeat { line, sku } => (*line, sku.as_str(), REPEAT),
            Problem::Bad(bad) => (bad.number, "", bad.problem.as_str()),
        };
        if let Some(report) = &mut self.report {
            report.write(line, sku, text);
        }
        if self.listed.len() < MOST_LISTED {
            self.listed.push(Listed { line, problem: text.to_owned() });
        }
        match problem {
            Problem::Repeat { .. } if self.repeats.len() < MOST_TOLD => self.repeats.push(line),
            Problem::Bad(_) if self.bad.len() < MOST_TOLD => self.bad.push(format!("{line}: {text}")),
            Problem::Repeat { .. } | Problem::Bad(_) => {}
        }
    }

    /// The first hundred.
    #[must_use]
    pub fn listed(&self) -> &[Listed] {
        &self.listed
    }

    /// Ends the report, where there is one.
    ///
    /// # Errors
    /// 73 when some of it could not be written.
    pub fn end_report(&mut self) -> Result<(), Failure> {
        self.report.take().map_or(Ok(()), Report::end)
    }

    /// The first of each kind.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn tell(&self, counts: &ImportCounts, output: &mut Output) -> Result<(), Failure> {
        let more = |all: u64, told: usize| match all.saturating_sub(told as u64) {
            0 => String::new(),
            more => format!(" and {} more (--report FILE writes all of them)", grouped(more)),
        };
        if !self.repeats.is_empty() {
            let more = more(counts.repeats, self.repeats.len());
            let numbers = self.repeats.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            output.line(format_args!(
                "Known already (in the ledger, or earlier in the file), and skipped: line {numbers}{more}"
            ))?;
        }
        if !self.bad.is_empty() {
            output.line("Bad:")?;
            self.bad.iter().try_for_each(|bad| output.line(format_args!("  line {bad}")))?;
            let more = more(counts.bad_lines, self.bad.len());
            if !more.is_empty() {
                output.line(format_args!(" {more}"))?;
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Report {
    path: PathBuf,
    to: csv::Writer<BufWriter<File>>,
    failed: Option<csv::Error>,
}

impl Report {
    fn create(path: &Path, keys: &Path) -> Result<Self, Failure> {
        let which = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
        if which(path).is_some_and(|file| Some(file) == which(keys)) {
            return Err(Failure::new(
                Exit::Usage,
                format!("--report {} is the key file itself: name another file", path.display()),
            ));
        }
        let file = File::create(path).map_err(|error| refused(path, &error))?;
        let mut report =
            Self { path: path.to_owned(), to: csv::Writer::from_writer(BufWriter::new(file)), failed: None };
        report.failed = report.to.write_record(["line", "sku", "problem"]).err();
        Ok(report)
    }

    fn write(&mut self, line: u64, sku: &str, problem: &str) {
        if self.failed.is_none() {
            self.failed = self.to.write_record([&line.to_string(), sku, problem]).err();
        }
    }

    fn end(mut self) -> Result<(), Failure> {
        if let Some(error) = &self.failed {
            return Err(refused(&self.path, error));
        }
        self.to.flush().map_err(|error| refused(&self.path, &error))
    }
}

fn refused(path: &Path, error: &dyn Display) -> Failure {
    Failure::new(
        Exit::CantCreate,
        format!("the report {} can't be written: {error}; name another file", path.display()),
    )
}
