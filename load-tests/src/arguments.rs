//! What every program takes that ends with a verdict, and how it ends: the report, then one last line on standard
//! output that begins with `CLEAN` or `NOT CLEAN`, and exit code 1 where it is not clean.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;
use tempfile::TempDir;

use crate::program::find;

#[derive(Debug, Args)]
pub struct Common {
    /// For everything that is left to chance; another one each time, unless given
    #[arg(long)]
    pub seed: Option<u64>,
    /// The program to test; else FULFIL_BIN, else target/release/fulfil
    #[arg(long)]
    pub fulfil: Option<PathBuf>,
    /// Keeps logs and results here; without it they are kept only when the verdict is not clean
    #[arg(long)]
    pub keep: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How the report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    /// One object; the last line then goes to standard error.
    Json,
}

/// What a run comes to.
pub trait Outcome: Serialize + Display {
    fn clean(&self) -> bool;
    /// What stands in the last line: the figures, in a few words.
    fn in_short(&self) -> String;
}

impl Common {
    /// As given, else another one each time.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().map_or(1, |time| u64::from(time.subsec_nanos())))
    }

    /// # Errors
    /// When there is no such binary.
    pub fn fulfil(&self) -> Result<PathBuf> {
        find(self.fulfil.clone())
    }

    /// Makes the folder of a run.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn workplace(&self, program: &str) -> Result<Workplace> {
        let mut folder = tempfile::Builder::new().prefix(&format!("fulfil-{program}-")).tempdir()?;
        let path = match &self.keep {
            Some(keep) => {
                std::fs::create_dir_all(keep).with_context(|| format!("cannot make {}", keep.display()))?;
                keep.canonicalize()?
            }
            None => folder.path().to_owned(),
        };
        // Whatever ends the run, the logs are there; they go when it was clean.
        folder.disable_cleanup(true);
        Ok(Workplace { folder, path, format: self.format })
    }
}

/// The folder of a run.
#[derive(Debug)]
pub struct Workplace {
    folder: TempDir,
    path: PathBuf,
    format: Format,
}

impl Workplace {
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Prints the report and the last line; a run that broke off is not clean.
    ///
    /// # Errors
    /// When the report can't be written as JSON.
    pub fn conclude<O: Outcome>(mut self, outcome: Result<O>) -> Result<ExitCode> {
        let (clean, last_line) = match &outcome {
            Ok(outcome) => (outcome.clean(), last_line(outcome.clean(), &outcome.in_short())),
            Err(error) => (false, last_line(false, &format!("the run broke off: {error:#}"))),
        };
        match (self.format, &outcome) {
            (Format::Text, Ok(outcome)) => println!("{outcome}\n{last_line}"),
            (Format::Text, Err(_)) => println!("{last_line}"),
            (Format::Json, outcome) => {
                let mut report = outcome.as_ref().map_or(Ok(serde_json::json!({})), serde_json::to_value)?;
                report["clean"] = clean.into();
                report["in_short"] = last_line.clone().into();
                println!("{}", serde_json::to_string_pretty(&report)?);
                eprintln!("{last_line}");
            }
        }
        if clean {
            self.folder.disable_cleanup(false);
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("logs and results are in {}", self.path.display());
        Ok(ExitCode::FAILURE)
    }
}

/// One line, whatever the text holds.
fn last_line(clean: bool, text: &str) -> String {
    let text = text.lines().map(str::trim).collect::<Vec<_>>().join(" / ");
    format!("{}: {text}", if clean { "CLEAN" } else { "NOT CLEAN" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_one_line() {
        assert_eq!(last_line(false, "worker 1:\n  no server"), "NOT CLEAN: worker 1: / no server");
        assert_eq!(last_line(true, "200 kills"), "CLEAN: 200 kills");
    }
}
